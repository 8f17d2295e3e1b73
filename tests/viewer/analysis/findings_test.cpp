#include "viewer/analysis/findings.h"

#include <gtest/gtest.h>

#include <string>

namespace taskscope::analysis {
namespace {

using store::BlockReason;
using store::Span;
using store::TaskRow;
using store::TaskState;

constexpr std::int64_t kMs = 1'000'000;
constexpr store::SiteId kSpawnSite = 1;
constexpr store::SiteId kWaitSite = 2;

// A program whose main task (1) may have ended, with `waiting` tasks blocked at one place.
struct Scene {
  std::vector<TaskRow> tasks;
  std::vector<Span> open;
  std::vector<Span> ended;  // waits that were over before the end
  std::vector<store::EventRow> deadlocks;
  std::vector<store::LabelSetId> daemon_sets;
  std::unordered_set<store::TaskId> explained;
  Report report;

  Scene(int waiting, bool main_ended, std::int64_t waited_ns = 5 * kMs) {
    report.info.duration_ns = 100 * kMs;
    report.sites[kSpawnSite] = {kSpawnSite, "server.cpp", 30, "serve"};
    report.sites[kWaitSite] = {kWaitSite, "server.cpp", 42, "handle"};
    TaskRow main{.id = 1, .state = main_ended ? TaskState::Done : TaskState::Running};
    if (main_ended) main.ended_ns = 100 * kMs;
    tasks.push_back(main);
    for (int i = 0; i < waiting; ++i) {
      const auto id = static_cast<store::TaskId>(i) + 2;
      tasks.push_back({.id = id,
                       .spawn_site_id = kSpawnSite,
                       .created_ns = 100 * kMs - std::min(waited_ns, 100 * kMs),
                       .state = TaskState::Blocked});
      open.push_back({.start_ns = 100 * kMs - waited_ns,
                      .end_ns = 100 * kMs,
                      .task_id = id,
                      .object_id = 7,
                      .site_id = kWaitSite,
                      .state = TaskState::Blocked,
                      .reason = BlockReason::ChanSend,
                      .finished = false});
    }
  }
  std::vector<store::FindingRow> find() const {
    WaitHistory history(report.info.duration_ns);
    const auto spawn_site = [](store::TaskId) { return kSpawnSite; };
    for (const Span& span : ended) history.add(span, spawn_site);
    for (const Span& span : open) history.add(span, spawn_site);
    auto found = find_endings({.tasks = tasks,
                               .open_spans = open,
                               .deadlocks = deadlocks,
                               .daemon_sets = daemon_sets,
                               .explained = explained,
                               .history = history,
                               .report = report});
    order_findings(found);
    return found;
  }
};

TEST(Findings, WhatTheProgramHasFoundItselfIsNotSuspectedOnceMore) {
  Scene scene(4, true);
  scene.explained = {2, 4, 5};
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].count, 1u);
  EXPECT_EQ(found[0].task_id, 3u);
}

TEST(Findings, TasksThatAreMeantToStayAreNoLeaks) {
  Scene scene(4, true);
  scene.daemon_sets = {3, 5};
  scene.tasks[1].label_set_id = 3;
  scene.tasks[2].label_set_id = 4;
  scene.tasks[3].label_set_id = 5;
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "leak");
  EXPECT_EQ(found[0].count, 2u);
  EXPECT_EQ(found[0].task_id, 3u);
}

TEST(Findings, OfLeaksAndDeadlocksSayThatTheirTasksAreStuck) {
  for (const FindingKind& kind : finding_kinds()) {
    store::FindingRow row;
    row.kind = kind.kind;
    EXPECT_EQ(says_stuck(row), kind.group == "leak" || kind.group == "deadlock") << kind.kind;
    EXPECT_EQ(finding_group(kind.kind), kind.group);
  }
  EXPECT_EQ(finding_group("of_tomorrow"), "");
}

