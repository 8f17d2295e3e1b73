#include "viewer/model/session.h"

#include <gtest/gtest.h>

#include <future>
#include <map>

#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/span_builder.h"
#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
#include "viewer/model/decision_text.h"
#include "viewer/model/loader.h"
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

// Two programs, each with a main task, two that one place started, and a worker.
SessionPtr client_and_server() {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.info.programs = {{.id = 1, .pid = 11, .name = "/bin/client"},
                            {.id = 2, .pid = 22, .name = "/bin/server"}};
  std::vector<store::Span> spans;
  for (const store::ProgramId program : {1u, 2u}) {
    entities.workers.push_back({.id = store::worker_id_of(program, 0)});
    entities.sites.push_back({store::site_id_of(program, 4), "dir/both.cpp", 12, "ns::serve(int)"});
    for (const std::uint64_t own : {1u, 2u, 3u}) {
      store::TaskRow task{.id = store::id_of(program, own)};
      if (own > 1) task.spawn_site_id = store::site_id_of(program, 4);
      entities.tasks.push_back(task);
      const auto start = static_cast<std::int64_t>(own * 10);
      spans.push_back(span_of(task.id, start, start + 10, store::TaskState::Running));
      spans.back().worker_id = store::worker_id_of(program, 0);
    }
  }
  SessionBuilder builder("x.tscope", std::move(entities));
  builder.add_spans(spans);
  return builder.finish();
}

TEST(Session, OfSeveralProgramsSaysWhoseEachTaskAndWorkerIs) {
  const SessionPtr session = client_and_server();
  ASSERT_TRUE(session->of_several_programs());
  std::vector<std::string> groups;
  for (const TaskGroup& group : session->groups()) groups.push_back(group.label);
  EXPECT_EQ(groups, (std::vector<std::string>{"client: main", "client: serve", "server: main",
                                              "server: serve"}));
  EXPECT_EQ(session->groups()[3].tasks.size(), 2u);
  ASSERT_EQ(session->tasks().size(), 6u);
  EXPECT_EQ(session->tasks()[3].label, "server: main");
  EXPECT_EQ(session->tasks()[5].label, "server: serve 3");
  ASSERT_EQ(session->workers().size(), 2u);
  for (const Worker& worker : session->workers()) {
    EXPECT_EQ(worker.track.size(), 3u);
    for (std::size_t at = 0; at < worker.track.size(); ++at) {
      const SpanIndex span = session->worker_span(worker, at);
      EXPECT_EQ(session->worker_number(session->span_detail(span)), 0u);
      EXPECT_EQ(store::program_of(session->tasks()[session->span_task(span)].row.id),
                store::program_of_worker(worker.row.id));
    }
  }
  EXPECT_EQ(worker_title(*session, session->workers()[1]), "Worker 0 of server");
}

TEST(Session, WorkersShowWhatRanOnThem) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  std::size_t running = 0;
  for (const Worker& worker : session->workers()) {
    for (std::size_t at = 0; at < worker.track.size(); ++at) {
      const SpanIndex span = session->worker_span(worker, at);
      EXPECT_EQ(session->span_detail(span).worker, worker.row.id);
      EXPECT_TRUE(session->span_detail(span).on_thread());
    }
    running += worker.track.size();
  }
  EXPECT_GT(running, 500U);
}

TEST(Session, SaysWhoEndedAWaitThatNoTaskEnded) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(2);
  entities.tasks[0].id = 1;
  entities.tasks[1].id = 2;
  SessionBuilder builder("x.tscope", std::move(entities));
  using store::BlockReason;
  using store::WakerKind;
  std::vector<store::Span> spans;
  std::int64_t at = 0;
  for (const WakerKind kind : {WakerKind::Timer, WakerKind::Network, WakerKind::Process,
                               WakerKind::Thread, WakerKind::None, WakerKind::Task}) {
    spans.push_back(span_of(1, at, at + 10, store::TaskState::Blocked, BlockReason::ChanRecv));
    spans.back().waker_kind = kind;
    at += 10;
  }
  spans[5].woken_by = 2;
  spans.push_back(spans[5]);
  spans.back().start_ns = at;
  spans.back().end_ns = at += 10;
  spans.back().woken_by = 3;
  spans.push_back(span_of(1, at, 100, store::TaskState::Running));
  spans.push_back(span_of(2, 0, 100, store::TaskState::Blocked, BlockReason::Sleep));
  spans.back().finished = false;
  builder.add_spans(spans);
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->waker_text(0), "a timer");
  EXPECT_EQ(session->waker_text(1), "the network");
  EXPECT_EQ(session->waker_text(2), "the end of the process");
  EXPECT_EQ(session->waker_text(3), "a thread that is no worker's");
  EXPECT_EQ(session->waker_text(4), "not known: events were lost");
  EXPECT_EQ(session->waker_text(5), session->tasks()[1].label);
  EXPECT_EQ(session->waker_text(6), "a task that the recording does not have");
  EXPECT_EQ(session->waker_text(8), "nobody");
}

