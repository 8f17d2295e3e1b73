#include "viewer/model/findings.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/story.h"
#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/trace_session.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/report.h"
#include "viewer/model/finding_search.h"

namespace taskscope::viewer {
namespace {

using testing::ElementsAre;
using Where = FindingSearch::Where;

constexpr std::int64_t kMs = 1'000'000;

// Main has returned; tasks 2 and 3 wait for a channel, and task 5 waited long for the mutex that
// task 4 held.
std::string story_of_a_leak_and_a_held_lock() {
  tests::Story story;
  story.site(1, 30, "serve");
  story.site(2, 42, "handle");
  story.object(7, "channel", "replies");
  story.object(8, "mutex", "cache");
  for (int task = 2; task <= 5; ++task) story.spawn(0, 10 * task, task, 1);
  story.run(0, 100, 1);
  story.run(1, 110, 2);
  story.block(1, 120, 7, "chan recv", 2);
  story.run(1, 130, 3);
  story.block(1, 140, 7, "chan recv", 2);
  story.run(1, 150, 4);
  story.put(0, 160, "exit task=1");
  story.run(0, 170, 5);
  story.block(0, 180, 8, "mutex", 2);
  story.ready(1, 30 * kMs, 5);
  story.put(1, 30 * kMs + 10, "exit task=4");
  story.run(0, 30 * kMs + 20, 5);
  story.put(0, 30 * kMs + 30, "exit task=5");
  return story.text();
}

struct Recorded {
  explicit Recorded(const std::string& trace) : path(folder.file("a.tscope")) {
    const Result<void> recorded = ingest::record_text(trace, path);
    EXPECT_TRUE(recorded) << recorded.error().message;
    SessionLoader loader(path, {});
    session = loader.wait().session;
  }
  FindingState look(Where where) const {
    FindingSearch search({});
    search.look(session, where);
    search.wait();
    return search.poll();
  }

  tests::TemporaryFolder folder;
  std::string path;
  SessionPtr session;
};

std::vector<std::string> headlines(const FindingList& list) {
  std::vector<std::string> all;
  for (const ShownFinding& finding : list) all.push_back(finding.row.summary);
  return all;
}

TEST(FindingSearch, ListsWhatTheReportSaysInItsOrder) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  const auto reader = store::Reader::open(recorded.path);
  ASSERT_TRUE(reader);
  const auto report = analysis::build_report(*reader);
  ASSERT_TRUE(report);
  ASSERT_GE(report->findings.size(), 2U);
  std::vector<std::string> expected;
  for (const store::FindingRow& row : report->findings) expected.push_back(row.summary);
  const FindingState of_file = recorded.look(Where::File);
  EXPECT_EQ(headlines(*of_file.list), expected);
  EXPECT_EQ(of_file.stage, FindingStage::Done);
  // Nobody has stored any in this file.
  const FindingState stored = recorded.look(Where::Stored);
  EXPECT_TRUE(stored.list->empty());
  EXPECT_EQ(stored.stage, FindingStage::Stored);
}

TEST(FindingSearch, LooksAgainAtWhatIsRecordedMeanwhile) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  FindingSearch search({});
  do {
    search.look(recorded.session, Where::Live);
    search.wait();
    ASSERT_EQ(search.poll().stage, FindingStage::Live);
  } while (search.poll().list->empty());
  EXPECT_EQ(headlines(*search.poll().list), headlines(*recorded.look(Where::File).list));
}

TEST(FindingSearch, OfAFileThatIsGoneKeepsWhatTheSessionKnowsAndSaysWhy) {
  FindingSearch search({});
  search.look(tests::make_synthetic_session({.spans = 500}), Where::File);
  search.wait();
  const FindingState state = search.poll();
  EXPECT_EQ(state.stage, FindingStage::Failed);
  EXPECT_NE(state.error, "");
  EXPECT_EQ(state.list->size(), 1U);
  search.forget();
  EXPECT_TRUE(search.poll().list->empty());
  EXPECT_EQ(search.poll().stage, FindingStage::Waiting);
}

