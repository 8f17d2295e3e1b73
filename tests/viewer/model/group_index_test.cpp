#include "viewer/model/group_index.h"

#include <gtest/gtest.h>

#include "tests/support/synthetic_session.h"

namespace taskscope::viewer {
namespace {

TEST(GroupIndex, IsTheSumOfItsMembersAtAnyInstant) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 6'000});
  for (const TaskGroup& group : session->groups()) {
    for (std::int64_t ns = -10; ns < session->duration_ns() + 1000; ns += 99'991) {
      ClassTimes sum{};
      for (const TaskIndex task : group.tasks) {
        const ClassTimes times = session->tasks()[task].track.times_before(ns);
        for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += times[c];
      }
      ASSERT_EQ(group.index.times_before(ns), sum) << group.place << " at " << ns;
    }
  }
}

TEST(GroupIndex, CountsHowManyTasksLivedAtOnce) {
  const std::vector<std::int64_t> starts_a{0};
  const std::vector<std::int64_t> ends_a{10};
  const std::vector<std::int64_t> starts_b{5, 8};
  const std::vector<std::int64_t> ends_b{8, 20};
  const std::vector<StateClass> one{StateClass::Running};
  const std::vector<StateClass> two{StateClass::Running, StateClass::Lock};
  const Track a(starts_a, ends_a, one);
  const Track b(starts_b, ends_b, two);
  const GroupIndex index({&a, &b});
  EXPECT_EQ(index.alive_max(), 2U);
  EXPECT_EQ(index.times_before(20)[index_of(StateClass::Running)], 13);
  EXPECT_EQ(index.times_before(20)[index_of(StateClass::Lock)], 12);
}

}  // namespace
}  // namespace taskscope::viewer