TEST(Findings, TasksBlockedWhenMainReturnedAreSuspectedLeaks) {
  const auto found = Scene(3, true).find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].task_ids, (std::vector<store::TaskId>{2, 3, 4}));
  EXPECT_EQ(found[0].kind, "leak");
  EXPECT_EQ(found[0].tier, "suspected");
  EXPECT_EQ(found[0].severity, "warning");
  EXPECT_EQ(found[0].count, 3u);
  EXPECT_EQ(found[0].summary,
            "3 tasks started at server.cpp:30 were still blocked in chan send at server.cpp:42 "
            "when the program ended; the longest wait was 5.00 ms.");
  EXPECT_EQ(found[0].object_id, 7u);
  EXPECT_EQ(found[0].spawn_site_id, kSpawnSite);
  EXPECT_EQ(found[0].wait_site_id, kWaitSite);
}

TEST(Findings, OneTaskIsWrittenInTheSingular) {
  const auto found = Scene(1, true).find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].summary.find("1 task started at server.cpp:30 was still"), std::string::npos);
}

TEST(Findings, AFewShortWaitsInARunningProgramAreSilent) {
  EXPECT_TRUE(Scene(3, false).find().empty());
}

// So many more at each of the five looks.
Scene gathering(int each) {
  Scene scene(5 * each, false);
  for (std::size_t i = 0; i < scene.open.size(); ++i) {
    const std::int64_t since_ns = 20 * kMs * (static_cast<std::int64_t>(i) / each) + kMs;
    scene.open[i].start_ns = since_ns;
    scene.tasks[i + 1].created_ns = since_ns;
  }
  return scene;
}

TEST(Findings, TasksThatGatherAreSevereEvenWhileTheProgramRuns) {
  const auto found = gathering(20).find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].severity, "severe");
  EXPECT_TRUE(gathering(19).find().empty()) << "too few";
}

TEST(Findings, APoolThatComesToRestIsSilent) {
  Scene scene = gathering(20);
  for (TaskRow& task : scene.tasks) task.created_ns = 0;  // they have been there all the time
  EXPECT_TRUE(scene.find().empty());
}