TEST(Session, NamesTheArmsOfEachSelect) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  entities.objects.resize(2);
  entities.objects[0].id = 4;
  entities.objects[0].kind = trace_format::ObjectKind::Channel;
  entities.objects[1].id = 7;
  entities.objects[1].name = "jobs";
  SessionBuilder builder("x.tscope", std::move(entities));
  using enum store::ArmOperation;
  const auto event = [](std::int64_t ns, store::EventKind kind, TaskId task, store::ObjectId object,
                        store::ArmOperation operation) {
    return store::EventRow{.ns = ns,
                           .kind = kind,
                           .task_id = task,
                           .object_id = object,
                           .arg = static_cast<std::uint64_t>(operation)};
  };
  constexpr auto kArm = store::EventKind::Arm;
  constexpr auto kChosen = store::EventKind::Chosen;
  // What ended the select at 50 was lost.
  builder.add_events(std::vector{event(10, kArm, 1, 7, Recv), event(10, kArm, 1, 4, Send),
                                 event(10, kArm, 1, 0, After), event(10, kArm, 2, 4, Recv),
                                 event(10, kArm, 9, 4, Recv), event(41, kChosen, 1, 0, After),
                                 event(42, kChosen, 2, 4, Recv), event(50, kArm, 1, 7, Send),
                                 event(92, kArm, 1, 4, Recv), event(95, kChosen, 1, 4, Recv)});
  using store::BlockReason;
  using store::TaskState;
  builder.add_spans(std::vector{span_of(1, 0, 10, TaskState::Running),
                                span_of(1, 10, 40, TaskState::Blocked, BlockReason::Select),
                                span_of(1, 40, 50, TaskState::Running),
                                span_of(1, 50, 90, TaskState::Blocked, BlockReason::Select),
                                span_of(1, 90, 92, TaskState::Running),
                                span_of(1, 92, 94, TaskState::Blocked, BlockReason::Select),
                                span_of(1, 94, 100, TaskState::Running)});
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->arms_text(0), "");
  EXPECT_EQ(session->chosen_text(0), "");
  EXPECT_EQ(session->chosen_text(1), "after");
  EXPECT_EQ(session->chosen_text(3), "");
  EXPECT_EQ(session->chosen_text(5), "recv channel 4");
  EXPECT_EQ(session->arms_text(1), "recv jobs, send channel 4, after");
  EXPECT_EQ(session->arms_text(3), "send jobs");
}

TEST(Session, ATaskWithoutAWorkerIsKnownAndNobodyElsesRow) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  entities.workers.resize(1);
  entities.objects.resize(3);
  SessionBuilder builder("x.tscope", std::move(entities));
  using store::EventKind;
  const std::vector<store::EventRow> events{
      {.ns = 0, .worker_id = 0, .kind = EventKind::WorkerStart, .arg = 50},
      {.ns = 5, .worker_id = 7, .kind = EventKind::WorkerStart, .arg = 52},
      {.ns = 31, .worker_id = 0, .kind = EventKind::WorkerStart, .arg = 51}};
  builder.add_events(events);
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
  ASSERT_EQ(worker.track.size(), 2U);
  EXPECT_EQ(session->worker_span(worker, 0), 0U);
  EXPECT_EQ(session->worker_span(worker, 1), 1U);
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
  finding.kind = "hot_lock";
  EXPECT_EQ(ping_pong({finding})->span_class(ping_pong()->tasks()[1].first_span + 2),
            StateClass::Lock)
      << "it gets on, if slowly";
  finding.kind = "leak";
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
  EXPECT_EQ(session->span_range(0), (TimeRange{20, 60}));
  EXPECT_EQ(session->span_range(1), (TimeRange{60, 90}));
  EXPECT_EQ(session->cut_spans(), 1U);
  EXPECT_EQ(session->find_object(session->span_detail(1)), nullptr);
}

