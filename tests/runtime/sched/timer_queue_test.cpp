#include "runtime/sched/timer_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace taskscope::sched {
namespace {

constexpr TimerType kType{.fire = [](Timer&) {}};

// A queue with timers that somebody uses while somebody else tells of them.
class Told : public testing::TestWithParam<std::uint32_t> {
 protected:
  // One at a time, whoever calls.
  void add(std::int64_t deadline_ns, std::int64_t period_ns) {
    timers_.push_back(std::make_unique<Timer>(kType));
    const base::LockGuard guard(queue_.lock());
    queue_.add(*timers_.back(), deadline_ns, period_ns);
  }
  std::size_t any() { return random_() % timers_.size(); }
  Timer* remove() {
    std::swap(timers_[any()], timers_.back());
    Timer* const gone = timers_.back().get();
    {
      const base::LockGuard guard(queue_.lock());
      queue_.remove(*gone);
    }
    timers_.pop_back();
    return gone;
  }
  void move() {
    const base::LockGuard guard(queue_.lock());
    queue_.move(*timers_[any()], deadline(), 0);
  }
  std::int64_t deadline() { return static_cast<std::int64_t>(random_() % 1000); }

  std::mt19937 random_{GetParam()};
  TimerQueue queue_;
  std::vector<std::unique_ptr<Timer>> timers_;
};

TEST_P(Told, EachTimerThatIsPendingAllTheWhileOnceWhateverMovesMeanwhile) {
  for (int i = 0; i < 300; ++i) add(deadline(), i % 7 == 0 ? 10 : 0);
  for (int telling = 0; telling < 3; ++telling) {
    std::map<const Timer*, int> pending;  // since before it began; how often told of
    for (const auto& timer : timers_) pending[timer.get()] = 0;
    {
      const base::LockGuard guard(queue_.lock());
      queue_.begin_telling();
    }
    for (bool more = true; more;) {
      for (int i = 0; i < 8 && more; ++i) {
        const base::LockGuard guard(queue_.lock());
        const Timer* const timer = queue_.next_untold();
        more = timer != nullptr;
        if (!more) break;
        ASSERT_TRUE(pending.contains(timer)) << "seed " << GetParam() << ": it is new, or gone";
        ASSERT_EQ(++pending[timer], 1) << "seed " << GetParam();
      }
      for (int i = 0; i < 6; ++i) {
        pending.erase(remove());
        add(deadline(), 0);
        // The memory of one that has gone may be used again at once.
        pending.erase(timers_.back().get());
        move();
      }
    }
    for (const auto& [timer, times] : pending) ASSERT_EQ(times, 1) << "seed " << GetParam();
  }
  while (!timers_.empty()) remove();
}

TEST_P(Told, ATellingThatWasLeftLeavesNothingBehind) {
  for (int i = 0; i < 100; ++i) add(deadline(), 0);
  {
    const base::LockGuard guard(queue_.lock());
    queue_.begin_telling();
    for (int i = 0; i < 50; ++i) ASSERT_NE(queue_.next_untold(), nullptr);
  }
  for (int i = 0; i < 50; ++i) move();
  {
    const base::LockGuard guard(queue_.lock());
    queue_.end_telling();
    queue_.begin_telling();
    for (int i = 0; i < 100; ++i) ASSERT_NE(queue_.next_untold(), nullptr);
    EXPECT_EQ(queue_.next_untold(), nullptr);
  }
  while (!timers_.empty()) remove();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Told, testing::Range(1u, 9u));

}  // namespace
}  // namespace taskscope::sched
