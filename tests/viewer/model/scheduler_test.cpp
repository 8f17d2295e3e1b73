// From a trace in text form to what the window shows of the scheduler.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/trace_session.h"
#include "viewer/model/decision_text.h"
#include "viewer/model/row_pictures.h"
#include "viewer/model/scheduler_events.h"
#include "viewer/model/time_view.h"

namespace taskscope::viewer {
namespace {

// Each decision with its instant and what it is called.
std::vector<std::string> texts(const TraceSession& session, const DecisionTrack& track) {
  std::vector<std::string> out;
  for (std::uint32_t at = 0; at < track.size(); ++at) {
    const auto lines = decision_lines(session, track, {at, at + 1, {}});
    EXPECT_EQ(lines.size(), 1U);
    out.push_back(fmt::format("{} {}", track[at].ns, lines.front()));
  }
  return out;
}

// What a thread did, span by span.
std::vector<std::string> uses(const TraceSession& session, const Thread& thread) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < thread.track.size(); ++at) {
    const TrackSpan use = thread.track[at];
    out.push_back(fmt::format("{}..{} {}: {}", use.start_ns, use.end_ns,
                              to_short_text(use.state_class),
                              thread_use_text(session, thread, at)));
  }
  return out;
}

using Lines = std::vector<std::string>;

constexpr std::string_view kScheduler = R"(
w0 0 worker-start thread=50
w1 0 worker-start thread=51
w1 1 worker-park
w0 2 spawn task=1 site=1
w0 3 task-name task=1 "hog"
w0 4 spawn task=2 site=1
w0 5 task-name task=2 "splitter"
w0 6 spawn task=3 site=1
w0 7 worker-wake worker=1
w1 9 worker-unpark
w1 10 worker-spin
w1 12 steal task=2 victim=0 count=2
w1 13 run task=2 seq=1
w0 15 run task=1 seq=1
w1 20 block object=4 reason="network" site=3
w1 21 poll-wake count=1
ext 22 poll-wake count=3
w1 25 timer-fire count=2
w1 26 timer-fire count=1
w0 500 preempt task=1
w0 502 worker-start thread=52
w0 510 run task=3 seq=1
w0 520 syscall site=7
w0 530 handoff task=3
w0 540 worker-start thread=50
ext 550 by task=1 seq=1
ext 550 exit task=1
w0 600 worker-park
)";

TEST(Scheduler, EveryDecisionIsAtItsInstantOnItsWorkerInWords) {
  const SessionPtr session = tests::session_of_trace(kScheduler);
  ASSERT_EQ(session->workers().size(), 2U);
  EXPECT_EQ(texts(*session, session->workers()[0].decisions),
            (Lines{"7 woke worker 1", "500 hog #1 ran too long: it lost the worker",
                   "502 thread 52 drives the worker from here",
                   "530 task #3 is in a call: it handed the worker on",
                   "540 thread 50 drives the worker from here"}));
  EXPECT_EQ(texts(*session, session->workers()[1].decisions),
            (Lines{"12 stole 2 tasks from worker 0, first: splitter #2",
                   "21 the network: 1 task ready", "25 2 timers due", "26 1 timer due"}));
  EXPECT_EQ(texts(*session, session->outside()), Lines{"22 the network: 3 tasks ready"});
}

TEST(Scheduler, DecisionsTogetherAreSummedUpByKind) {
  const SessionPtr session = tests::session_of_trace(kScheduler);
  const DecisionTrack& track = session->workers()[1].decisions;
  const auto groups = track.groups({1}, 0, 600, 600);
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(decision_lines(*session, track, groups[0]),
            (Lines{"4 decisions", "1 steal: 2 tasks", "the network, once: 1 task ready",
                   "3 timers due"}));
}

TEST(Scheduler, APictureOfAWorkersRowHasItsDecisionsAndItsIdleTimes) {
  const SessionPtr session = tests::session_of_trace(kScheduler);
  RowPictures pictures(session, {});
  const Row row{RowKind::Worker, 1, 0, 18};
  pictures.begin_frame();
  pictures.find(row, {1}, 0, 650);
  pictures.wait_idle();
  const RowPicturePtr picture = pictures.find(row, {1}, 0, 650);
  ASSERT_NE(picture, nullptr);
  EXPECT_EQ(picture->decisions,
            session->workers()[1].decisions.groups({1}, -650, 1300, decision_mark_px(18)));
  ASSERT_FALSE(picture->decisions.empty());
  ASSERT_FALSE(picture->idle.empty());
  EXPECT_EQ(picture->idle[0].first, 1);
  EXPECT_EQ(picture->idle[0].last, 9);
}

