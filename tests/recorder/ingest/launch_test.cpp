#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "recorder/ingest/recorder.h"
#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/golden.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

class Launch : public testing::Test {
 protected:
  std::string output() const { return folder_.file("out.tscope"); }

  static std::vector<std::string> helper(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), TASKSCOPE_HELPER);
    return arguments;
  }

  Result<RecordSummary> record(std::vector<std::string> command) {
    auto recorder = Recorder::launch({std::move(command), output()});
    if (!recorder) return recorder.error();
    for (;;) {
      const auto progress = recorder->poll(20);
      if (!progress || progress->program_ended) break;
    }
    return recorder->finish();
  }

  // What is in the folder, "" if nothing.
  std::string leftovers() const {
    std::string names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names += entry.path().filename().string() + ' ';
    }
    return names;
  }

  void expect_whole(const RecordSummary& summary, std::uint64_t tasks, std::uint64_t events) {
    EXPECT_TRUE(summary.connected);
    EXPECT_TRUE(summary.info.complete);
    EXPECT_EQ(summary.info.tasks, tasks);
    EXPECT_EQ(summary.info.events, events);
    EXPECT_EQ(leftovers(), "out.tscope ");
  }

  tests::TemporaryFolder folder_;
};

// The main task's spawn, run and exit, and five events for each other.
constexpr std::uint64_t events_of(std::uint64_t tasks) { return 3 + 5 * tasks; }

TEST_F(Launch, OnlyTheLastPartIsKeptWhenThatIsAskedFor) {
  // The helper is over in far less than a second, all of which is older than a nanosecond.
  auto recorder = Recorder::launch({helper({"works", "40000"}), output(), {.keep_ns = 1}});
  ASSERT_TRUE(recorder) << recorder.error().message;
  while (!recorder->poll(20)->program_ended) {
  }
  const auto summary = recorder->finish();
  ASSERT_TRUE(summary) << summary.error().message;
  const store::RecordingInfo& info = summary->info;
  EXPECT_TRUE(info.complete);
  EXPECT_GT(info.dropped_events, 0u);
  EXPECT_EQ(info.events + info.dropped_events, events_of(40000));
  EXPECT_GT(info.kept_from_ns, 0);
  const auto reader = store::Reader::open(output());
  ASSERT_TRUE(reader);
  EXPECT_EQ(tests::all_events(*reader).size(), info.events);
  const auto tasks = reader->tasks();
  ASSERT_TRUE(tasks);
  EXPECT_EQ(tasks->size(), info.tasks);
  EXPECT_LT(tasks->size(), 40001u);
  // Nothing that is left speaks of a task that is gone.
  std::set<store::TaskId> ids;
  for (const auto& task : *tasks) ids.insert(task.id);
  for (const auto& span : tests::all_spans(*reader)) EXPECT_TRUE(ids.contains(span.task_id));
}

