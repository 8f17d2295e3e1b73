// Several programs in one recording: through the real engine, with programs whose ids are the same,
// and trace by trace, with what each would be alone.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "recorder/ingest/merge.h"
#include "recorder/ingest/recorder.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/store/reader.h"
#include "runtime/trace_format/text.h"
#include "tests/support/golden.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

using store::ProgramId;

// The main task's spawn, run and exit, and five events for each other.
constexpr std::uint64_t events_of(std::uint64_t tasks) { return 3 + 5 * tasks; }

class SeveralPrograms : public testing::Test {
 protected:
  std::string output() const { return folder_.file("out.tscope"); }

  // Runs a script in which $HELPER is the helper, to its end.
  RecordSummary record(const std::string& script) {
    const std::string helper = std::string("HELPER=") + TASKSCOPE_HELPER + "; ";
    auto recorder = Recorder::launch({{"/bin/sh", "-c", helper + script}, output()});
    EXPECT_TRUE(recorder) << recorder.error().message;
    for (;;) {
      const auto progress = recorder->poll(20);
      EXPECT_TRUE(progress) << progress.error().message;
      if (!progress || progress->program_ended) break;
    }
    const auto summary = recorder->finish();
    EXPECT_TRUE(summary) << summary.error().message;
    return summary ? *summary : RecordSummary{};
  }

  // Every task is its program's, and lived while that was recorded; states fill its life.
  void expect_own_tasks_only(const store::Reader& reader) {
    const auto tasks = reader.tasks();
    ASSERT_TRUE(tasks);
    std::map<ProgramId, std::uint64_t> counts;
    for (const store::TaskRow& task : *tasks) {
      const ProgramId id = store::program_of(task.id);
      ASSERT_LE(id, reader.info().programs.size());
      const store::ProgramRow& program = reader.info().programs[id - 1];
      ++counts[id];
      EXPECT_GE(*task.created_ns, program.started_ns);
      EXPECT_LE(task.ended_ns.value_or(0), *program.ended_ns);
      if (task.parent_id != 0) {
        EXPECT_EQ(store::program_of(task.parent_id), id);
      }
      if (!task.ended_ns) continue;
      std::int64_t sum = 0;
      for (const std::int64_t ns : task.state_ns) sum += ns;
      EXPECT_EQ(sum, *task.ended_ns - *task.created_ns);
    }
    for (const store::ProgramRow& program : reader.info().programs) {
      EXPECT_EQ(counts[program.id], program.tasks) << program.id;
    }
    for (const store::Span& span : tests::all_spans(reader)) {
      const ProgramId id = store::program_of(span.task_id);
      const store::ProgramRow& program = reader.info().programs[id - 1];
      EXPECT_GE(span.start_ns, program.started_ns);
      EXPECT_LE(span.end_ns, *program.ended_ns);
      if (span.worker_id != store::kNoWorker) {
        EXPECT_EQ(store::program_of_worker(span.worker_id), id);
      }
    }
  }

  tests::TemporaryFolder folder_;
};