TEST(Scheduler, AWorkerWithoutATaskSaysWhy) {
  const SessionPtr session = tests::session_of_trace(R"(
w0 0 worker-start thread=50
w0 2 spawn task=1 site=1
w0 5 run task=1 seq=1
w1 10 worker-start thread=51
w1 11 worker-spin
w1 20 worker-park
w1 30 worker-unpark
w1 40 worker-stop
w0 50 exit task=1
)");
  const Worker& worker = session->workers()[1];
  EXPECT_EQ(idle_text(worker, 5), "not started yet");
  EXPECT_EQ(idle_text(worker, 10), "between two tasks, on thread 51");
  EXPECT_EQ(idle_text(worker, 15), "looking for work, on thread 51");
  EXPECT_EQ(idle_text(worker, 25), "asleep: nothing to run, on thread 51");
  EXPECT_EQ(idle_text(worker, 45), "stopped");
  EXPECT_EQ(worker.idle.parks, 1U);
  EXPECT_EQ(worker.idle.spins, 1U);
}

TEST(Scheduler, ThreadsDriveWorkersSleepAndRunTasksThatLostTheirs) {
  const SessionPtr session = tests::session_of_trace(R"(
w0 0 worker-start thread=50
w0 2 spawn task=1 site=1
w0 3 task-name task=1 "hog"
w0 4 spawn task=2 site=1
w0 5 task-name task=2 "reader"
w0 10 run task=1 seq=1
ext 20 thread-park thread=51
w0 100 preempt task=1
w0 101 worker-start thread=51
ext 102 thread-wake thread=51
w0 110 run task=2 seq=1
w0 120 syscall site=7
w0 125 syscall-end
w0 130 syscall site=7
w0 140 handoff task=2
ext 150 by task=1 seq=1
ext 150 exit task=1
ext 160 thread-park thread=50
ext 180 ready task=2 seq=2
w0 190 run task=2 seq=3
w0 200 exit task=2
w0 210 worker-park
w0 230 worker-unpark
w0 240 worker-stop
)");
  ASSERT_EQ(session->threads().size(), 2U);
  const Thread& first = session->threads()[session->threads()[0].id == 50 ? 0 : 1];
  const Thread& second = session->threads()[session->threads()[0].id == 50 ? 1 : 0];
  EXPECT_EQ(uses(*session, first),
            (Lines{"0..100 running: driving worker 0", "100..150 running: hog #1",
                   "160..240 sleep: asleep: no worker to drive"}));
  EXPECT_EQ(
      uses(*session, second),
      (Lines{"20..101 sleep: asleep: no worker to drive", "101..120 running: driving worker 0",
             "120..125 I/O: reader #2", "125..130 running: driving worker 0",
             "130..140 I/O: reader #2", "140..180 I/O: reader #2",
             "180..210 running: driving worker 0", "210..230 sleep: asleep, and so is its worker 0",
             "230..240 running: driving worker 0"}));
}

TEST(Scheduler, ThreadsHaveRowsInTheOrderOfTheirFirstUseOnceUnfolded) {
  const SessionPtr session = tests::session_of_trace(kScheduler);
  std::vector<std::uint64_t> ids;
  for (const bool folded : {true, false}) {
    Folds folds;
    folds.threads = folded;
    const RowList rows(Arrangement::make_default(session), folds, {}, 1);
    ids.clear();
    for (std::size_t at = 0; at < rows.size(); ++at) {
      const Row row = rows.row(at);
      if (row.kind == RowKind::Thread) ids.push_back(session->threads()[row.index].id);
    }
    EXPECT_EQ(ids.empty(), folded);
  }
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{50, 51, 52}));
}

TEST(Scheduler, QueuesAreAddedUpAndEndWithTheirWorkers) {
  const SessionPtr session = tests::session_of_trace(R"(
w0 0 worker-start thread=50
w1 0 worker-start thread=51
w0 1 spawn task=1 site=1
w0 2 run task=1 seq=1
w0 10 queue-length count=3 count=4
w1 20 queue-length count=5 count=2
w0 40 queue-length count=1 count=0
w1 50 worker-park
w1 60 worker-unpark
w1 70 queue-length count=6 count=2
w1 80 worker-stop
w0 90 worker-stop
w0 100 worker-start thread=50
w0 110 exit task=1
)");
  const CounterTrack& queued = session->queued();
  EXPECT_EQ(queued.max(), 10U);
  EXPECT_EQ(queued.max_in({0, 10}), 0U);
  EXPECT_EQ(queued.max_in({12, 15}), 7U);
  EXPECT_EQ(queued.max_in({15, 21}), 10U);
  EXPECT_EQ(queued.max_in({40, 50}), 6U);
  EXPECT_EQ(queued.max_in({50, 70}), 1U) << "a worker that falls asleep has an empty queue";
  EXPECT_EQ(queued.max_in({70, 80}), 9U);
  EXPECT_EQ(queued.max_in({80, 90}), 3U) << "the worker has gone, what it knew of others has not";
  EXPECT_EQ(queued.max_in({90, 110}), 0U) << "nobody is left";
}

