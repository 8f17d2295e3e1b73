// Memory that tasks have touched and left goes back to the kernel while they wait.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::sized;

constexpr std::size_t kKiB = 1024;

// Pages of a stack that are in memory.
std::size_t resident_pages(const stack::Extent& extent) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> present((extent.bytes + page - 1) / page);
  EXPECT_EQ(mincore(extent.low, extent.bytes, present.data()), 0);
  return static_cast<std::size_t>(
      std::count_if(present.begin(), present.end(), [](unsigned char p) { return (p & 1) != 0; }));
}

stack::Extent stack_of_this_task() {
  sched::Scheduler& scheduler = sched::current_thread()->scheduler();
  return scheduler.stacks().extent(sched::current_task()->stack.id());
}

// At a depth of `bytes` calls `function`; checks on the way back that nobody touched its frames.
template <class F>
[[gnu::noinline]] void at_depth(std::size_t bytes, unsigned char mark, const F& function) {
  volatile unsigned char frame[kKiB];
  std::memset(const_cast<unsigned char*>(frame), mark, sizeof frame);
  if (bytes <= kKiB) {
    function();
  } else {
    at_depth(bytes - kKiB, static_cast<unsigned char>(mark + 1), function);
  }
  for (const volatile unsigned char& byte : frame) {
    if (byte != mark) std::abort();
  }
}

constexpr auto kNothing = [] {};

class ParkedStacksTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ParkedStacksTest);

// A task that has been deep and waits at a little depth. `wait` returns when its memory may have
// been given back.
void expect_given_back(const std::function<void(const stack::Extent&)>& wait) {
  auto there = make_chan<stack::Extent>();
  auto on = make_chan<int>();
  WaitGroup group;
  group.go("digger", [=] {
    at_depth(180 * kKiB, 1, kNothing);
    at_depth(20 * kKiB, 7, [&] {
      there.send(stack_of_this_task());
      on.recv();
    });
    at_depth(180 * kKiB, 1, kNothing);
  });
  const stack::Extent extent = *there.recv();
  EXPECT_GE(resident_pages(extent), 180u / 4);
  wait(extent);
  EXPECT_LE(resident_pages(extent), 20u);
  EXPECT_GE(resident_pages(extent), 20u / 4) << "what it uses must stay";
  on.send(1);
  group.wait();
}

TEST_P(ParkedStacksTest, ADeepStackShrinksWhileItsTaskWaits) {
  run([] {
    expect_given_back([](const stack::Extent& extent) {
      while (resident_pages(extent) > 20) yield();
    });
  });
}

// The monitor sleeps when nothing runs, but not before this is done.
TEST_P(ParkedStacksTest, ItShrinksTooWhenEveryTaskWaits) {
  run([] {
    expect_given_back([](const stack::Extent& extent) {
      blocking_long([&] {
        while (resident_pages(extent) > 20) sched_yield();
      });
    });
  });
}

TEST_P(ParkedStacksTest, WhatIsWokenMeanwhileLosesNothing) {
  run([] {
    sched::current_thread()->scheduler().monitor().parked_stacks().give_back_after(0);
    constexpr int kTasks = 24;
    const int kRounds = sized(800);
    std::vector<Chan<int>> ring;
    for (int i = 0; i < kTasks; ++i) ring.push_back(make_chan<int>());
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&, i] {
        std::mt19937 random(static_cast<unsigned>(i));
        const Chan<int>& in = ring[static_cast<std::size_t>(i)];
        const Chan<int>& out = ring[static_cast<std::size_t>((i + 1) % kTasks)];
        for (int round = 0; round < kRounds; ++round) {
          at_depth(random() % 100 * kKiB, static_cast<unsigned char>(round), [&] {
            if (i % 4 == 0) out.send(round);
            EXPECT_EQ(in.recv(), round);
            if (i % 4 != 0) out.send(round);
          });
        }
      });
    }
    group.wait();
  });
}

TEST_P(ParkedStacksTest, TasksThatEndWhileTheyAreClaimedLeaveTheirStacksUsable) {
  run([] {
    sched::current_thread()->scheduler().monitor().parked_stacks().give_back_after(0);
    for (int round = 0; round < sized(400); ++round) {
      WaitGroup group;
      auto gate = make_chan<int>();
      for (int i = 0; i < 50; ++i) {
        group.go([gate, i] {
          gate.recv();
          at_depth(static_cast<std::size_t>(i) * kKiB, 3, kNothing);
        });
      }
      yield();
      gate.close();
      group.wait();
    }
  });
}

}  // namespace
}  // namespace taskscope
