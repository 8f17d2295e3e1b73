// What a program has found out itself about tasks that can never go on, as findings.
#include "viewer/analysis/leaks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/temporary_folder.h"
#include "viewer/analysis/report.h"

namespace taskscope::analysis {
namespace {

// Main has returned; tasks 2 and 3 wait for locks, task 4 for a lock, tasks 5 and 6 at a channel.
const std::string kWaits = R"(
w0 0 site site=1 "10\tmain.cpp\tmain"
w0 1 site site=2 "20\tmain.cpp\twork"
ext 2 spawn task=1 site=1
w0 10 run task=1 seq=1
w0 20 spawn task=2 site=2
w0 21 spawn task=3 site=2
w0 22 spawn task=4 site=2
w0 23 spawn task=5 site=1
w0 24 spawn task=6 site=1
w0 30 yield
w0 40 run task=2 seq=1
w0 41 object object=1 kind=mutex site=1
w0 41 object-name object=1 "a"
w0 42 block object=1 reason="mutex" site=2
w0 50 run task=3 seq=1
w0 51 object object=2 kind=mutex site=1
w0 52 block object=2 reason="mutex" site=2
w0 60 run task=4 seq=1
w0 61 block object=2 reason="mutex" site=2
w0 70 run task=5 seq=1
w0 71 object object=3 kind=channel site=1
w0 72 block object=3 reason="chan recv" site=1
w0 73 run task=6 seq=1
w0 74 block object=3 reason="chan recv" site=1
)";
const std::string kEnd = R"(
w0 90 run task=1 seq=2
w0 99 exit task=1
)";
const std::string kCircle =
    "ext 80 finding task=2 \"lock_deadlock\\tproved\\t1\\t\\t\\t2\\t3\\t0\\t0\\t0\\t0"
    "\\t3\\t2\\t0\\t0\\t0\\t0\\t4\\t2\\t1\\t0\\t0\\t0\"\n";
std::vector<store::FindingRow> find(const std::string& trace) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("a.tscope");
  const Result<void> recorded = ingest::record_text(trace, path);
  EXPECT_TRUE(recorded) << recorded.error().message;
  const auto reader = store::Reader::open(path);
  EXPECT_TRUE(reader) << reader.error().message;
  const auto report = build_report(*reader);
  EXPECT_TRUE(report) << report.error().message;
  return report->findings;
}

std::vector<std::string> summaries(const std::vector<store::FindingRow>& found) {
  std::vector<std::string> texts;
  for (const auto& row : found) texts.push_back(row.tier + ' ' + row.kind + ": " + row.summary);
  return texts;
}

TEST(Leaks, ACircleOfLocksIsOneFindingWithItsVictims) {
  const auto found = find(kWaits + kCircle + kEnd);
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(summaries(found)[0],
            "proved lock_deadlock: 2 tasks wait in a circle for locks that the others have: "
            "task 2 in mutex at main.cpp:20 for mutex \"a\", which task 3 has; "
            "task 3 in mutex at main.cpp:20 for mutex made at main.cpp:10, which task 2 has.");
  EXPECT_EQ(found[0].severity, "severe");
  EXPECT_EQ(found[0].count, 2u);
  EXPECT_NE(found[0].detail.find("1 more waits for these."), std::string::npos);
}

TEST(Leaks, WhoGaveUpTheLastHandleIsNamedWithPlaceAndTime) {
  const auto told = [](const std::string& by) {
    return find(kWaits + "ext 82 finding task=5 \"leaked\\tproved\\t1\\t" + by + "\"\n" + kEnd);
  };
  auto found = told("src/deep/main.cpp:12\\task\\t5\\t0\\t0\\t2\\t4\\t8192");
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(
      found[0].detail,
      "Nobody was left who could get at channel made at main.cpp:10: task 2 gave up the last "
      "other handle at src/deep/main.cpp:12 (ask), 6 ns after the wait began. It keeps 8.00 KiB "
      "of stack.");
  found = told("\\t\\t5\\t0\\t0\\t0\\t12\\t0");
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(found[0].detail,
            "Nobody was left who could get at channel made at main.cpp:10: a thread gave up the "
            "last other handle, 2 ns before the wait began.");
}

