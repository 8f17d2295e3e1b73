#include "runtime/sched/task_arena.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace taskscope::sched {
namespace {

TEST(TaskArenaTest, NoTaskIsGivenTwice) {
  TaskArena arena;
  TaskCache one(arena);
  TaskCache other(arena);
  std::set<Task*> taken;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(taken.insert(one.take()).second);
    EXPECT_TRUE(taken.insert(other.take()).second);
    EXPECT_TRUE(taken.insert(arena.take()).second);
  }
}

// Far more than a cache holds go back and forth, between workers too: no place is lost.
TEST(TaskArenaTest, TasksThatWereGivenBackComeAgain) {
  TaskArena arena;
  std::set<Task*> first;
  for (int round = 0; round < 5; ++round) {
    TaskCache one(arena);
    TaskCache other(arena);
    std::set<Task*> taken;
    while (taken.size() < 1000) taken.insert(one.take());
    for (Task* task : taken) other.give_back(task);
    if (round == 0) first = taken;
    EXPECT_LE(arena.size(), 1000U + 128U);  // what a cache takes at once
  }
  std::set<Task*> again;
  for (std::size_t i = 0; i < arena.size(); ++i) again.insert(arena.take());
  EXPECT_EQ(again.size(), arena.size());
  for (Task* task : first) EXPECT_TRUE(again.count(task) == 1);
}

TEST(TaskArenaTest, FreshTasksComeInTheOrderOfTheirAddresses) {
  TaskArena arena;
  TaskCache cache(arena);
  Task* last = cache.take();
  for (int i = 1; i < 128; ++i) {
    Task* const next = cache.take();
    EXPECT_EQ(next, last + 1);
    last = next;
  }
}

}  // namespace
}  // namespace taskscope::sched
