#include "viewer/model/session.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/support/synthetic_session.h"
#include "viewer/model/view_state.h"

namespace taskscope::viewer {
namespace {

store::Span span_of(TaskId task, std::int64_t start, std::int64_t end, store::TaskState state,
                    store::BlockReason reason = store::BlockReason::None) {
  store::Span span;
  span.task_id = task;
  span.start_ns = start;
  span.end_ns = end;
  span.state = state;
  span.reason = reason;
  return span;
}

// Two tasks: 1 runs, wakes 2 at 50, and ends; 2 waits from 10 to 50 and then for ever.
SessionPtr ping_pong(std::vector<store::FindingRow> findings = {}) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(2);
  entities.tasks[0].id = 1;
  entities.tasks[1].id = 2;
  entities.tasks[1].spawn_site_id = 4;
  entities.sites.push_back({4, "dir/server.cpp", 12, "ns::Server<int>::serve(int)"});
  entities.workers.resize(1);
  entities.findings = std::move(findings);
  SessionBuilder builder("x.tscope", std::move(entities));
  std::vector<store::Span> spans;
  spans.push_back(span_of(2, 0, 10, store::TaskState::Running));
  spans.back().worker_id = 0;
  spans.push_back(span_of(2, 10, 50, store::TaskState::Blocked, store::BlockReason::ChanRecv));
  spans.back().woken_by = 1;
  spans.push_back(span_of(1, 20, 60, store::TaskState::Running));
  spans.back().worker_id = 0;
  spans.push_back(span_of(2, 50, 100, store::TaskState::Blocked, store::BlockReason::Mutex));
  spans.back().finished = false;
  builder.add_spans(spans);
  return builder.finish();
}

TEST(Session, SpansAreThoseThatWereAddedSortedByTask) {
  const tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 3'000});
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  ASSERT_EQ(session->span_count(), recording.spans.size());
  std::map<std::pair<TaskId, std::int64_t>, store::Span> by_start;
  for (const store::Span& span : recording.spans) by_start[{span.task_id, span.start_ns}] = span;
  for (const Task& task : session->tasks()) {
    for (SpanIndex at = task.first_span; at < task.first_span + task.span_count; ++at) {
      const auto found = by_start.find({task.row.id, session->span_range(at).start_ns});
      ASSERT_NE(found, by_start.end());
      EXPECT_EQ(found->second.end_ns, session->span_range(at).end_ns);
      EXPECT_EQ(found->second.state, session->span_detail(at).state);
    }
  }
}

TEST(Session, WorkersShowWhatRanOnThem) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  std::size_t running = 0;
  for (const Worker& worker : session->workers()) {
    for (const SpanIndex span : worker.spans) {
      EXPECT_EQ(session->span_detail(span).worker, worker.row.id);
      EXPECT_TRUE(session->span_detail(span).on_thread());
    }
    running += worker.spans.size();
  }
  EXPECT_GT(running, 500U);
}

TEST(Session, SaysWhoEndedAWaitThatNoTaskEnded) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(2);
  entities.tasks[0].id = 1;
  entities.tasks[1].id = 2;
  entities.objects.resize(1);
  entities.objects[0].id = 9;
  entities.objects[0].kind = trace_format::ObjectKind::Timer;
  SessionBuilder builder("x.tscope", std::move(entities));
  using store::BlockReason;
  std::vector<store::Span> spans;
  std::int64_t at = 0;
  for (const BlockReason reason : {BlockReason::Sleep, BlockReason::Network, BlockReason::Process,
                                   BlockReason::ChanRecv, BlockReason::Mutex, BlockReason::Mutex}) {
    spans.push_back(span_of(1, at, at + 10, store::TaskState::Blocked, reason));
    at += 10;
  }
  spans[3].object_id = 9;
  spans[5].woken_by = 2;
  spans.push_back(span_of(1, at, 100, store::TaskState::Running));
  spans.push_back(span_of(2, 0, 100, store::TaskState::Blocked, BlockReason::Sleep));
  spans.back().finished = false;
  builder.add_spans(spans);
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->waker_text(0), "its timer");
  EXPECT_EQ(session->waker_text(1), "the network");
  EXPECT_EQ(session->waker_text(2), "the end of the process");
  EXPECT_EQ(session->waker_text(3), "its timer");
  EXPECT_EQ(session->waker_text(4), "no task: a timer, or another thread");
  EXPECT_EQ(session->waker_text(5), session->tasks()[1].label);
  EXPECT_EQ(session->waker_text(7), "nobody");
}