TEST(FindingSearch, ThatIsStoppedSaysSoAndCanBeAskedAgain) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  FindingSearch* asked = nullptr;
  bool stops = true;
  // Between the findings that are stored and those of the file, on the search's thread.
  FindingSearch search([&] {
    if (std::exchange(stops, false)) asked->stop();
  });
  asked = &search;
  search.look(recorded.session, Where::File);
  search.wait();
  EXPECT_EQ(search.poll().stage, FindingStage::Stopped) << "and nothing of it comes later";
  search.look(recorded.session, Where::File);
  search.wait();
  EXPECT_EQ(search.poll().stage, FindingStage::Done);
  EXPECT_GE(search.poll().list->size(), 2U);
}

TEST(Findings, KnowTheirTasksAndWhenTheyAreAboutThem) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  const FindingState state = recorded.look(Where::File);
  const TraceSession& session = *recorded.session;
  const auto of_kind = [&](std::string_view kind) {
    for (const ShownFinding& finding : *state.list) {
      if (finding.row.kind == kind) return &finding;
    }
    return static_cast<const ShownFinding*>(nullptr);
  };
  const ShownFinding* leak = of_kind("leak");
  ASSERT_NE(leak, nullptr);
  EXPECT_EQ(leak->title, "Leak");
  EXPECT_THAT(leak->tasks, ElementsAre(session.find_task(2), session.find_task(3)));
  const ShownFinding* hold = of_kind("long_hold");
  ASSERT_NE(hold, nullptr);
  EXPECT_EQ(hold->title, "Long hold");
  EXPECT_THAT(hold->tasks, ElementsAre(session.find_task(4), session.find_task(5)));
  // The third task's own wait began later than the second's.
  const auto of_third = state.list->of_task(session.find_task(3));
  ASSERT_EQ(of_third.size(), 1U);
  EXPECT_EQ(of_third[0].when, (TimeRange{140, session.duration_ns()}));
  EXPECT_TRUE(state.list->of_task(session.find_task(1)).empty());
  const TimeRange shown = finding_view(*hold, session.duration_ns());
  EXPECT_LT(shown.start_ns, hold->when.start_ns + 1);
  EXPECT_GT(shown.end_ns, hold->when.end_ns);
}

TEST(Findings, StoredWithoutTheirTasksFindThemInTheSession) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  std::vector<store::FindingRow> rows;
  const FindingListPtr found = recorded.look(Where::File).list;
  for (const ShownFinding& finding : *found) rows.push_back(finding.row);
  for (store::FindingRow& row : rows) row.task_ids.clear();
  store::FindingRow hot;
  hot.kind = "hot_lock";
  hot.object_id = recorded.session->objects().back().id;
  hot.last_ns = recorded.session->duration_ns();
  rows = {rows[0].kind == "leak" ? rows[0] : rows[1], hot};
  const FindingList list(*recorded.session, rows, false);
  EXPECT_THAT(list[0].tasks, ElementsAre(1, 2));
  EXPECT_THAT(list[1].tasks, ElementsAre(4)) << "who waited for the mutex";
}

TEST(Findings, ADeadlockIsAboutEveryTaskThatWaits) {
  const Recorded recorded(
      "w0 0 site site=1 \"10\\tmain.cpp\\tmain\"\n"
      "ext 2 spawn task=1 site=1\n"
      "w0 10 run task=1 seq=1\n"
      "w0 20 spawn task=2 site=1\n"
      "w0 40 block object=1 reason=\"chan recv\" site=1\n"
      "w0 40 run task=2 seq=1\n"
      "w0 60 block object=2 reason=\"mutex\" site=1\n"
      "w0 70 worker-park\n"
      "w0 80 deadlock count=2\n");
  const FindingListPtr list = recorded.look(Where::File).list;
  ASSERT_EQ(list->size(), 1U);
  EXPECT_THAT((*list)[0].tasks, ElementsAre(0, 1));
  EXPECT_EQ((*list)[0].whole, (TimeRange{40, 80})) << "from the first wait on";
  EXPECT_EQ(counts_text(*list), "1 proved");
  store::FindingRow stored = (*list)[0].row;
  stored.task_ids.clear();
  EXPECT_THAT(FindingList(*recorded.session, {stored}, false)[0].tasks, ElementsAre(0, 1));
}

