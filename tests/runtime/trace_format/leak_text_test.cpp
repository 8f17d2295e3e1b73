#include "runtime/trace_format/leak_text.h"

#include <gtest/gtest.h>

#include <string>

namespace taskscope::trace_format {
namespace {

TEST(LeakText, ComesBackAsItWasWritten) {
  const LeakText leak{.kind = LeakKind::LockCycle,
                      .proved = true,
                      .group = 7,
                      .members = {{.task = 2, .holder = 3},
                                  {.task = 3, .holder = 2},
                                  {.task = kIdMask, .holder = 0, .is_victim = true}}};
  EXPECT_EQ(format_leak(leak), "lock_deadlock\tproved\t7\t2\t3\t0\t3\t2\t0\t1099511627775\t0\t1");
  EXPECT_EQ(parse_leak(format_leak(leak)), leak);
}

TEST(LeakText, AsManyTasksAsAreToldOfAtOnceFitIntoAnEvent) {
  LeakText leak{.kind = LeakKind::AbandonedLock, .group = kIdMask, .members = {}};
  leak.members.assign(LeakText::kMembersMax,
                      {.task = kIdMask, .holder = kIdMask, .is_victim = true});
  EXPECT_LE(format_leak(leak).size(), kTextBytesMax);
  EXPECT_EQ(parse_leak(format_leak(leak)), leak);
}

TEST(LeakText, WhatIsNoneIsRefused) {
  for (const std::string text :
       {"", "leaked", "leaked\tproved", "leaked\tproved\t1", "gone\tproved\t1\t2\t0\t0",
        "leaked\tperhaps\t1\t2\t0\t0", "leaked\tproved\tx\t2\t0\t0", "leaked\tproved\t1\t2\t0",
        "leaked\tproved\t1\t0\t0\t0", "leaked\tproved\t1\t2\t0\t2",
        "leaked\tproved\t1\t1099511627776\t0\t0"}) {
    EXPECT_FALSE(parse_leak(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace taskscope::trace_format