TEST_F(SeveralPrograms, ThatAScriptStartsAreRecordedEachForItself) {
  const RecordSummary summary =
      record("\"$HELPER\" works 5000 & \"$HELPER\" works 3000; wait; \"$HELPER\" works 7; exit 9");
  const store::RecordingInfo& info = summary.info;
  EXPECT_EQ(summary.exit_code, 9);
  EXPECT_EQ(info.exit_status, "exited 9");
  EXPECT_EQ(info.notes, "");
  EXPECT_EQ(info.tasks, 5001u + 3001 + 8);
  EXPECT_EQ(info.events, events_of(5000) + events_of(3000) + events_of(7));
  EXPECT_EQ(info.workers, 3u);
  ASSERT_EQ(info.programs.size(), 3u);
  std::multiset<std::uint64_t> events;
  std::set<std::int64_t> pids;
  for (const store::ProgramRow& program : info.programs) {
    EXPECT_EQ(program.name, "helper");
    EXPECT_EQ(program.exit_status, "ended");
    // Nobody can say it of one that was gone when its hello was read.
    const std::string& command = program.command;
    EXPECT_TRUE(command.empty() || command.find("/recorder_helper works ") != std::string::npos);
    events.insert(program.events);
    pids.insert(program.pid);
  }
  EXPECT_EQ(events, (std::multiset{events_of(7), events_of(3000), events_of(5000)}));
  EXPECT_EQ(pids.size(), 3u);
  // The third was started when both others had ended: that is one time axis.
  for (const std::size_t other : {0u, 1u}) {
    EXPECT_LE(*info.programs[other].ended_ns, info.programs[2].started_ns);
  }
  EXPECT_EQ(info.duration_ns, *info.programs[2].ended_ns);
  const auto reader = store::Reader::open(output());
  ASSERT_TRUE(reader);
  expect_own_tasks_only(*reader);
  EXPECT_EQ(tests::all_events(*reader).size(), info.events);
}

TEST_F(SeveralPrograms, OneThatIsKilledLosesNothingAndTheOthersGoOn) {
  const RecordSummary summary =
      record("\"$HELPER\" is-killed 700 & wait; \"$HELPER\" works 5000; exit 0");
  ASSERT_EQ(summary.info.programs.size(), 2u);
  EXPECT_EQ(summary.info.programs[0].events, events_of(700) - 1);
  EXPECT_EQ(summary.info.programs[0].exit_status, "ended without a goodbye");
  EXPECT_EQ(summary.info.programs[1].events, events_of(5000));
  EXPECT_EQ(summary.info.programs[1].exit_status, "ended");
  const auto reader = store::Reader::open(output());
  ASSERT_TRUE(reader);
  expect_own_tasks_only(*reader);
}

TEST_F(SeveralPrograms, WhatOneLiesAboutIsNotedAsItsOwn) {
  const RecordSummary summary = record("\"$HELPER\" works 100; \"$HELPER\" lies 1000");
  EXPECT_EQ(summary.info.tasks, 101u + 1001);
  EXPECT_NE(summary.info.notes.find("helper 2: The ring of worker 1 was given up"),
            std::string::npos)
      << summary.info.notes;
}

TEST_F(SeveralPrograms, TheLaunchedProgramsOwnExitIsKnown) {
  const RecordSummary summary = record("\"$HELPER\" works 10; exec \"$HELPER\" crashes 20");
  ASSERT_EQ(summary.info.programs.size(), 2u);
  EXPECT_EQ(summary.info.programs[1].exit_status, "killed by SIGSEGV (Segmentation fault)");
  EXPECT_EQ(summary.info.exit_status, "killed by SIGSEGV (Segmentation fault)");
  EXPECT_EQ(summary.exit_code, 128 + SIGSEGV);
}

TEST_F(SeveralPrograms, AProgramThatOutlivesTheCommandIsRecordedToItsEnd) {
  const RecordSummary summary =
      record("trap 'exit 3' USR1; \"$HELPER\" outlives 20000 & wait; exit 1");
  ASSERT_EQ(summary.info.programs.size(), 1u);
  EXPECT_EQ(summary.info.events, events_of(20000));
  EXPECT_EQ(summary.exit_code, 3);
}

TEST_F(SeveralPrograms, AStormOfConnectionsIsNotedAndKeepsNobodyOut) {
  const RecordSummary summary = record("\"$HELPER\" storm 1000 & \"$HELPER\" works 500; wait");
  ASSERT_EQ(summary.info.programs.size(), 2u);
  EXPECT_EQ(summary.info.tasks, 1001u + 501);
  EXPECT_EQ(summary.info.lost_events, 0u);
  EXPECT_NE(summary.info.notes.find("no message of the trace protocol"), std::string::npos);
  EXPECT_NE(summary.info.notes.find("connected and said nothing"), std::string::npos)
      << summary.info.notes;
}