store::FindingRow row_of(std::string kind, std::string tier, std::string severity) {
  store::FindingRow row;
  row.kind = std::move(kind);
  row.tier = std::move(tier);
  row.severity = std::move(severity);
  return row;
}

std::string filters_text(const FindingList& list) {
  std::string text;
  for (const FindingFilter& filter : finding_filters(list)) {
    text += fmt::format("{}={} ", filter.word, filter.count);
  }
  return text;
}

TEST(Findings, AreCountedAsTheWorstThatTheyAreAndCutDownToKinds) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const FindingList list(
      *session,
      {row_of("panic", "proved", "severe"), row_of("leak", "suspected", "severe"),
       row_of("hot_lock", "suspected", "warning"), row_of("lock_convoy", "suspected", "warning"),
       row_of("of_tomorrow", "suspected", "info")},
      false);
  EXPECT_EQ(counts_text(list), "1 proved, 1 severe, 3 suspected");
  EXPECT_EQ(filters_text(list), "=5 proved=1 severe=2 panic=1 leak=1 contention=2 ");
  EXPECT_EQ(list[4].title, "Of tomorrow");
  EXPECT_TRUE(passes(list[1], "severe"));
  EXPECT_FALSE(passes(list[2], "leak"));
  EXPECT_EQ(filters_text(FindingList()), "=0 ");
  EXPECT_EQ(counts_text(FindingList()), "");
  for (const FindingFilter& filter : finding_filters(list)) {
    EXPECT_TRUE(is_finding_filter(filter.word)) << filter.word;
  }
  EXPECT_FALSE(is_finding_filter("open"));
}

TEST(Findings, AreTheSameOnesThoughTheirNumbersHaveChanged) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  store::FindingRow convoy = row_of("lock_convoy", "suspected", "warning");
  convoy.object_id = 7;
  convoy.count = 3;
  const store::FindingRow panic = row_of("panic", "proved", "severe");
  const FindingList list(*session, {panic, convoy}, false);
  convoy.count = 99;
  convoy.severity = "severe";
  convoy.task_id = 5;  // another example
  EXPECT_EQ(list.find_same(convoy), 1U);
  convoy.object_id = 8;
  EXPECT_EQ(list.find_same(convoy), std::nullopt);
}

TEST(Findings, AsTextHaveEverythingThatSomebodyElseNeeds) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  const FindingListPtr list = recorded.look(Where::File).list;
  for (const ShownFinding& finding : *list) {
    const std::string text = finding_text(*recorded.session, finding);
    EXPECT_NE(text.find(finding.row.summary), std::string::npos) << text;
    EXPECT_NE(text.find(finding.row.detail), std::string::npos) << text;
    EXPECT_NE(text.find("server.cpp:30 in serve"), std::string::npos) << text;
    EXPECT_NE(text.find("When: "), std::string::npos) << text;
    EXPECT_NE(text.find("Tasks: "), std::string::npos) << text;
    EXPECT_NE(text.find(recorded.path), std::string::npos) << text;
  }
}

TEST(FindingSearch, SaysThatALockIsNotGivenBackWhileItIsRecorded) {
  const Recorded recorded(story_of_a_leak_and_a_held_lock());
  FindingSearch search({});
  search.set_waiting({{.spawn_site_id = 1,
                       .wait_site_id = 2,
                       .reason = store::BlockReason::Mutex,
                       .tasks = 2,
                       .longest_ns = 60 * 1'000 * kMs}});
  search.look(recorded.session, Where::Live);
  search.wait();
  const FindingListPtr list = search.poll().list;
  ASSERT_GE(list->size(), 1U);
  EXPECT_EQ(
      (*list)[0].row.summary,
      "2 tasks wait for a lock (mutex) at server.cpp:42 that nobody has given back for 60.0 s.");
  EXPECT_THAT((*list)[0].tasks, ElementsAre(1, 2)) << "who was started there and lives";
}

}  // namespace
}  // namespace taskscope::viewer
