// Whole runs with a recorder played inside this process.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "runtime/base/sanitizer.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/listening_socket.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using test::FakeRecorder;
using test::Rings;
using test::sized;
using test::TraceTotals;
using tf::EventKind;

class TracedRunTest : public test::RuntimeTest {
 protected:
  // Records a run; the rings are large enough for all of it.
  TraceTotals record(const std::function<void()>& main) {
    FakeRecorder recorder;
    stats_ = run(main);
    recorder.receive();
    EXPECT_TRUE(recorder.hello().has_value());
    EXPECT_EQ(recorder.rings().size(), workers() + 1);
    EXPECT_TRUE(recorder.said_bye());
    Rings rings;
    recorder.drain_into(rings);
    for (auto& ring : recorder.rings()) EXPECT_EQ(ring.header().lost, 0u);
    TraceTotals totals = test::check_trace(rings);
    EXPECT_EQ(totals.of(EventKind::Spawn), stats_.tasks_spawned);
    // A worker starts when there is work for it, and again when another thread takes it over.
    EXPECT_GE(totals.of(EventKind::WorkerStart), totals.of(EventKind::WorkerStop));
    EXPECT_GE(totals.of(EventKind::WorkerStop), 1u);
    EXPECT_LE(totals.of(EventKind::WorkerStop), workers());
    return totals;
  }