TEST(Session, ATaskWithoutAWorkerIsKnownAndNobodyElsesRow) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  entities.workers.resize(1);
  entities.objects.resize(3);
  entities.worker_starts = {{.ns = 31, .worker_id = 0, .arg = 51},
                            {.ns = 0, .worker_id = 0, .arg = 50},
                            {.ns = 5, .worker_id = 7, .arg = 52}};
  SessionBuilder builder("x.tscope", std::move(entities));
  std::vector<store::Span> spans;
  spans.push_back(span_of(1, 0, 20, store::TaskState::Running));
  spans.push_back(span_of(1, 20, 30, store::TaskState::Syscall));
  for (store::Span& span : spans) span.worker_id = 0, span.thread_id = 50;
  spans.push_back(span_of(1, 30, 60, store::TaskState::Syscall));
  spans.back().thread_id = 50;
  spans.push_back(span_of(1, 60, 90, store::TaskState::Running));
  builder.add_spans(spans);
  const SessionPtr session = builder.finish();
  const Worker& worker = session->workers()[0];
  EXPECT_EQ(worker.spans, (std::vector<SpanIndex>{0, 1}));
  EXPECT_EQ(worker.track.state_class(1), StateClass::Io);
  ASSERT_EQ(worker.drives.size(), 2U);
  EXPECT_EQ(worker.thread_at(30), 50U);
  EXPECT_EQ(worker.thread_at(31), 51U);
  EXPECT_FALSE(session->span_detail(1).workerless());
  for (const SpanIndex span : {2U, 3U}) EXPECT_TRUE(session->span_detail(span).workerless());
  EXPECT_EQ(session->thread_of(session->span_detail(2)), 50U);
  EXPECT_EQ(session->thread_of(session->span_detail(3)), 0U);
  // A thread is no object, though both are kept in one field.
  EXPECT_EQ(session->find_object(session->span_detail(2)), nullptr);
}

TEST(Session, QueuedTasksAreThoseOfAllQueues) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.queue_lengths = {{.ns = 10, .worker_id = 0, .arg = 3, .arg2 = 4},
                            {.ns = 40, .worker_id = 0, .arg = 1, .arg2 = 0},
                            {.ns = 20, .worker_id = 1, .arg = 5, .arg2 = 2}};
  const SessionPtr session = SessionBuilder("x.tscope", std::move(entities)).finish();
  const CounterTrack& queued = session->queued();
  EXPECT_EQ(queued.max(), 10U);
  EXPECT_EQ(queued.max_in({0, 10}), 0U);
  EXPECT_EQ(queued.max_in({12, 15}), 7U);
  EXPECT_EQ(queued.max_in({15, 21}), 10U);
  EXPECT_EQ(queued.max_in({40, 100}), 6U);
}

TEST(Session, AWaitLeadsToItsWakerAndBack) {
  const SessionPtr session = ping_pong();
  const SpanIndex wait = session->tasks()[1].first_span + 1;
  const SpanIndex waker = session->waker_span(wait);
  ASSERT_EQ(waker, session->tasks()[0].first_span);
  EXPECT_EQ(session->woken_span(waker), wait);
  EXPECT_EQ(session->waker_span(waker), kNoSpan);
  EXPECT_EQ(session->woken_span(wait), kNoSpan);
}

TEST(Session, AStuckTaskIsMarkedOnlyWhenAFindingSaysSo) {
  EXPECT_EQ(ping_pong()->span_class(ping_pong()->tasks()[1].first_span + 2), StateClass::Lock);
  store::FindingRow finding;
  finding.task_id = 2;
  const SessionPtr session = ping_pong({finding});
  EXPECT_EQ(session->span_class(session->tasks()[1].first_span + 2), StateClass::Leaked);
  EXPECT_EQ(session->span_class(session->tasks()[1].first_span + 1), StateClass::Channel);
}

TEST(Session, TasksAreCalledByNameOrByTheFunctionThatTheyRun) {
  const SessionPtr session = ping_pong();
  EXPECT_EQ(session->tasks()[0].label, "main");
  EXPECT_EQ(session->tasks()[1].label, "serve 2");
  EXPECT_EQ(session->site_text(4), "server.cpp:12");
  EXPECT_EQ(session->site_text(9), "unknown place");
}

