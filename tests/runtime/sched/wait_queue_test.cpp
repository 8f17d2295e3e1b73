#include "runtime/sched/wait_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace taskscope::sched {
namespace {

class WaitQueueTest : public ::testing::Test {
 protected:
  // Numbers of the waiters in a list by `next`.
  std::vector<int> numbers(const Waiter* list) const {
    std::vector<int> found;
    for (; list != nullptr; list = list->next) {
      found.push_back(static_cast<int>(list - waiters_.data()));
    }
    return found;
  }

  WaitQueue queue_;
  std::array<Waiter, 4> waiters_;
  Claim claim_;
};

using Numbers = std::vector<int>;

TEST_F(WaitQueueTest, AllOfThemComeInTheirOrder) {
  EXPECT_EQ(queue_.pop_all(), nullptr);
  for (int round = 0; round < 2; ++round) {
    queue_.push(waiters_[1]);
    queue_.push(waiters_[2]);
    queue_.push_front(waiters_[0]);
    queue_.push(waiters_[3]);
    EXPECT_EQ(numbers(queue_.pop_all()), (Numbers{0, 1, 2, 3}));
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.pop(), nullptr);
  }
}

TEST_F(WaitQueueTest, OneWhoseWaitWasEndedElsewhereIsNotAmongThem) {
  Waiter elsewhere;
  waiters_[1].claim = &claim_;
  for (Waiter& waiter : waiters_) queue_.push(waiter);
  EXPECT_TRUE(claim_.take(elsewhere));
  EXPECT_EQ(numbers(queue_.pop_all()), (Numbers{0, 2, 3}));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(WaitQueueTest, OneThatStandsInTheQueueMayBeSharedLater) {
  Waiter elsewhere;
  for (Waiter& waiter : waiters_) queue_.push(waiter);
  queue_.share(waiters_[2], claim_);
  EXPECT_TRUE(claim_.take(elsewhere));
  EXPECT_EQ(numbers(queue_.pop_all()), (Numbers{0, 1, 3}));
}

TEST_F(WaitQueueTest, OneWhoseWaitEndsHereIsTakenForAllOthers) {
  Waiter elsewhere;
  waiters_[0].claim = &claim_;
  queue_.push_front(waiters_[0]);
  EXPECT_EQ(numbers(queue_.pop_all()), (Numbers{0}));
  EXPECT_FALSE(claim_.take(elsewhere));
  queue_.remove(waiters_[0]);  // stands there no more
  EXPECT_TRUE(queue_.empty());
}

TEST_F(WaitQueueTest, RemovingTakesOneOutWhereverItStands) {
  for (Waiter& waiter : waiters_) {
    waiter.claim = &claim_;
    queue_.push(waiter);
  }
  queue_.remove(waiters_[0]);
  queue_.remove(waiters_[2]);
  queue_.remove(waiters_[2]);
  EXPECT_EQ(queue_.pop(), &waiters_[1]);
  queue_.remove(waiters_[3]);
  EXPECT_EQ(queue_.pop(), nullptr);
}

}  // namespace
}  // namespace taskscope::sched