TEST_F(SeveralPrograms, WhoOnlyConnectsHoldsNothingUp) {
  const RecordSummary summary = record("\"$HELPER\" storm 20 & \"$HELPER\" works 500; wait");
  EXPECT_EQ(summary.info.programs.size(), 2u);
  EXPECT_EQ(summary.info.tasks, 21u + 501);
}

TEST_F(SeveralPrograms, MoreThanARecordingHoldsRunWithoutBeingRecorded) {
  const RecordSummary summary = record("\"$HELPER\" many 1003");
  EXPECT_EQ(summary.info.programs.size(), store::kProgramsMax);
  EXPECT_EQ(summary.info.notes, "3 programs were not recorded: a recording holds 1000.");
}

TEST_F(SeveralPrograms, TheSocketIsTheUsersOwnAndGoesWithTheRecorder) {
  std::string path;
  {
    auto recorder = Recorder::launch(
        {{"/bin/sh", "-c", "echo \"$TASKSCOPE_RECORDER\" > " + folder_.file("path")}, output()});
    ASSERT_TRUE(recorder);
    while (!recorder->poll(5)->program_ended) {
    }
    path = tests::read_file(folder_.file("path"));
    path.pop_back();
    const auto mode = [](const std::filesystem::path& file) {
      return std::filesystem::status(file).permissions();
    };
    using std::filesystem::perms;
    EXPECT_EQ(mode(path), perms::owner_read | perms::owner_write) << path;
    EXPECT_EQ(mode(std::filesystem::path(path).parent_path()), perms::owner_all);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// ---- The same trace twice ----------------------------------------------------------------------

// `programs` programs that all do what `trace` says, read in small pieces, with chunks that end
// anywhere.
void record_times(ProgramId programs, const std::string& trace, const std::string& path) {
  const auto events = trace_format::parse_text(trace);
  ASSERT_TRUE(events);
  auto writer = store::Writer::create(path);
  ASSERT_TRUE(writer);
  const ClockMap clock;
  std::deque<SpanBuilder> builders;
  std::deque<Merge> merges;
  for (ProgramId id = 1; id <= programs; ++id) {
    merges.emplace_back(builders.emplace_back(ProgramWriter(*writer, id)), clock);
  }
  std::map<store::WorkerId, std::size_t> rings;
  for (const trace_format::TextEvent& item : *events) rings.emplace(item.ring, 0);
  for (Merge& merge : merges) {
    for (auto& [worker_id, ring] : rings) ring = merge.add_ring(worker_id);
  }
  int count = 0;
  for (const trace_format::TextEvent& item : *events) {
    const auto* spec = trace_format::find_event_spec(static_cast<std::uint8_t>(item.event.kind));
    trace_format::TextRecords records;
    std::size_t size = 1;
    if (spec->aux == trace_format::AuxField::Bytes) {
      size = trace_format::encode_text(item.event, item.text, records);
    } else {
      records[0] = trace_format::encode(item.event);
    }
    ++count;
    for (Merge& merge : merges) {
      merge.append(rings[item.ring], std::span(records.data(), size));
      if (count % 3 == 0) merge.advance();
    }
    for (SpanBuilder& builder : builders) {
      if (count % 5 == 0) builder.flush_chunks();
    }
  }
  SpanBuilder::Counts counts;
  std::int64_t end_ns = 0;
  for (ProgramId id = 1; id <= programs; ++id) {
    merges[id - 1].drain();
    end_ns = std::max(end_ns, builders[id - 1].finish(0));
    counts += builders[id - 1].counts();
    writer->put_program({.id = id, .name = "text trace"}, store::Totals::Known);
  }
  ASSERT_TRUE(complete(*writer, {.end_ns = end_ns, .counts = counts}));
}

// A row of program `id` as the program itself has it.
store::Span own(store::Span span) {
  span.task_id = store::own_id(span.task_id);
  span.woken_by = store::own_id(span.woken_by);
  span.object_id = store::own_id(span.object_id);
  span.site_id &= trace_format::kSiteMax;
  span.worker_id = store::own_worker_id(span.worker_id);
  return span;
}

store::EventRow own(store::EventRow event) {
  event.task_id = store::own_id(event.task_id);
  event.object_id = store::own_id(event.object_id);
  event.name_id = store::own_id(event.name_id);
  if (event.kind == store::EventKind::Label) event.arg = store::own_id(event.arg);
  event.site_id &= trace_format::kSiteMax;
  event.worker_id = store::own_worker_id(event.worker_id);
  event.program_id = 1;
  const bool names_worker =
      event.kind == store::EventKind::WorkerWake || event.kind == store::EventKind::Steal;
  if (names_worker) event.arg = store::own_worker_id(static_cast<store::WorkerId>(event.arg));
  return event;
}

TEST_F(SeveralPrograms, WithTheSameIdsEachAreWhatTheyWouldBeAlone) {
  int traces = 0;
  const char* const folder = TASKSCOPE_SOURCE_DIR "/tests/golden/recorder";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".trace") continue;
    SCOPED_TRACE(entry.path().filename().string());
    ++traces;
    const std::string trace = tests::read_file(entry.path().string());
    const std::string alone_path = folder_.file(entry.path().stem().string() + ".alone");
    const std::string both_path = folder_.file(entry.path().stem().string() + ".both");
    record_times(1, trace, alone_path);
    record_times(2, trace, both_path);
    const auto alone = store::Reader::open(alone_path);
    const auto both = store::Reader::open(both_path);
    ASSERT_TRUE(alone && both);
    EXPECT_EQ(both->info().events, 2 * alone->info().events);
    EXPECT_EQ(both->info().tasks, 2 * alone->info().tasks);
    std::map<ProgramId, std::vector<store::Span>> spans;
    for (const store::Span& span : tests::all_spans(*both)) {
      spans[store::program_of(span.task_id)].push_back(own(span));
    }
    std::map<ProgramId, std::vector<store::EventRow>> events;
    for (const store::EventRow& event : tests::all_events(*both)) {
      events[event.program_id].push_back(own(event));
    }
    for (const ProgramId id : {1u, 2u}) {
      EXPECT_EQ(spans[id], tests::all_spans(*alone));
      EXPECT_EQ(events[id], tests::all_events(*alone));
    }
    const auto of_second = [](std::uint64_t task) { return store::program_of(task) == 2; };
    const auto tasks = both->tasks();
    const auto objects = both->objects();
    const auto sites = both->sites();
    const auto workers = both->workers();
    const auto steals = both->steals();
    ASSERT_TRUE(tasks && objects && sites && workers && steals);
    EXPECT_EQ(objects->size(), 2 * alone->objects()->size());
    EXPECT_EQ(sites->size(), 2 * alone->sites()->size());
    EXPECT_EQ(workers->size(), 2 * alone->workers()->size());
    EXPECT_EQ(steals->size(), 2 * alone->steals()->size());
    for (const store::TaskRow& task : *tasks) {
      if (!of_second(task.id)) continue;
      EXPECT_TRUE(task.parent_id == 0 || of_second(task.parent_id));
      EXPECT_TRUE(task.spawn_site_id == 0 || store::program_of_site(task.spawn_site_id) == 2);
    }
    for (const store::StealRow& steal : *steals) {
      EXPECT_EQ(store::program_of_worker(steal.victim), store::program_of(steal.task_id));
      EXPECT_EQ(store::program_of_worker(steal.thief), store::program_of(steal.task_id));
    }
  }
  EXPECT_GT(traces, 10);
}

}  // namespace
}  // namespace taskscope::ingest