TEST(Leaks, AFindingKnowsItsTasksAndWhoHasWhatTheyWaitFor) {
  const auto found = find(kWaits + kCircle + kEnd);
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(found[0].task_ids, (std::vector<store::TaskId>{2, 3, 4}));
  ASSERT_EQ(found[0].holders.size(), 3u);
  EXPECT_EQ(found[0].holders[0].task_id, 2u);
  EXPECT_EQ(found[0].holders[0].holder_id, 3u);
  EXPECT_EQ(found[0].holders[2].task_id, 4u);
  EXPECT_EQ(found[0].holders[2].holder_id, 2u);
}

TEST(Leaks, WhatIsProvedIsNotSuspectedOnceMore) {
  const auto found =
      find(kWaits + kCircle +
           "ext 81 finding task=5 \"leaked\\tproved\\t2\\t\\t\\t5\\t0\\t0\\t0\\t0\\t0\"\n" + kEnd);
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(summaries(found)[1],
            "proved leak: 1 task started at main.cpp:10 was still blocked in chan recv at "
            "main.cpp:10 when the program ended, and nothing was left that could have woken it.");
  EXPECT_EQ(found[2].tier, "suspected");  // the one that was not proved
  EXPECT_EQ(found[2].task_id, 6u);
  EXPECT_EQ(found[2].count, 1u);
}

TEST(Leaks, TasksThatWaitAlikeAreOneFindingWhateverTheirEventsWere) {
  const auto found = find(
      kWaits + "ext 80 finding task=5 \"leaked\\tproved\\t1\\t\\t\\t5\\t0\\t0\\t0\\t0\\t0\"\n" +
      "ext 81 finding task=6 \"leaked\\tproved\\t2\\t\\t\\t6\\t0\\t0\\t0\\t0\\t0\"\n" + kEnd);
  const auto proved = std::count_if(found.begin(), found.end(),
                                    [](const auto& row) { return row.tier == "proved"; });
  EXPECT_EQ(proved, 1);
  EXPECT_EQ(found[0].count, 2u);
}

TEST(Leaks, AWaitThatTheProgramHasEndedByForceStaysAFinding) {
  const auto found = find(
      kWaits + "ext 80 finding task=5 \"leaked\\tunwound\\t1\\t\\t\\t5\\t0\\t0\\t0\\t0\\t4096\"\n" +
      "ext 85 ready task=5 seq=2\nw0 86 run task=5 seq=3\nw0 87 exit task=5\n" + kEnd);
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(summaries(found)[0],
            "proved leak: 1 task started at main.cpp:10 was still blocked in chan recv at "
            "main.cpp:10 and nothing was left that could have woken it.");
  EXPECT_NE(found[0].detail.find("It was ended by ts::Unwinding (TASKSCOPE_LEAKS=unwind), which "
                                 "gave back 4.00 KiB of stack."),
            std::string::npos)
      << found[0].detail;
  EXPECT_EQ(found[0].last_ns - found[0].first_ns, 8);
}

TEST(Leaks, WhatTheTraceRefutesIsNoFinding) {
  const auto found = find(kWaits + kCircle + "w0 85 ready task=3 seq=2\n" + kEnd);
  for (const auto& row : found) EXPECT_NE(row.kind, "lock_deadlock");
}

TEST(Leaks, AWaitThatBeganLaterWasNotMeant) {
  const auto found =
      find("ext 3 finding task=5 \"leaked\\tproved\\t1\\t\\t\\t5\\t0\\t0\\t0\\t0\\t0\"\n" + kWaits +
           kEnd);
  for (const auto& row : found) EXPECT_EQ(row.tier, "suspected");
}

TEST(Leaks, WhereAllSleepThatIsTheFinding) {
  const auto found =
      find(kWaits + kCircle +
           "w0 90 run task=1 seq=2\n"
           "w0 91 block object=3 reason=\"chan recv\" site=1\nw0 95 deadlock count=6\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].kind, "deadlock");
}

TEST(Leaks, ALockOfATaskThatHasEndedIsSuspected) {
  const auto found = find(
      kWaits +
      "ext 80 finding task=4 \"abandoned_lock\\tsuspected\\t1\\t\\t\\t4\\t9\\t0\\t0\\t0\\t0\"\n" +
      kEnd);
  ASSERT_GE(found.size(), 1u);
  EXPECT_EQ(summaries(found)[0],
            "suspected abandoned_lock: task 4, started at main.cpp:20, waits at main.cpp:20 for "
            "mutex made at main.cpp:10, which task 9 had when it ended.");
}

}  // namespace
}  // namespace taskscope::analysis
