#include "runtime/stack/stack_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <set>
#include <vector>

#include "runtime/base/sanitizer.h"

namespace taskscope::stack {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

// Pages of a stack that are in memory.
std::size_t resident_pages(const StackPool& pool, StackId stack) {
  const Extent extent = pool.extent(stack);
  unsigned char present[kSlotBytes / 4096] = {};
  EXPECT_EQ(mincore(extent.low, kSlotBytes - kPage, present), 0);
  std::size_t count = 0;
  for (std::size_t i = 0; i < (kSlotBytes - kPage) / kPage; ++i) count += present[i] & 1;
  return count;
}

void use(const StackPool& pool, StackId stack, std::size_t bytes) {
  const Extent extent = pool.extent(stack);
  std::memset(static_cast<char*>(extent.low) + extent.bytes - bytes, 1, bytes);
}

TEST(StackPool, StacksAreDistinctAlignedAndCounted) {
  StackPool pool(256);
  StackId stacks[100];
  ASSERT_EQ(pool.take(stacks, 100), 100u);
  EXPECT_EQ(pool.taken(), 100u);
  std::set<void*> lows;
  std::set<std::uintptr_t> tops;
  for (const StackId stack : stacks) {
    const Extent extent = pool.extent(stack);
    const auto low = reinterpret_cast<std::uintptr_t>(extent.low);
    EXPECT_EQ((low - kPage) % kSlotBytes, 0u);
    lows.insert(extent.low);
    tops.insert((low + extent.bytes) % kSlotBytes);
  }
  EXPECT_EQ(lows.size(), 100u);
  EXPECT_EQ(tops.size(), 16u) << "stack tops should be spread over 16 colours";
  pool.give_back(stacks, 100);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST(StackPool, ANewStackHasNoMemoryUntilItIsTouched) {
  StackPool pool(256);
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  EXPECT_EQ(resident_pages(pool, stack), 0u);
  use(pool, stack, 100);
  EXPECT_EQ(resident_pages(pool, stack), 1u);
  pool.give_back(&stack, 1);
}

std::size_t resident_pages(const StackPool& pool, const std::vector<StackId>& stacks) {
  std::size_t sum = 0;
  for (const StackId stack : stacks) sum += resident_pages(pool, stack);
  return sum;
}

std::vector<StackId> take_and_touch(StackPool& pool, std::size_t count, std::size_t bytes) {
  std::vector<StackId> stacks(count);
  EXPECT_EQ(pool.take(stacks.data(), count), count);
  for (const StackId stack : stacks) use(pool, stack, bytes);
  return stacks;
}

TEST(StackPool, AReturnedStackKeepsItsMemoryForTheNextUser) {
  StackPool pool(256);
  const auto stacks = take_and_touch(pool, 1, 200 << 10);
  EXPECT_GE(resident_pages(pool, stacks), 50u);
  pool.give_back(stacks.data(), 1);
  EXPECT_GE(resident_pages(pool, stacks), 50u);
}

TEST(StackPool, WhenNothingRunsAllButAFewStacksGiveTheirMemoryBack) {
  StackPool pool(4096);
  const auto stacks = take_and_touch(pool, 2000, 100);
  pool.give_back(stacks.data(), stacks.size());
  EXPECT_EQ(resident_pages(pool, stacks), 2000u);
  pool.age(StackPool::Keep::Little);
  EXPECT_EQ(resident_pages(pool, stacks), 1024u);
  EXPECT_EQ(pool.take(std::vector<StackId>(4096).data(), 4096), 4096u) << "none may get lost";
}

TEST(StackPool, WhatNobodyNeededForAWhileGoesByHalves) {
  StackPool pool(8192);
  const auto stacks = take_and_touch(pool, 6000, 100);
  pool.give_back(stacks.data(), stacks.size());
  pool.age(StackPool::Keep::Recent);
  EXPECT_EQ(resident_pages(pool, stacks), 6000u) << "they were all in use since the last time";
  auto busy = take_and_touch(pool, 2000, 100);
  pool.give_back(busy.data(), busy.size());
  pool.age(StackPool::Keep::Recent);
  EXPECT_EQ(resident_pages(pool, stacks), 4000u) << "4,000 were not needed";
}

TEST(StackPool, AUsedUpPoolSaysSo) {
  StackPool pool(256);
  std::vector<StackId> stacks(300);
  EXPECT_EQ(pool.take(stacks.data(), 300), 256u);
  EXPECT_EQ(pool.take(stacks.data(), 1), 0u);
}

TEST(StackPool, TheLastStackBackIsTheFirstOut) {
  StackPool pool(256);
  StackCache cache(pool);
  const StackId a = cache.take();
  const StackId b = cache.take();
  cache.give_back(a);
  cache.give_back(b);
  EXPECT_EQ(cache.take(), b);
  EXPECT_EQ(cache.take(), a);
  cache.give_back(a);
  cache.give_back(b);
}

TEST(StackPool, ACacheReturnsEverythingWhenItDies) {
  StackPool pool(1024);
  {
    StackCache cache(pool);
    std::vector<StackId> stacks;
    for (int i = 0; i < 500; ++i) stacks.push_back(cache.take());
    EXPECT_EQ(std::set<StackId>(stacks.begin(), stacks.end()).size(), 500u);
    for (const StackId stack : stacks) cache.give_back(stack);
    EXPECT_LE(pool.taken(), 64u);
  }
  EXPECT_EQ(pool.taken(), 0u);
}

TEST(StackPool, TheGuardPageIsKnownAndNothingElseIs) {
  StackPool pool(256);
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  const Extent extent = pool.extent(stack);
  char* const low = static_cast<char*>(extent.low);
  EXPECT_TRUE(pool.is_guard(low - 1));
  EXPECT_TRUE(pool.is_guard(low - kPage));
  EXPECT_FALSE(pool.is_guard(low));
  int elsewhere = 0;
  EXPECT_FALSE(pool.is_guard(&elsewhere));
  pool.give_back(&stack, 1);
}

TEST(StackPoolDeathTest, TouchingTheGuardPageFaults) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  StackPool pool(256);
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  volatile char* const guard = static_cast<char*>(pool.extent(stack).low) - 1;
  EXPECT_DEATH(*guard = 1, "");
  pool.give_back(&stack, 1);
}

TEST(GuardPages, MprotectServesKernelsWithoutGuardMarkers) {
  GuardPages guards(GuardPages::Means::Mprotect);
  void* memory =
      mmap(nullptr, 4 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  EXPECT_TRUE(guards.install(memory, kPage));
  EXPECT_EQ(guards.unguarded(), 0u);
  // A write by the kernel fails where one by the program would fault.
  EXPECT_LT(read(-1, memory, 1), 0);
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  ASSERT_EQ(write(pipe_ends[1], "x", 1), 1);
  EXPECT_LT(read(pipe_ends[0], memory, 1), 0);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
  munmap(memory, 4 * kPage);
}

}  // namespace
}  // namespace taskscope::stack
