// Tasks are only addresses here.
#include "runtime/sched/global_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace taskscope::sched {
namespace {

class GlobalQueueTest : public testing::Test {
 protected:
  std::vector<Task*> some(std::size_t begin, std::size_t end) {
    std::vector<Task*> tasks;
    for (; begin < end; ++begin) tasks.push_back(&tasks_[begin]);
    return tasks;
  }
  std::vector<Task*> pop(std::size_t count) {
    std::vector<Task*> tasks(count);
    tasks.resize(queue_.pop(tasks.data(), count));
    return tasks;
  }
  void push(const std::vector<Task*>& tasks) { queue_.push(tasks.data(), tasks.size()); }

  std::vector<Task> tasks_{1000};
  GlobalQueue queue_;
};

TEST_F(GlobalQueueTest, AnEmptyQueueGivesNothing) {
  EXPECT_EQ(pop(10).size(), 0U);
  queue_.push(&tasks_[0]);
  EXPECT_EQ(pop(10), some(0, 1));
  EXPECT_EQ(pop(10).size(), 0U);
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(GlobalQueueTest, ManyComeOutInTheOrderInWhichTheyCameIn) {
  push(some(0, 600));
  queue_.push(&tasks_[600]);
  push(some(601, 1000));
  EXPECT_EQ(queue_.size(), 1000U);
  EXPECT_EQ(pop(1), some(0, 1));
  EXPECT_EQ(pop(129), some(1, 130));
  EXPECT_EQ(queue_.size(), 870U);
  EXPECT_EQ(pop(2000), some(130, 1000));
}

// Blocks are reused: whatever the sizes, none is lost, doubled or out of order.
TEST_F(GlobalQueueTest, NothingIsLostWhereBlocksBeginAndEnd) {
  for (std::size_t in = 1; in < 400; in += 31) {
    for (std::size_t out = 1; out < 400; out += 37) {
      std::size_t pushed = 0;
      std::size_t popped = 0;
      while (popped < tasks_.size()) {
        const std::size_t end = std::min(pushed + in, tasks_.size());
        push(some(pushed, end));
        pushed = end;
        const std::vector<Task*> got = pop(out);
        ASSERT_EQ(got, some(popped, std::min(popped + out, pushed)));
        popped += got.size();
      }
      ASSERT_EQ(queue_.size(), 0U);
    }
  }
}

}  // namespace
}  // namespace taskscope::sched
