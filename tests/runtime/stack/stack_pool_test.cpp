#include "runtime/stack/stack_pool.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "runtime/base/sanitizer.h"

namespace taskscope::stack {
namespace {

const std::size_t kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

// Pages of a stack that are in memory.
std::size_t resident_pages(const StackPool& pool, StackId stack) {
  const Extent extent = pool.extent(stack);
  std::vector<unsigned char> present((extent.bytes + kPage - 1) / kPage);
  EXPECT_EQ(mincore(extent.low, extent.bytes, present.data()), 0);
  return static_cast<std::size_t>(std::count_if(
      present.begin(), present.end(), [](unsigned char page) { return (page & 1) != 0; }));
}

void use(const StackPool& pool, StackId stack, std::size_t bytes) {
  const Extent extent = pool.extent(stack);
  std::memset(static_cast<char*>(extent.low) + extent.bytes - bytes, 1, bytes);
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

TEST(StackPool, StacksAreDistinctAlignedAndCounted) {
  StackPool pool({.slots_max = 256});
  StackId stacks[100];
  ASSERT_EQ(pool.take(stacks, 100), 100u);
  EXPECT_EQ(pool.taken(), 100u);
  std::set<void*> lows;
  std::set<std::uintptr_t> tops;
  for (const StackId stack : stacks) {
    const Extent extent = pool.extent(stack);
    const auto low = reinterpret_cast<std::uintptr_t>(extent.low);
    EXPECT_EQ((low - pool.stack_bytes() / 16) % pool.stack_bytes(), 0u);
    lows.insert(extent.low);
    tops.insert((low + extent.bytes) % pool.stack_bytes());
  }
  EXPECT_EQ(lows.size(), 100u);
  EXPECT_EQ(tops.size(), 16u) << "stack tops should be spread over 16 colours";
  pool.give_back(stacks, 100);
  EXPECT_EQ(pool.taken(), 0u);
}

TEST(StackPool, StacksHaveTheSizeThatIsAskedFor) {
  const std::map<std::size_t, std::size_t> sizes = {{std::size_t{64} << 10, std::size_t{64} << 10},
                                                    {100'000, std::size_t{128} << 10},
                                                    {std::size_t{8} << 20, std::size_t{8} << 20},
                                                    {std::size_t{1} << 30, std::size_t{1} << 30}};
  for (const auto& [asked, expected] : sizes) {
    SCOPED_TRACE(asked);
    StackPool pool({.stack_bytes = asked, .slots_max = 16});
    EXPECT_EQ(pool.stack_bytes(), expected);
    ASSERT_EQ(pool.slots(), 16u);
    StackId stacks[3];
    ASSERT_EQ(pool.take(stacks, 3), 3u);
    for (const StackId stack : stacks) {
      const Extent extent = pool.extent(stack);
      EXPECT_GE(extent.bytes, expected - expected / 16 - 1024);
      char* const low = static_cast<char*>(extent.low);
      EXPECT_TRUE(pool.is_guard(low - 1));
      EXPECT_FALSE(pool.is_guard(low));
      low[0] = 1;
      low[extent.bytes - 1] = 1;
      EXPECT_EQ(resident_pages(pool, stack), 2u);
    }
    pool.give_back(stacks, 3);
  }
}

TEST(StackPool, ThereAreManyLargeStacksToo) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer maps shadow memory for all of it";
  EXPECT_GE(StackPool({.stack_bytes = std::size_t{1} << 30}).slots(), 10'000u);
  EXPECT_GE(StackPool({.stack_bytes = std::size_t{8} << 20}).slots(), 1'000'000u);
}

TEST(StackPool, WhereThereIsNoAddressSpaceThereAreNoStacks) {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "sanitizers need more themselves";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto slots_within = [](rlim_t gib) {
    const rlimit limit{.rlim_cur = gib << 30, .rlim_max = gib << 30};
    setrlimit(RLIMIT_AS, &limit);
    std::_Exit(static_cast<int>(StackPool({.stack_bytes = std::size_t{1} << 30}).slots()));
  };
  EXPECT_EXIT(slots_within(64), ::testing::ExitedWithCode(32), "");
  EXPECT_EXIT(slots_within(8), ::testing::ExitedWithCode(0), "");
}

// Bytes from `low` on, `bytes` long, that a core dump of this process would hold or look at.
std::size_t dumped_bytes(const void* low, std::size_t bytes) {
  std::ifstream maps("/proc/self/smaps");
  const auto from = reinterpret_cast<std::uintptr_t>(low);
  std::size_t sum = 0;
  std::size_t overlap = 0;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    if (std::sscanf(line.c_str(), "%zx-%zx ", &begin, &end) == 2) {
      begin = std::max(begin, from);
      end = std::min(end, from + bytes);
      overlap = end > begin ? end - begin : 0;
    } else if (line.starts_with("VmFlags:") && line.find(" dd") == std::string::npos) {
      sum += overlap;
    }
  }
  return sum;
}

TEST(StackPool, OnlyStacksThatWereHandedOutGoIntoACoreDump) {
  StackPool pool({.slots_max = 4096});
  std::vector<StackId> stacks(1000);
  ASSERT_EQ(pool.take(stacks.data(), 1), 1u);
  const char* const first = static_cast<char*>(pool.extent(stacks[0]).low);
  const std::size_t all = 4095 * pool.stack_bytes();
  EXPECT_GE(dumped_bytes(first, all), pool.extent(stacks[0]).bytes);
  EXPECT_LE(dumped_bytes(first, all), 16 * pool.stack_bytes());
  ASSERT_EQ(pool.take(stacks.data() + 1, 999), 999u);
  EXPECT_GE(dumped_bytes(first, all), 999 * pool.stack_bytes());
  EXPECT_LE(dumped_bytes(first, all), 2000 * pool.stack_bytes());
  pool.give_back(stacks.data(), 1000);
}

TEST(StackPool, MemoryBelowWhatATaskUsesCanBeGivenBack) {
  StackPool pool({.slots_max = 256});
  const StackId stack = take_and_touch(pool, 1, 200 << 10)[0];
  const Extent extent = pool.extent(stack);
  char* const top = static_cast<char*>(extent.low) + extent.bytes;
  pool.give_memory_back_below(stack, top - 3 * kPage);
  EXPECT_LE(resident_pages(pool, stack), 4u);
  EXPECT_EQ(top[-1], 1);
  EXPECT_EQ(*(top - 3 * kPage), 1);
  pool.give_back(&stack, 1);
}

TEST(StackPool, ANewStackHasNoMemoryUntilItIsTouched) {
  StackPool pool({.slots_max = 256});
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  EXPECT_EQ(resident_pages(pool, stack), 0u);
  use(pool, stack, 100);
  EXPECT_EQ(resident_pages(pool, stack), 1u);
  pool.give_back(&stack, 1);
}

TEST(StackPool, AReturnedStackKeepsItsMemoryForTheNextUser) {
  StackPool pool({.slots_max = 256});
  const auto stacks = take_and_touch(pool, 1, 200 << 10);
  EXPECT_GE(resident_pages(pool, stacks), 50u);
  pool.give_back(stacks.data(), 1);
  EXPECT_GE(resident_pages(pool, stacks), 50u);
}

TEST(StackPool, WhenNothingRunsAllButAFewStacksGiveTheirMemoryBack) {
  StackPool pool({.slots_max = 4096});
  const auto stacks = take_and_touch(pool, 2000, 100);
  pool.give_back(stacks.data(), stacks.size());
  EXPECT_EQ(resident_pages(pool, stacks), 2000u);
  pool.age(StackPool::Keep::Little);
  EXPECT_EQ(resident_pages(pool, stacks), 1024u);
  EXPECT_EQ(pool.take(std::vector<StackId>(4096).data(), 4096), 4096u) << "none may get lost";
}

TEST(StackPool, WhatNobodyNeededForAWhileGoesByHalves) {
  StackPool pool({.slots_max = 8192});
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
  StackPool pool({.slots_max = 256});
  std::vector<StackId> stacks(300);
  EXPECT_EQ(pool.take(stacks.data(), 300), 256u);
  EXPECT_EQ(pool.take(stacks.data(), 1), 0u);
}

TEST(StackPool, TheLastStackBackIsTheFirstOut) {
  StackPool pool({.slots_max = 256});
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
  StackPool pool({.slots_max = 1024});
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
  StackPool pool({.slots_max = 256});
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  const Extent extent = pool.extent(stack);
  char* const low = static_cast<char*>(extent.low);
  EXPECT_TRUE(pool.is_guard(low - 1));
  EXPECT_TRUE(pool.is_guard(low - 16 * 1024)) << "a large frame must not step over it";
  EXPECT_FALSE(pool.is_guard(low - 16 * 1024 - 1)) << "this is the next stack";
  EXPECT_FALSE(pool.is_guard(low));
  int elsewhere = 0;
  EXPECT_FALSE(pool.is_guard(&elsewhere));
  pool.give_back(&stack, 1);
}

TEST(StackPoolDeathTest, TouchingTheGuardPageFaults) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  StackPool pool({.slots_max = 256});
  StackId stack;
  ASSERT_EQ(pool.take(&stack, 1), 1u);
  volatile char* const low = static_cast<char*>(pool.extent(stack).low);
  *low = 1;
  EXPECT_DEATH(low[-1] = 1, "");
  EXPECT_DEATH(low[-16 * 1024] = 1, "");
  pool.give_back(&stack, 1);
}

TEST(StackPool, SaysOnceThatStacksGoWithoutGuard) {
  testing::internal::CaptureStderr();
  StackPool pool({.slots_max = 256, .guards = GuardPages(GuardPages::Means::Mprotect, 4)});
  StackId stacks[4];
  ASSERT_EQ(pool.take(stacks, 4), 4u);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  StackId more[4];
  testing::internal::CaptureStderr();
  ASSERT_EQ(pool.take(more, 4), 4u);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "taskscope: more than 4 stacks: this kernel can guard no more of them, so an overflow "
            "of one beyond is not noticed; raise vm.max_map_count, or use Linux 6.13\n");
  pool.give_back(stacks, 4);
  pool.give_back(more, 4);
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