TEST(Session, WhatOverlapsTheSpanBeforeIsCutAndCounted) {
  SessionEntities entities;
  entities.info.duration_ns = 100;
  entities.tasks.resize(1);
  entities.tasks[0].id = 1;
  SessionBuilder builder("x.tscope", std::move(entities));
  builder.add_spans(std::vector{span_of(1, 10, 40, store::TaskState::Running),
                                span_of(1, 40, 40, store::TaskState::Runnable),
                                span_of(1, 20, 60, store::TaskState::Running)});
  // Of one that lies wholly within others nothing but an instant is left.
  builder.add_spans(std::vector{span_of(1, 30, 50, store::TaskState::Running),
                                span_of(1, 60, 90, store::TaskState::Runnable)});
  const SessionPtr session = builder.finish();
  EXPECT_EQ(session->cut_spans(), 2U);
  ASSERT_EQ(session->span_count(), 5U);
  EXPECT_EQ(session->span_range(0), (TimeRange{10, 40}));
  EXPECT_EQ(session->span_range(1), (TimeRange{40, 40}));
  EXPECT_EQ(session->span_range(2), (TimeRange{40, 60}));
  EXPECT_EQ(session->span_range(3), (TimeRange{60, 60}));
  EXPECT_EQ(session->span_range(4), (TimeRange{60, 90}));
  EXPECT_EQ(tests::make_synthetic_session({.spans = 3'000})->cut_spans(), 0U);
}

TEST(Session, EverySpanKeepsItsDetailsHoweverManyThereAre) {
  SessionEntities entities;
  entities.info.duration_ns = 10'000;
  entities.tasks.resize(2);
  entities.tasks[0].id = 1;
  entities.tasks[1].id = 2;
  entities.objects.resize(500);
  for (std::size_t at = 0; at < 500; ++at) entities.objects[at].id = at + 1;
  SessionBuilder builder("x.tscope", std::move(entities));
  std::vector<store::Span> spans;
  for (std::int64_t at = 0; at < 1'000; ++at) {
    spans.push_back(span_of(1, at, at + 1, store::TaskState::Blocked, store::BlockReason::Mutex));
    spans.back().object_id = static_cast<store::ObjectId>(at * 7 % 500 + 1);
    spans.back().site_id = static_cast<store::SiteId>(at % 3);
    spans.back().woken_by = at % 2 == 0 ? 2 : 0;
  }
  builder.add_spans(spans);
  const SessionPtr session = builder.finish();
  ASSERT_EQ(session->span_count(), spans.size());
  for (SpanIndex at = 0; at < 1'000; ++at) {
    const SpanDetail detail = session->span_detail(at);
    ASSERT_EQ(session->find_object(detail)->id, spans[at].object_id) << at;
    ASSERT_EQ(detail.site_id, spans[at].site_id) << at;
    ASSERT_EQ(detail.woken_by, at % 2 == 0 ? 1U : kNoTask) << at;
  }
}

TEST(Findings, AreReadWithTheirTaskAndItsLastWait) {
  store::FindingRow stuck;
  stuck.kind = "leak";
  stuck.task_id = 2;
  store::FindingRow general;
  const SessionPtr session = ping_pong({stuck, general});
  const FindingList findings(*session, session->findings(), false);
  ViewState view;
  read_finding(findings, *session, view, 0);
  EXPECT_EQ(view.selection.task, session->find_task(2));
  EXPECT_EQ(view.selection.span, session->span_count() - 1);
  EXPECT_EQ(view.reveal, session->find_task(2));
  EXPECT_EQ(shown_finding(findings, view), &findings[0]);
  view.selection = {.task = session->find_task(1)};
  EXPECT_EQ(shown_finding(findings, view), nullptr) << "the selection is about something else";
  read_finding(findings, *session, view, 1);
  EXPECT_TRUE(view.selection.empty());
  EXPECT_EQ(shown_finding(findings, view), &findings[1]);
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

TEST(Session, TheOverviewKnowsWorkersAndTheirChunksBeforeAnyTask) {
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 500});
  SessionBuilder builder("x.tscope", {.info = recording.entities.info,
                                      .workers = recording.entities.workers,
                                      .chunks = {{.id = 1,
                                                  .worker_id = recording.entities.workers[0].id,
                                                  .start_ns = 0,
                                                  .end_ns = recording.entities.info.duration_ns,
                                                  .state_ns = {1000}}}});
  const SessionPtr overview = builder.overview();
  EXPECT_EQ(overview->stage(), SessionStage::Overview);
  EXPECT_TRUE(overview->tasks().empty());
  EXPECT_EQ(overview->workers().size(), recording.entities.workers.size());
  EXPECT_EQ(overview->workers()[0].chunks.size(), 1U);
  std::int64_t running_ns = 0;
  for (const ClassTimes& part : overview->overview(10)) {
    running_ns += part[index_of(StateClass::Running)];
  }
  EXPECT_NEAR(static_cast<double>(running_ns), 1000, 10);  // each part is rounded
}

// A recording of `chunks` chunks, in the order in which its loader hands out sessions.
std::vector<SessionStage> stages_of(std::size_t chunks) {
  const tests::TemporaryFolder folder;
  auto writer = store::Writer::create(folder.file("a"));
  EXPECT_TRUE(writer);
  ingest::SpanBuilder builder(*writer);
  const std::size_t ring = builder.add_ring(0);
  for (std::uint64_t i = 1; i <= chunks; ++i) {
    builder.take(ring, {.id = i, .kind = store::EventKind::Spawn}, {},
                 static_cast<std::int64_t>(i));
    builder.flush_chunks();
  }
  EXPECT_TRUE(ingest::complete(builder, *writer, {}));
  std::vector<SessionStage> stages;
  std::promise<SessionLoader*> made;
  auto loader_made = made.get_future().share();
  SessionLoader loader(folder.file("a"), [&stages, loader_made] {
    const SessionPtr session = loader_made.get()->poll().session;
    if (session == nullptr) return;
    if (stages.empty() || stages.back() != session->stage()) stages.push_back(session->stage());
  });
  made.set_value(&loader);
  EXPECT_EQ(loader.wait().error, "");
  return stages;
}

TEST(SessionLoader, OfALargeRecordingAnOverviewComesFirst) {
  using enum SessionStage;
  EXPECT_EQ(stages_of(20), (std::vector{Summary, Complete}));
  EXPECT_EQ(stages_of(300), (std::vector{Overview, Summary, Complete}));
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