TEST(Findings, TasksThatAllCameAtOnceAreSilent) {
  EXPECT_TRUE(Scene(5'000, false).find().empty()) << "a pool that was started a moment ago";
}

TEST(Findings, APoolOfWorkersAtRestIsSilent) {
  // As many as at the end have waited all along.
  EXPECT_TRUE(Scene(5'000, false, 99 * kMs).find().empty());
}

TEST(Findings, ACrowdSpeaksEvenIfItDoesNotGrow) {
  EXPECT_EQ(Scene(10'000, false, 99 * kMs).find().size(), 1u);
}

TEST(Findings, ALongWaitSpeaksEvenWhileTheProgramRuns) {
  EXPECT_EQ(Scene(1, false, 30'000 * kMs).find().size(), 1u);
  EXPECT_TRUE(Scene(1, false, 29'999 * kMs).find().empty());
}

TEST(Findings, AWaitIsLongBesideWhatIsUsualAtItsPlace) {
  Scene scene(1, false, 60'000 * kMs);
  scene.ended.assign(100, scene.open[0]);
  for (Span& span : scene.ended) {
    span.finished = true;
    span.end_ns = span.start_ns + 2'000 * kMs;
  }
  EXPECT_EQ(scene.find().size(), 1u);
  for (Span& span : scene.ended) span.end_ns = span.start_ns + 5'000 * kMs;
  EXPECT_TRUE(scene.find().empty());
}

TEST(Findings, SleepersNetworkWaitersAndTheMainTaskAreNotLeaks) {
  Scene scene(2, true);
  scene.open[0].state = TaskState::Sleeping;
  scene.open[0].reason = BlockReason::Sleep;
  scene.open[1].reason = BlockReason::Network;
  Span main = scene.open[1];
  main.task_id = 1;
  main.reason = BlockReason::ChanRecv;
  scene.open.push_back(main);
  EXPECT_TRUE(scene.find().empty());
}

TEST(Findings, APanicIsProvedAndComesFirst) {
  Scene scene(200, true);
  scene.tasks.push_back({.id = 999,
                         .name = "reader",
                         .spawn_site_id = kSpawnSite,
                         .ended_ns = 50 * kMs,
                         .state = TaskState::Panicked});
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].kind, "panic");
  EXPECT_EQ(found[0].tier, "proved");
  EXPECT_EQ(found[0].id, 1);
  EXPECT_NE(found[0].summary.find("task 999 \"reader\""), std::string::npos);
  EXPECT_EQ(found[1].id, 2);
}

TEST(Findings, APanicSaysWhatItSaid) {
  Scene scene(0, true);
  scene.tasks.push_back(
      {.id = 9, .state = TaskState::Panicked, .panic_message = "send on closed channel"});
  ASSERT_EQ(scene.find().size(), 1u);
  EXPECT_EQ(scene.find()[0].detail, "It said: send on closed channel");
}

TEST(Findings, ADeadlockIsProvedAndSwallowsItsVictims) {
  Scene scene(150, false);
  Span main = scene.open[0];
  main.task_id = 1;
  main.reason = BlockReason::WaitGroup;
  main.site_id = 99;
  scene.open.push_back(main);
  scene.deadlocks.push_back({.ns = 90 * kMs, .kind = store::EventKind::Deadlock, .arg = 151});
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "deadlock");
  EXPECT_EQ(found[0].tier, "proved");
  EXPECT_EQ(found[0].count, 151u);
  EXPECT_EQ(found[0].task_id, 1u);
  EXPECT_EQ(found[0].summary,
            "All 151 tasks were asleep and nothing could wake them; the program ended itself.");
  EXPECT_EQ(found[0].detail,
            "task 1 in wait_group at unknown place. "
            "150 tasks in chan send at server.cpp:42, started at server.cpp:30.");
}

TEST(Findings, TasksThatNeverRanBeforeMainReturnedAreNamedByTheirPlace) {
  Scene scene(2, true);
  for (std::size_t i = 0; i < 2; ++i) {
    scene.open[i].state = TaskState::Runnable;
    scene.open[i].reason = BlockReason::None;
    scene.tasks[i + 1].created_ns = scene.open[i].start_ns;
  }
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "never_ran");
  EXPECT_EQ(found[0].summary,
            "2 tasks started at server.cpp:30 had not begun to run when main returned.");
  // One that has run before, and one of a program that goes on, are nobody's mistake.
  for (TaskRow& task : scene.tasks) task.state_ns[0] = 5;
  EXPECT_TRUE(scene.find().empty());
  for (TaskRow& task : scene.tasks) task.state_ns[0] = 0;
  scene.tasks[0].ended_ns.reset();
  EXPECT_TRUE(scene.find().empty());
}

TEST(Findings, WaitsAtDifferentPlacesAreDifferentFindings) {
  Scene scene(3, true);
  scene.open[2].site_id = 99;
  const auto found = scene.find();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].count, 2u);
  EXPECT_NE(found[1].summary.find("unknown place"), std::string::npos);
}

TEST(Findings, EachProgramIsLookedAtForItself) {
  // Of two programs with the same ids one has ended, and left tasks; the other goes on.
  Scene scene(3, true);
  Scene other(3, false);
  for (TaskRow task : other.tasks) {
    task.id = store::id_of(2, task.id);
    task.spawn_site_id = store::site_id_of(2, task.spawn_site_id);
    scene.tasks.push_back(task);
  }
  for (Span span : other.open) {
    span.task_id = store::id_of(2, span.task_id);
    scene.open.insert(scene.open.begin(), span);
  }
  scene.report.info.programs = {{.id = 1, .name = "a/client"}, {.id = 2, .name = "a/server"}};
  const auto of_client = scene.find();
  ASSERT_EQ(of_client.size(), 1u);
  EXPECT_EQ(of_client[0].count, 3u);
  EXPECT_EQ(of_client[0].summary.substr(0, 16), "client: 3 tasks ");
  EXPECT_EQ(store::program_of(of_client[0].task_id), 1u);
  // A deadlock of the second says nothing about the first.
  scene.deadlocks.push_back({.ns = 90 * kMs, .program_id = 2, .arg = 4});
  const auto of_both = scene.find();
  ASSERT_EQ(of_both.size(), 2u);
  EXPECT_EQ(of_both[0].kind, "deadlock");
  EXPECT_EQ(of_both[0].summary.substr(0, 19), "server: All 4 tasks");
  EXPECT_EQ(store::program_of(of_both[0].task_id), 2u);
  EXPECT_EQ(of_both[1].kind, "leak");
}

}  // namespace
}  // namespace taskscope::analysis