TEST(Session, DamagedSpansAreLeftOutAndCounted) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  SessionBuilder builder("x.tscope", std::move(entities));
  std::vector<store::Span> spans;
  spans.push_back(span_of(7, 0, 10, store::TaskState::Running));  // of nobody
  spans.push_back(span_of(1, 10, 5, store::TaskState::Running));  // backwards
  spans.push_back(span_of(1, -5, 5, store::TaskState::Running));  // before time began
  spans.push_back(span_of(1, 0, 5, static_cast<store::TaskState>(77)));
  spans.push_back(span_of(1, 20, 60, store::TaskState::Running));
  spans.push_back(span_of(1, 50, 90, store::TaskState::Runnable));  // overlaps: cut
  spans.back().object_id = 12345;
  spans.back().woken_by = 999;
  builder.add_spans(spans);
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->skipped_spans(), 4U);
  ASSERT_EQ(session->span_count(), 2U);
  EXPECT_EQ(session->span_range(0), (TimeRange{20, 50}));
  EXPECT_EQ(session->span_range(1), (TimeRange{50, 90}));
  EXPECT_EQ(session->find_object(session->span_detail(1)), nullptr);
}

TEST(Session, OverlappingSpansAreCutAtTheNextOneAndCounted) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  SessionBuilder builder("x.tscope", std::move(entities));
  builder.add_spans(std::vector{span_of(1, 40, 90, store::TaskState::Runnable),
                                span_of(1, 10, 60, store::TaskState::Running)});
  builder.add_spans(std::vector{span_of(1, 40, 40, store::TaskState::Running)});
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->cut_spans(), 1U);
  ASSERT_EQ(session->span_count(), 3U);
  EXPECT_EQ(session->span_range(0), (TimeRange{10, 40}));
  EXPECT_EQ(session->span_range(1), (TimeRange{40, 40}));
  EXPECT_EQ(session->span_range(2), (TimeRange{40, 90}));
  EXPECT_EQ(tests::make_synthetic_session({.spans = 3'000})->cut_spans(), 0U);
}

TEST(Findings, AreSteppedThroughWithTheirTaskAndItsLastWait) {
  store::FindingRow stuck;
  stuck.task_id = 2;
  store::FindingRow general;
  const SessionPtr session = ping_pong({stuck, general});
  ViewState view;
  step_finding(*session, view);
  EXPECT_EQ(view.selection.task, session->find_task(2));
  EXPECT_EQ(view.selection.span, session->span_count() - 1);
  EXPECT_EQ(view.reveal, session->find_task(2));
  EXPECT_EQ(shown_finding(*session, view), &session->findings()[0]);
  view.selection = {.task = session->find_task(1)};
  EXPECT_EQ(shown_finding(*session, view), nullptr) << "the selection is about something else";
  step_finding(*session, view);
  EXPECT_TRUE(view.selection.empty());
  EXPECT_EQ(shown_finding(*session, view), &session->findings()[1]);
  step_finding(*session, view);
  EXPECT_EQ(shown_finding(*session, view), &session->findings()[0]) << "round to the first";
}

TEST(Findings, NoneChangeNothing) {
  ViewState view;
  step_finding(*ping_pong(), view);
  EXPECT_FALSE(view.finding);
  EXPECT_TRUE(view.selection.empty());
}

TEST(Session, TheOverviewAddsUpToAllTimes) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  ClassTimes sum{};
  for (const ClassTimes& part : session->overview(777)) {
    for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += part[c];
  }
  ClassTimes expected{};
  for (const TaskGroup& group : session->groups()) {
    for (std::size_t c = 0; c < kStateClasses; ++c) expected[c] += group.times[c];
  }
  EXPECT_EQ(sum, expected);
}

TEST(Session, TheSummaryKnowsTasksBeforeAnySpan) {
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 500});
  SessionBuilder builder("x.tscope", std::move(recording.entities));
  const SessionPtr summary = builder.summary();
  EXPECT_EQ(summary->stage(), SessionStage::Summary);
  EXPECT_EQ(summary->tasks().size(), 43U);
  EXPECT_EQ(summary->span_count(), 0U);
  builder.add_spans(recording.spans);
  EXPECT_EQ(builder.finish()->stage(), SessionStage::Complete);
}

}  // namespace
}  // namespace taskscope::viewer