TEST(Scheduler, TheNumberOfWorkersIsKnownFromWhenItWasSet) {
  const SessionPtr session = tests::session_of_trace(R"(
w0 0 worker-start thread=50
w0 1 spawn task=1 site=1
w0 2 run task=1 seq=1
ext 30 worker-count count=4
ext 50 worker-count count=1
w0 90 exit task=1
)");
  EXPECT_EQ(session->worker_counts(), (std::vector<WorkerCount>{{30, 4}, {50, 1}}));
  EXPECT_EQ(worker_count_text(session->worker_counts(), 0), "4 workers");
  EXPECT_EQ(worker_count_text(session->worker_counts(), 1), "4 → 1 worker");
}

TEST(IdleTimes, DamagedRowsThatOverlapAreCut) {
  const std::vector<store::ParkRow> parks{{0, 0, 50}, {0, 40, 45}, {0, 60, 80}};
  const std::vector<store::ParkRow> spins{{0, 45, 70}};
  PackedArena arena;
  IdleBuilder builder;
  builder.add(parks, spins, arena);
  const IdleTimes idle = builder.finish(arena);
  ASSERT_EQ(idle.track.size(), 3U);
  EXPECT_EQ(idle.track[0], (TrackSpan{0, 50, 0, 0, StateClass::Sleep}));
  EXPECT_EQ(idle.track[1], (TrackSpan{50, 70, 0, 0, StateClass::Running}));
  EXPECT_EQ(idle.track[2], (TrackSpan{70, 80, 0, 0, StateClass::Sleep}));
  EXPECT_EQ(idle.parks, 3U);
}

// A trace of 400 ns: fewer than a window has pixels.
SessionPtr short_session() {
  return tests::session_of_trace(R"(
w0 0 worker-start thread=50
w0 0 spawn task=1 site=1
w0 0 run task=1 seq=1
w0 200 worker-wake worker=0
w0 400 exit task=1
)");
}

TEST(ShortRecording, FillsTheWidth) {
  TimeView view;
  view.set_duration(400);
  view.set_width(1220);
  view.show(view.whole());
  EXPECT_LT(view.grid().ns_per_px, 0.4);
  EXPECT_GT(view.to_px(400) - view.to_px(0), 1220 * 0.95);
  view.zoom_at(600, 1.25);
  EXPECT_NEAR(view.to_px(400) - view.to_px(0), 1220 * 0.98, 20) << "there is nothing nearer";
  view.glide_to({100, 101});
  view.finish_motion();
  EXPECT_GT(view.to_px(400) - view.to_px(0), 1220 * 0.95);
  // Every pixel of a nanosecond means that one.
  for (double x = view.to_px(123) + 1; x < view.to_px(124) - 1; ++x) EXPECT_EQ(view.to_ns(x), 123);
}

TEST(ShortRecording, RowsAndOverviewHaveNoGapsWhereThereAreNone) {
  const SessionPtr session = short_session();
  ASSERT_EQ(session->duration_ns(), 400);
  const ColumnGrid grid{400.0 / 1220};
  for (const RowKind kind : {RowKind::Task, RowKind::Worker, RowKind::Thread,
                             RowKind::WorkersHeader, RowKind::TasksHeader}) {
    std::int64_t next = 0;
    for (const Cell& cell : row_cells(*session, {kind, 0, 0, 18}, grid, 0, 1220)) {
      EXPECT_EQ(cell.first, next) << "row " << static_cast<int>(kind);
      next = cell.last;
    }
    EXPECT_EQ(next, 1220) << "row " << static_cast<int>(kind);
  }
  const std::vector<ClassTimes> overview = session->overview(1220);
  ASSERT_EQ(overview.size(), 400U);
  for (const ClassTimes& part : overview) EXPECT_EQ(total(part), 1);
}

}  // namespace
}  // namespace taskscope::viewer
