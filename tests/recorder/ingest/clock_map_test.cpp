#include "recorder/ingest/clock_map.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>

namespace taskscope::ingest {
namespace {

using base::ClockAnchor;
using base::TickSource;

constexpr std::uint64_t kMaxTicks = std::numeric_limits<std::uint64_t>::max();

ClockAnchor anchor(std::uint64_t ticks, std::int64_t ns) {
  return {.ticks = ticks, .monotonic_ns = ns};
}

TEST(ClockMap, WithoutAnchorsATickIsANanosecond) {
  EXPECT_EQ(ClockMap().to_ns(12345), 12345);
  const ClockMap nanoseconds(TickSource::MonotonicNs, anchor(0, 1000), 1000);
  EXPECT_EQ(nanoseconds.to_ns(1000), 0);
  EXPECT_EQ(nanoseconds.to_ns(1500), 500);
  EXPECT_EQ(nanoseconds.to_ns(1), 0);
}

TEST(ClockMap, TimesBetweenAnchorsLieOnALine) {
  ClockMap clock(TickSource::Hardware, anchor(5000, 100), 100);
  clock.add_anchor(anchor(8000, 1100));  // three ticks a nanosecond
  EXPECT_EQ(clock.to_ns(5000), 0);
  EXPECT_EQ(clock.to_ns(6500), 500);
  EXPECT_EQ(clock.to_ns(8000), 1000);
  EXPECT_EQ(clock.to_ns(8300), 1100);  // goes on like this
  EXPECT_EQ(clock.to_ns(0), 0);
}

TEST(ClockMap, TimeNeverFallsWhateverTheAnchorsSay) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    ClockMap clock(TickSource::Hardware, anchor(1000, 50), 50);
    std::uint64_t ticks = 1000;
    std::int64_t ns = 50;
    for (int i = 0; i < 1000; ++i) {
      ticks += random() % 3000;
      // Drift, stops, steps forward and steps back.
      ns += static_cast<std::int64_t>(random() % 2000) - (random() % 10 == 0 ? 5000 : 0);
      clock.add_anchor(anchor(ticks, ns));
      if (i % 100 != 0) continue;
      std::int64_t last = 0;
      for (std::uint64_t at = 0; at < ticks + 5000; at += 1 + random() % 300) {
        const std::int64_t now = clock.to_ns(at);
        ASSERT_GE(now, last) << "seed " << seed << " ticks " << at;
        last = now;
      }
    }
  }
}

TEST(ClockMap, ADriftingClockIsFollowed) {
  ClockMap clock(TickSource::Hardware, anchor(0, 0), 0);
  std::uint64_t ticks = 0;
  for (std::int64_t ms = 1; ms <= 1000; ++ms) {
    ticks += 2'000'000 + static_cast<std::uint64_t>(ms);  // slowly becomes faster
    clock.add_anchor(anchor(ticks, ms * 1'000'000));
    const std::int64_t middle_ns = clock.to_ns(ticks - 1'000'000);
    EXPECT_LE(std::abs(middle_ns - (ms * 1'000'000 - 500'000)), 1000) << ms;
  }
}

TEST(ClockMap, AfterASuspendedMachineTimeGoesOn) {
  ClockMap clock(TickSource::Hardware, anchor(0, 0), 0);
  clock.add_anchor(anchor(1000, 1000));
  clock.add_anchor(anchor(2000, 5'000'000'000));  // ticks stood still meanwhile
  clock.add_anchor(anchor(3000, 5'000'001'000));
  EXPECT_EQ(clock.to_ns(1000), 1000);
  EXPECT_EQ(clock.to_ns(2500), 5'000'000'500);
}

TEST(ClockMap, HostileTicksStayInRange) {
  ClockMap clock(TickSource::Hardware, anchor(0, 0), 0);
  clock.add_anchor(anchor(1, 1'000'000'000));
  EXPECT_GE(clock.to_ns(kMaxTicks), 0);
  EXPECT_LE(clock.to_ns(kMaxTicks), std::int64_t{1} << 60);
  EXPECT_GE(clock.to_ns(kMaxTicks >> 8), clock.to_ns(1));
}

}  // namespace
}  // namespace taskscope::ingest
