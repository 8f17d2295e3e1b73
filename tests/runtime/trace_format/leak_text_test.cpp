#include "runtime/trace_format/leak_text.h"

#include <gtest/gtest.h>

#include <string>

namespace taskscope::trace_format {
namespace {

TEST(LeakText, ComesBackAsItWasWritten) {
  const LeakText leak{
      .kind = LeakKind::LockCycle,
      .proved = true,
      .group = 7,
      .dropped_at = "main.cpp:12",
      .dropped_in = "ask",
      .members = {{.task = 2, .holder = 3, .dropped_by = 4, .dropped_ago_ns = 5, .held_bytes = 6},
                  {.task = 3, .holder = 2},
                  {.task = kIdMask, .holder = 0, .is_victim = true}}};
  EXPECT_EQ(format_leak(leak),
            "lock_deadlock\tproved\t7\tmain.cpp:12\task\t2\t3\t0\t4\t5\t6\t3\t2\t0\t0\t0\t0\t"
            "1099511627775\t0\t1\t0\t0\t0");
  EXPECT_EQ(parse_leak(format_leak(leak)), leak);
}

TEST(LeakText, AsManyTasksAsAreToldOfAtOnceFitIntoAnEvent) {
  LeakText leak{.kind = LeakKind::AbandonedLock, .group = kIdMask, .members = {}};
  leak.members.assign(LeakText::kMembersMax, {.task = kIdMask,
                                              .holder = kIdMask,
                                              .is_victim = true,
                                              .dropped_by = kIdMask,
                                              .dropped_ago_ns = std::uint64_t{1} << 62,
                                              .held_bytes = std::uint64_t{1} << 47});
  leak.dropped_at = std::string(LeakText::kPlaceBytesMax, 'x');
  leak.dropped_in = std::string(LeakText::kPlaceBytesMax, 'y');
  EXPECT_LE(format_leak(leak).size(), kTextBytesMax);
  EXPECT_EQ(parse_leak(format_leak(leak)), leak);
}

TEST(LeakText, ThatIsUnwoundIsProved) {
  const auto leak = parse_leak("leaked\tunwound\t1\t\t\t2\t0\t0\t0\t0\t0");
  ASSERT_TRUE(leak.has_value());
  EXPECT_TRUE(leak->proved);
  EXPECT_TRUE(leak->unwound);
}

TEST(LeakText, WhatIsNoneIsRefused) {
  for (const std::string text :
       {"", "leaked", "leaked\tproved", "leaked\tproved\t1", "leaked\tproved\t1\t\t",
        "gone\tproved\t1\t\t\t2\t0\t0\t0\t0\t0", "leaked\tperhaps\t1\t\t\t2\t0\t0\t0\t0\t0",
        "leaked\tproved\tx\t\t\t2\t0\t0\t0\t0\t0", "leaked\tproved\t1\t\t\t2\t0\t0\t0\t0",
        "leaked\tproved\t1\t\t\t0\t0\t0\t0\t0\t0", "leaked\tproved\t1\t\t\t2\t0\t2\t0\t0\t0",
        "leaked\tproved\t1\t\t\t2\t0\t0\tx\t0\t0", "leaked\tproved\t1\t\t\t2\t0\t0\t0\t-1\t0",
        "leaked\tproved\t1\t\t\t2\t0\t0\t0\t0\t-1",
        "leaked\tproved\t1\t\t\t1099511627776\t0\t0\t0\t0\t0"}) {
    EXPECT_FALSE(parse_leak(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace taskscope::trace_format