  sched::RunStats stats_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(TracedRunTest);

TEST_P(TracedRunTest, EveryStateChangeOfABusyProgramIsLegalAndNumbered) {
  const TraceTotals totals = record([] {
    WaitGroup group("workers");
    Mutex mutex("tally");
    auto jobs = make_chan<int>("jobs", 4);
    auto results = make_chan<int>();
    std::int64_t tally = 0;
    for (int w = 0; w < 6; ++w) {
      group.go("worker", [&, jobs, results] {
        for (int job : jobs) {
          if (job % 7 == 0) yield();
          if (job % 97 == 0) sleep(std::chrono::microseconds(50));
          {
            const std::scoped_lock lock(mutex);
            ++tally;
            if (job % 11 == 0) yield();
          }
          results.send(job);
        }
      });
    }
    constexpr int kJobs = sized(8'000);
    go("producer", [=] {
      for (int i = 0; i < kJobs; ++i) jobs.send(i);
      jobs.close();
    });
    go("closer", [&, results] {
      group.wait();
      results.close();
    });
    std::int64_t sum = 0;
    for (int result : results) sum += result;
    EXPECT_EQ(sum, std::int64_t{kJobs} * (kJobs - 1) / 2);
    EXPECT_EQ(tally, kJobs);
  });
  EXPECT_EQ(totals.tasks_done, 9u);
  EXPECT_GT(totals.of(EventKind::Block), 0u);
  EXPECT_EQ(totals.task_names.at(1), "main");
  std::multiset<std::string> names;
  for (const auto& [id, name] : totals.object_names) names.insert(name);
  EXPECT_EQ(names.count("jobs"), 1u);
  EXPECT_EQ(names.count("workers"), 1u);
}

TEST_P(TracedRunTest, ASnapshotIsAskedForByTasksWithAndWithoutAWorkerAndByThreads) {
  const TraceTotals totals = record([] {
    EXPECT_TRUE(snapshot_trace("a task"));
    // Long: it has no worker from its beginning on.
    blocking_long([] { EXPECT_TRUE(snapshot_trace("a call")); });
    std::thread([] { EXPECT_TRUE(snapshot_trace("a thread")); }).join();
  });
  EXPECT_EQ(totals.of(EventKind::Snapshot), 3u);
}

TEST_P(TracedRunTest, WithoutARecorderNobodyIsAskedForASnapshot) {
  run([] { EXPECT_FALSE(snapshot_trace("nobody hears it")); });
  EXPECT_FALSE(snapshot_trace("no run"));
}

TEST_P(TracedRunTest, StolenAndOverflowingTasksKeepTheirNumbers) {
  const TraceTotals totals = record([] {
    WaitGroup group;
    for (int i = 0; i < sized(4'000); ++i) group.go([] { yield(); });
    group.wait();
  });
  EXPECT_EQ(totals.tasks_done, static_cast<std::uint64_t>(sized(4'000)) + 1);
}

TEST_P(TracedRunTest, ForeignThreadsWriteIntoTheirOwnRing) {
  const TraceTotals totals = record([] {
    auto chan = make_chan<int>("from outside", 0);
    WaitGroup group;
    group.add(1);
    std::thread outside([&] {
      go("foreign child", [&] { group.done(); });
      while (!chan.try_send(1)) std::this_thread::yield();
    });
    chan.recv();
    group.wait();
    outside.join();
  });
  bool found = false;
  for (const auto& [id, name] : totals.task_names) found |= name == "foreign child";
  EXPECT_TRUE(found);
}

TEST_P(TracedRunTest, AFullRingLosesEventsButNeverTheCount) {
  setenv("TASKSCOPE_RING_RECORDS", "1024", 1);
  FakeRecorder recorder;
  std::uint64_t lost_records = 0;
  std::uint64_t resumes = 0;
  run([&] {
    recorder.receive();
    auto chan = make_chan<int>();
    for (int round = 0; round < 4; ++round) {
      WaitGroup group;
      group.go([chan] {
        for (int i = 0; i < 2'000; ++i) chan.send(i);
      });
      for (int i = 0; i < 2'000; ++i) chan.recv();
      group.wait();
      Rings rings;
      recorder.drain_into(rings);
      for (const auto& [ring, events] : rings) {
        for (const tf::TextEvent& event : events) {
          if (event.event.kind == EventKind::Lost) lost_records += event.event.id;
          resumes += event.event.kind == EventKind::Resume;
        }
      }
    }
  });
  unsetenv("TASKSCOPE_RING_RECORDS");
  std::uint64_t lost = 0;
  for (auto& ring : recorder.rings()) lost += ring.header().lost;
  EXPECT_GT(lost, 0u);
  EXPECT_GT(resumes, 0u);
  EXPECT_LE(lost_records, lost);
  EXPECT_GT(lost_records, 0u);
}

TEST(RingRecords, AreRoundedUpToAPowerOfTwo) {
  const auto capacity = [](const char* text) {
    setenv("TASKSCOPE_RING_RECORDS", text, 1);
    const auto records = instrument::ring_capacity_from_environment();
    unsetenv("TASKSCOPE_RING_RECORDS");
    return records.value();
  };
  EXPECT_EQ(instrument::ring_capacity_from_environment().value(), 524'288u);
  EXPECT_EQ(capacity("1024"), 1024u);
  EXPECT_EQ(capacity("3000"), 4096u);
  EXPECT_EQ(capacity("67108864"), 67'108'864u);
}

TEST(RingRecordsDeathTest, ANumberThatCannotBeHadEndsTheProgramWithASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char* value :
       {"", "abc", "0", "1023", "-1", "4096x", "67108865", "64K", "99999999999999999999"}) {
    SCOPED_TRACE(value);
    EXPECT_EXIT(
        {
          setenv("TASKSCOPE_RING_RECORDS", value, 1);
          ts::run([] {});
        },
        ::testing::ExitedWithCode(2),
        ::testing::HasSubstr(std::string("taskscope: TASKSCOPE_RING_RECORDS=") + value +
                             " is not a number from 1024 to 67108864: give one, or unset it for "
                             "524288.\n"));
  }
}

TEST_P(TracedRunTest, AForkedChildWritesNothing) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer has no threads in the child of a fork";
  FakeRecorder recorder;
  run([&] {
    recorder.receive();
    std::vector<std::uint64_t> before;
    // One worker's ring only: others may be falling asleep.
    auto& ring = recorder.rings()[sched::current_worker()->index()];
    const std::uint64_t head = ring.header().head;
    const pid_t child = fork();
    if (child == 0) {
      go([] {});
      auto chan = make_chan<int>(1);
      chan.send(1);
      _exit(ring.header().head == head ? 0 : 1);
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_EQ(ring.header().head, head);
  });
  recorder.receive();
  EXPECT_TRUE(recorder.said_bye());
}

TEST_P(TracedRunTest, OnlyTheFirstRunIsRecordedAndChildrenFindTheRecorderToo) {
  FakeRecorder recorder;
  run([] {
    const char* const path = std::getenv(tf::kRecorderVariable);
    ASSERT_NE(path, nullptr);
    EXPECT_EQ(access(path, F_OK), 0);
  });
  recorder.receive();
  EXPECT_TRUE(recorder.said_bye());
  run([] { yield(); });
  recorder.receive();
  EXPECT_EQ(recorder.rings().size(), workers() + 1);
}

TEST_P(TracedRunTest, TimersAndContextsAreObjectsOfTheirOwnKinds) {
  FakeRecorder recorder;
  ManualClock clock;
  run(
      [] {
        const Timer timer(std::chrono::milliseconds(1));
        timer.c().recv();
        const auto limited = with_timeout(background(), std::chrono::milliseconds(1));
        limited.ctx.done().recv();
        make_chan<int>(1).send(1);  // nobody waits for it: it is not announced
      },
      &clock);
  recorder.receive();
  Rings rings;
  recorder.drain_into(rings);
  std::multiset<tf::ObjectKind> kinds;
  for (const auto& [worker, events] : rings) {
    for (const tf::TextEvent& event : events) {
      if (event.event.kind != tf::EventKind::Object) continue;
      kinds.insert(tf::aux_object_kind(event.event.aux));
    }
  }
  EXPECT_EQ(kinds.count(tf::ObjectKind::Timer), 1u);
  EXPECT_EQ(kinds.count(tf::ObjectKind::Context), 1u);
  EXPECT_EQ(kinds.count(tf::ObjectKind::Channel), 0u);
}

TEST_P(TracedRunTest, HelloSaysWhoThisIs) {
  FakeRecorder recorder;
  run([] {});
  recorder.receive();
  ASSERT_TRUE(recorder.hello().has_value());
  const tf::Hello& hello = *recorder.hello();
  EXPECT_EQ(hello.header.magic, tf::kHandshakeMagic);
  EXPECT_EQ(hello.header.version, tf::kProtocolVersion);
  EXPECT_EQ(hello.workers, workers());
  EXPECT_EQ(hello.pid, getpid());
  EXPECT_NE(std::string(hello.program).find("instrument_test"), std::string::npos);
}

TEST_P(TracedRunTest, AVariableThatNoRecorderWroteIsIgnoredWithOneLine) {
  const tests::TemporaryFolder folder;
  const std::string stream = folder.file("stream.sock");
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  stream.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(socket.get(), 1), 0);
  for (const std::string& value : {stream, "/" + std::string(200, 'x')}) {
    setenv(tf::kRecorderVariable, value.c_str(), 1);
    ::testing::internal::CaptureStderr();
    int ran = 0;
    ts::run([&] { ++ran; }, {.workers = workers()});
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(ran, 1);
    EXPECT_NE(text.find("TASKSCOPE_RECORDER: "), std::string::npos) << text;
    EXPECT_NE(text.find("runs unrecorded"), std::string::npos) << text;
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  }
  unsetenv(tf::kRecorderVariable);
}

TEST_P(TracedRunTest, AProgramWhoseRecorderIsGoneRunsWithoutAWord) {
  tests::ListeningSocket recorder;
  recorder.close();
  for (const char* value : {recorder.path().c_str(), "/no/such/recorder.sock", ""}) {
    setenv(tf::kRecorderVariable, value, 1);
    ::testing::internal::CaptureStderr();
    int ran = 0;
    run([&] { ++ran; });
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << value;
    EXPECT_EQ(ran, 1);
  }
}

// A limit on files is not meant for trace rings, and must never cost the program its life.
class FileLimitDeathTest : public ::testing::Test {
 protected:
  // Runs a recorded program under the limits; exits with 3 if it was recorded, else with 4.
  static void run_limited(rlim_t soft, rlim_t hard) {
    const rlimit limit{.rlim_cur = soft, .rlim_max = hard};
    FakeRecorder recorder;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) std::_Exit(1);
    ts::run([] { yield(); }, {.workers = 2});
    rlimit after{};
    getrlimit(RLIMIT_FSIZE, &after);
    if (after.rlim_cur != soft || after.rlim_max != hard) std::_Exit(2);
    recorder.receive();
    std::_Exit(recorder.said_bye() && recorder.rings().size() == 3 ? 3 : 4);
  }
  static constexpr rlim_t kSmall = 1 << 20;
};

TEST_F(FileLimitDeathTest, ASoftLimitDoesNotStopTheRecording) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_limited(kSmall, RLIM_INFINITY), ::testing::ExitedWithCode(3), "");
}

TEST_F(FileLimitDeathTest, AHardLimitStopsTheRecordingButNotTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_limited(kSmall, kSmall), ::testing::ExitedWithCode(4),
              "taskscope: A trace ring of 8196 KiB .* file-size limit of 1024 KiB .ulimit -f.");
}

}  // namespace
}  // namespace taskscope