TEST_F(Launch, ARingThatIsOfferedLateIsReadLikeTheOthers) {
  const auto summary = record(helper({"grows", "700"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 702, events_of(700) + 4);
  EXPECT_EQ(summary->info.notes, "");
  EXPECT_EQ(summary->info.workers, 2u);
  EXPECT_EQ(summary->info.threads, 1u);
}

TEST_F(Launch, NothingIsTakenForLostBeforeAllRingsAreHereThatWereAnnounced) {
  const auto summary = record(helper({"hands-over-slowly"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 1, 7);
  EXPECT_EQ(summary->info.notes, "");
  const auto tasks = store::Reader::open(output())->tasks();
  ASSERT_EQ(tasks->size(), 1u);
  EXPECT_TRUE(tasks->front().created_ns);
}

TEST_F(Launch, AProgramIsRecordedToItsLastEvent) {
  const auto summary = record(helper({"works", "5000"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 5001, events_of(5000));
  EXPECT_EQ(summary->info.notes, "");
  EXPECT_EQ(summary->exit_code, 0);
  EXPECT_EQ(summary->exit_status, "exited 0");
  EXPECT_EQ(summary->info.exit_status, "exited 0");
  EXPECT_EQ(summary->info.program, "helper");
  EXPECT_EQ(summary->info.command, std::string(TASKSCOPE_HELPER) + " works 5000");
  EXPECT_EQ(summary->info.started.size(), std::string("2026-01-01T00:00:00Z").size());
  struct stat status {};
  ASSERT_EQ(stat(output().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  const auto reader = store::Reader::open(output());
  ASSERT_TRUE(reader);
  const auto tasks = reader->tasks();
  ASSERT_TRUE(tasks);
  for (const store::TaskRow& task : *tasks) {
    EXPECT_EQ(task.state, store::TaskState::Done);
    std::int64_t sum = 0;
    for (const std::int64_t ns : task.state_ns) sum += ns;
    EXPECT_EQ(sum, *task.ended_ns - *task.created_ns) << task.id;
  }
}

TEST_F(Launch, ACrashLosesNothing) {
  const auto summary = record(helper({"crashes", "700"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 701, events_of(700) - 1);
  EXPECT_EQ(summary->exit_code, 128 + SIGSEGV);
  EXPECT_EQ(summary->exit_status, "killed by SIGSEGV (Segmentation fault)");
  const auto reader = store::Reader::open(output());
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->tasks()->front().state, store::TaskState::Running);
  EXPECT_FALSE(reader->tasks()->front().ended_ns);
}

TEST_F(Launch, AKilledProgramLosesNothing) {
  const auto summary = record(helper({"is-killed", "700"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 701, events_of(700) - 1);
  EXPECT_EQ(summary->exit_status, "killed by SIGKILL (Killed)");
}

TEST_F(Launch, LossesThatADeadProgramNeverWroteDownAreCounted) {
  const auto summary = record(helper({"loses"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->info.lost_events, 17u);
  const auto reader = store::Reader::open(output());
  ASSERT_EQ(reader->lost()->size(), 1u);
  EXPECT_EQ(reader->lost()->front().worker_id, 0u);
}

TEST_F(Launch, LossesThatAProgramWroteDownAreNotCountedAgain) {
  const auto summary = record(helper({"loses-twice"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->info.lost_events, 17u);
  const auto lost = store::Reader::open(output())->lost();
  ASSERT_EQ(lost->size(), 2u);
  EXPECT_EQ(lost->front().events + lost->back().events, 17u);
}

TEST_F(Launch, AProgramWithoutTheRuntimeLeavesNoFile) {
  for (const char* how : {"exits-at-once", "junk-only"}) {
    const auto summary = record(helper({how}));
    ASSERT_TRUE(summary) << summary.error().message;
    EXPECT_FALSE(summary->connected);
    EXPECT_EQ(leftovers(), "") << how;
  }
  const auto summary = record({"/bin/sh", "-c", "exit 3"});
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->exit_code, 3);
  EXPECT_EQ(summary->exit_status, "exited 3");
  EXPECT_FALSE(summary->connected);
}

TEST_F(Launch, AProgramThatEndsAfterItsHelloLeavesAnEmptyRecording) {
  const auto summary = record(helper({"hello-only"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_TRUE(summary->connected);
  EXPECT_EQ(summary->exit_code, 4);
  EXPECT_EQ(summary->info.events, 0u);
  EXPECT_TRUE(store::Reader::open(output()));
}

TEST_F(Launch, AWrapperScriptIsNoObstacle) {
  const auto summary =
      record({"/bin/sh", "-c", std::string(TASKSCOPE_HELPER) + " works 10; exit 7"});
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 11, events_of(10));
  EXPECT_EQ(summary->exit_code, 7);
}

TEST_F(Launch, AForkedChildThatLivesOnHoldsNothingUp) {
  const auto summary = record(helper({"forks"}));
  ASSERT_TRUE(summary) << summary.error().message;
  expect_whole(*summary, 11, events_of(10));
}

TEST_F(Launch, JunkOnTheSocketIsSkippedAndNoted) {
  const auto summary = record(helper({"junk"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->info.events, events_of(10));
  EXPECT_NE(summary->info.notes.find("no message of the trace protocol"), std::string::npos);
  EXPECT_NE(summary->info.notes.find("no memory came with it"), std::string::npos);
  EXPECT_NE(summary->info.notes.find("12345 records is not allowed"), std::string::npos);
}

TEST_F(Launch, ALyingRingIsGivenUpAndOthersAreUnharmed) {
  const auto summary = record(helper({"lies", "1000"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->info.tasks, 1001u);
  EXPECT_NE(summary->info.notes.find("worker 1 was given up"), std::string::npos)
      << summary->info.notes;
}

TEST_F(Launch, ANewerFormatIsRefusedWithWhatToDo) {
  auto recorder = Recorder::launch({helper({"newer"}), output()});
  ASSERT_TRUE(recorder);
  std::string message;
  for (;;) {
    const auto progress = recorder->poll(20);
    if (!progress) message = progress.error().message;
    if (!progress || progress->program_ended) break;
  }
  EXPECT_EQ(message, "helper speaks trace format 2, this taskscope reads 1: update taskscope.");
  EXPECT_FALSE(recorder->finish());
  EXPECT_EQ(leftovers(), "");
}

TEST_F(Launch, ProgramsThatCannotStartAreNamed) {
  std::ofstream(folder_.file("plain.txt")) << "text\n";
  std::ofstream(folder_.file("script")) << "#!/no/such/interpreter\n";
  std::filesystem::permissions(folder_.file("script"), std::filesystem::perms::owner_all);
  const auto message = [&](const std::string& program) {
    const auto summary = record({program});
    return summary ? "started" : summary.error().message;
  };
  EXPECT_EQ(message("/no/such/program"), "Cannot start /no/such/program: there is no such file.");
  EXPECT_EQ(message("no-such-program"), "Cannot start no-such-program: it is not in the PATH.");
  EXPECT_EQ(message(folder_.path()), "Cannot start " + folder_.path() + ": it is a folder.");
  EXPECT_NE(message(folder_.file("plain.txt")).find("it is not executable"), std::string::npos);
  EXPECT_NE(message(folder_.file("script")).find("interpreter"), std::string::npos);
  EXPECT_EQ(message(""), "There is no program to record.");
  EXPECT_EQ(leftovers().find("out"), std::string::npos);
}

TEST_F(Launch, FinishingEarlyLetsTheProgramRunOn) {
  auto recorder = Recorder::launch({helper({"waits-for-signal"}), output()});
  ASSERT_TRUE(recorder);
  for (;;) {
    const auto progress = recorder->poll(5);
    ASSERT_TRUE(progress);
    EXPECT_FALSE(progress->program_ended);
    if (progress->events == events_of(10)) break;  // without the exit, with the wake
  }
  const auto summary = recorder->finish();
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(summary->exit_status, "");
  EXPECT_EQ(summary->info.tasks, 11u);
  EXPECT_TRUE(summary->info.complete);
  recorder->signal_program(SIGINT);
}

TEST_F(Launch, ASignalReachesTheProgram) {
  auto recorder = Recorder::launch({helper({"waits-for-signal"}), output()});
  ASSERT_TRUE(recorder);
  bool sent = false;
  for (;;) {
    const auto progress = recorder->poll(5);
    ASSERT_TRUE(progress);
    if (progress->program_ended) break;
    if (!sent && progress->events == events_of(10)) {
      recorder->signal_program(SIGINT);
      sent = true;
    }
  }
  const auto summary = recorder->finish();
  ASSERT_TRUE(summary);
  expect_whole(*summary, 11, events_of(10) + 1);
}

TEST_F(Launch, AnOlderRecordingIsReplacedOnlyByAWholeOne) {
  ASSERT_TRUE(record_text("w0 5 spawn task=1 site=1\n", output()));
  ASSERT_TRUE(record(helper({"exits-at-once"})));
  EXPECT_EQ(store::Reader::open(output())->info().events, 1u);
  const auto summary = record(helper({"works"}));
  ASSERT_TRUE(summary) << summary.error().message;
  EXPECT_EQ(store::Reader::open(output())->info().events, events_of(10));
}

TEST_F(Launch, OtherFilesAreNeverReplaced) {
  std::ofstream(output()) << "dear diary";
  const auto summary = record(helper({"works"}));
  ASSERT_FALSE(summary);
  EXPECT_EQ(summary.error().message, "Cannot write " + output() +
                                         ": it exists and is not a recording; choose another "
                                         "name.");
  EXPECT_EQ(tests::read_file(output()), "dear diary");
  EXPECT_EQ(leftovers(), "out.tscope ");
}

TEST_F(Launch, PlacesThatCannotBeWrittenAreNamed) {
  const auto message = [](const std::string& path) {
    const auto recorder = Recorder::launch({{"true"}, path});
    return recorder ? "launched" : recorder.error().message;
  };
  EXPECT_EQ(message(folder_.path()), "Cannot write " + folder_.path() + ": it is a folder.");
  EXPECT_EQ(message("/no/such/folder/a"),
            "Cannot write /no/such/folder/a: there is no folder /no/such/folder.");
  EXPECT_EQ(message("/dev/null"), "Cannot write /dev/null: it is not a regular file.");
  EXPECT_EQ(message("/proc/a.tscope").substr(0, 30), "Cannot write /proc/a.tscope: t");
  EXPECT_EQ(message(""), "The recording needs a file name.");
}

TEST_F(Launch, TwoRecordersDoNotShareAFile) {
  auto first = Recorder::launch({helper({"waits-for-signal"}), output()});
  ASSERT_TRUE(first);
  const auto second = Recorder::launch({helper({"works"}), output()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another taskscope is recording"), std::string::npos);
  first->signal_program(SIGKILL);
}

// Records under a file size limit, which holds for the whole process. Never returns: exits with 0
// if the recording is whole, 1 if it was stopped, with the error in the file `error`.
[[noreturn]] void record_with_limit(const std::vector<std::string>& command,
                                    const std::string& output, rlim_t bytes,
                                    const std::string& error) {
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  const rlimit before = limit;
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
  auto recorder = Recorder::launch({command, output});
  std::string message = recorder ? "" : recorder.error().message;
  if (recorder) {
    for (;;) {
      const auto progress = recorder->poll(20);
      if (!progress) message = progress.error().message;
      if (!progress || progress->program_ended) break;
    }
    const auto finished = recorder->finish();
    if (message.empty() && !finished) message = finished.error().message;
    recorder->signal_program(SIGKILL);
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::ofstream(error) << message;
  _exit(message.empty() ? 0 : 1);
}

TEST_F(Launch, AFullDiskStopsTheRecordingAndKeepsWhatIsStored) {
  constexpr std::uint64_t kTasks = 12'000;
  int stopped = 0;
  int whole = 0;
  // From too small for the tables up to more than enough: a commit, a checkpoint and the last
  // steps of all come upon the limit.
  for (rlim_t bytes = 20'001; bytes < 2'000'000; bytes += bytes / 5 + 331) {
    const tests::TemporaryFolder folder;
    const std::string path = folder.file("out.tscope");
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      record_with_limit(helper({"works", std::to_string(kTasks)}), path, bytes,
                        folder.file("error"));
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << bytes;
    if (WEXITSTATUS(status) == 0) {
      ++whole;
      EXPECT_EQ(store::Reader::open(path)->info().events, events_of(kTasks)) << bytes;
      continue;
    }
    ++stopped;
    const std::string message = tests::read_file(folder.file("error"));
    EXPECT_NE(message.find(path + ".partial: the file size limit is reached"), std::string::npos)
        << bytes << message;
    EXPECT_NE(message.find("ulimit -f"), std::string::npos) << bytes << message;
    EXPECT_EQ(message.find(". "), std::string::npos) << "more than one sentence: " << message;
    EXPECT_FALSE(std::filesystem::exists(path)) << bytes;
    if (!std::filesystem::exists(path + ".partial")) continue;
    const auto reader = store::Reader::open(path + ".partial");
    ASSERT_TRUE(reader) << bytes << reader.error().message;
    EXPECT_EQ(tests::all_events(*reader).size(), reader->info().events) << bytes;
  }
  EXPECT_GT(stopped, 3);
  EXPECT_GT(whole, 0);
}

}  // namespace
}  // namespace taskscope::ingest
