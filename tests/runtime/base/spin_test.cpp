#include "runtime/base/spin.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace taskscope::base {
namespace {

TEST(Spin, ForATimeTakesThatTimeAtLeast) {
  for (const std::int64_t ns : {0, 1'000, 100'000}) {
    const std::int64_t start = monotonic_ns();
    spin_for(ns);
    EXPECT_GE(monotonic_ns() - start, ns);
  }
}

TEST(Spin, UntilSomethingHappensEndsThen) {
  int looks = 0;
  EXPECT_TRUE(spin_until(1'000'000'000, [&] { return ++looks == 3; }));
  EXPECT_EQ(looks, 3);

  std::atomic<bool> happened{false};
  std::thread other([&] { happened = true; });
  while (!spin_until(1'000, [&] { return happened.load(); })) {
  }
  other.join();
}

TEST(Spin, UntilSomethingHappensGivesUp) {
  for (const std::int64_t ns : {0, 1'000, 100'000}) {
    const std::int64_t start = monotonic_ns();
    int looks = 0;
    EXPECT_FALSE(spin_until(ns, [&] {
      ++looks;
      return false;
    }));
    EXPECT_GE(monotonic_ns() - start, ns);
    EXPECT_GE(looks, 2);
  }
}

}  // namespace
}  // namespace taskscope::base
