#include "viewer/analysis/limits.h"

#include <gtest/gtest.h>

namespace taskscope::analysis {
namespace {

TEST(Limits, EachIsSetByItsNameInItsUnit) {
  FindingLimits limits;
  EXPECT_TRUE(set_limit(limits, "starved_wait=25ms"));
  EXPECT_EQ(limits.starved_wait, 25'000'000);
  EXPECT_TRUE(set_limit(limits, " stuck_group = 1,000 "));
  EXPECT_EQ(limits.stuck_group, 1'000);
  EXPECT_TRUE(set_limit(limits, "spawn_rate=20000/s"));
  EXPECT_EQ(limits.spawn_rate, 20'000);
  EXPECT_TRUE(set_limit(limits, "lock_share=7 %"));
  EXPECT_EQ(limits.lock_share, 7);
}

TEST(Limits, WhatIsPrintedCanBeRead) {
  FindingLimits limits;
  for (const LimitSpec& spec : limit_specs()) {
    FindingLimits read;
    read.*spec.field = 0;
    const std::string line = std::string(spec.name) + "=" + limit_text(spec, limits);
    EXPECT_TRUE(set_limit(read, line)) << line;
    EXPECT_EQ(read.*spec.field, limits.*spec.field) << line;
    EXPECT_FALSE(spec.text.empty());
  }
}

TEST(Limits, NonsenseIsRefusedWithWhatWouldBeRight) {
  FindingLimits limits;
  EXPECT_EQ(set_limit(limits, "starvedwait=1ms").error().message,
            "There is no limit 'starvedwait'; `taskscope report --limits` lists them.");
  EXPECT_EQ(set_limit(limits, "starved_wait=soon").error().message,
            "The limit starved_wait takes a time such as 20ms, as in starved_wait=10ms, not "
            "'soon'.");
  for (const char* bad : {"", "=", "persist", "persist=", "persist=0", "persist=-3", "persist=3x",
                          "persist=99999999999999999999"}) {
    EXPECT_FALSE(set_limit(limits, bad)) << bad;
  }
  EXPECT_EQ(limits.persist, FindingLimits().persist);
}

TEST(Limits, AFileNamesTheLineThatIsWrong) {
  FindingLimits limits;
  EXPECT_TRUE(set_limits(limits, "# ours\n\npersist=5\r\n  hold=1s", "ci.limits"));
  EXPECT_EQ(limits.persist, 5);
  EXPECT_EQ(limits.hold, 1'000'000'000);
  EXPECT_EQ(set_limits(limits, "persist=5\nhold\n", "ci.limits").error().message.substr(0, 30),
            "ci.limits, line 2: The limit h");
}

}  // namespace
}  // namespace taskscope::analysis
