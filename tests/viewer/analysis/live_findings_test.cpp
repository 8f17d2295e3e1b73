#include "viewer/analysis/live_findings.h"

#include <gtest/gtest.h>

#include <string>

namespace taskscope::analysis {
namespace {

using store::BlockReason;
using store::WaitingGroup;

constexpr std::int64_t kSecond = 1'000'000'000;

WaitingGroup waiting(std::uint64_t tasks, BlockReason reason, std::int64_t longest_ns = kSecond) {
  return {.spawn_site_id = 1,
          .wait_site_id = 2,
          .reason = reason,
          .tasks = tasks,
          .longest_ns = longest_ns};
}

TEST(LiveFindings, TasksThatGatherAndDoNotGetFewerAreFound) {
  LiveFindings findings;
  for (const std::uint64_t tasks : {100u, 120u, 120u, 121u}) {
    EXPECT_EQ(findings.look({waiting(tasks, BlockReason::ChanSend)}), "");
  }
  EXPECT_EQ(findings.look({waiting(130, BlockReason::ChanSend)}),
            "a finding: 130 tasks wait at one place (chan send), and get more");
}

TEST(LiveFindings, APoolThatWaitsForWorkIsSilentHoweverLong) {
  LiveFindings findings;
  for (int look = 0; look < 1000; ++look) {
    EXPECT_EQ(findings.look({waiting(500, BlockReason::ChanRecv, look * kSecond)}), "");
  }
}

TEST(LiveFindings, AQueueThatShrinksNowAndThenIsSilent) {
  LiveFindings findings;
  for (int look = 0; look < 1000; ++look) {
    const auto tasks = static_cast<std::uint64_t>(200 + look % 4 * 50);
    EXPECT_EQ(findings.look({waiting(tasks, BlockReason::ChanSend)}), "");
  }
}

TEST(LiveFindings, AFewTasksAreSilent) {
  LiveFindings findings;
  for (std::uint64_t tasks = 1; tasks < FindingLimits().stuck_group; ++tasks) {
    EXPECT_EQ(findings.look({waiting(tasks, BlockReason::ChanSend)}), "");
  }
}

TEST(LiveFindings, ALockThatNobodyGivesBackIsFoundAtOnce) {
  LiveFindings findings;
  EXPECT_EQ(findings.look({waiting(1, BlockReason::Mutex, 29 * kSecond)}), "");
  EXPECT_EQ(findings.look({waiting(1, BlockReason::Mutex, 31 * kSecond)}),
            "a finding: a task has been waiting for a lock (mutex) for 31.0 s");
}

TEST(LiveFindings, AreFindingsWithPlacesAndNumbers) {
  LiveFindings findings;
  for (std::uint64_t tasks = 200; tasks < 205; ++tasks) {
    (void)findings.look(
        {waiting(tasks, BlockReason::ChanSend), waiting(1, BlockReason::Mutex, 31 * kSecond)});
  }
  ASSERT_EQ(findings.found().size(), 2U);
  const store::FindingRow growing = to_row(findings.found()[0], "server.cpp:42");
  EXPECT_EQ(growing.kind, "leak");
  EXPECT_EQ(growing.tier, "suspected");
  EXPECT_EQ(growing.count, 204U);
  EXPECT_EQ(growing.wait_site_id, 2U);
  EXPECT_EQ(growing.summary, "204 tasks wait in chan send at server.cpp:42, and they get more.");
  EXPECT_EQ(to_row(findings.found()[1], "server.cpp:42").summary,
            "A task waits for a lock (mutex) at server.cpp:42 that nobody has given back for "
            "31.0 s.");
  (void)findings.look({});
  EXPECT_TRUE(findings.found().empty());
}

TEST(LiveFindings, WhatWaitsForTimeOrTheWorldOutsideIsSilent) {
  for (const BlockReason reason : {BlockReason::Sleep, BlockReason::Network}) {
    LiveFindings findings;
    for (std::uint64_t tasks = 100; tasks < 200; ++tasks) {
      EXPECT_EQ(findings.look({waiting(tasks, reason, 100 * kSecond)}), "");
    }
  }
}

TEST(LiveFindings, APlaceThatWasEmptyBeginsAnew) {
  LiveFindings findings;
  for (std::uint64_t tasks = 100; tasks < 104; ++tasks) {
    EXPECT_EQ(findings.look({waiting(tasks, BlockReason::ChanSend)}), "");
  }
  EXPECT_EQ(findings.look({}), "");
  EXPECT_EQ(findings.look({waiting(110, BlockReason::ChanSend)}), "");
}

}  // namespace
}  // namespace taskscope::analysis
