// Memory that tasks have touched and left goes back to the kernel while they wait.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <random>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/lock.h"
#include "runtime/base/spin.h"
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

// Busy, in a task's own code or in the runtime's.
void spin_for(std::int64_t ns) {
  const std::int64_t end = base::monotonic_ns() + ns;
  while (base::monotonic_ns() < end) base::spin_pause();
}

// Of the calling task's thread among all that were ever started.
std::size_t thread_index() {
  const sched::Thread* const self = sched::current_thread();
  std::size_t index = 0;
  std::size_t found = 0;
  self->scheduler().for_each_thread([&](const sched::Thread& thread) {
    if (&thread == self) found = index;
    ++index;
  });
  return found;
}

// Stands for a moment where a task does that is Blocked and has not left its stack yet. True if the
// monitor claimed the stack, which then must be left alone.
bool be_about_to_leave() {
  const sched::RuntimeSection section(*sched::current_thread());
  sched::Task& self = *sched::current_task();
  self.wait_since_ns.store(base::monotonic_ns());
  self.state.store(sched::TaskState::Blocked);
  const std::int64_t patience = base::monotonic_ns() + 1'000'000;
  while (self.stack.ready() && base::monotonic_ns() < patience) base::spin_pause();
  const bool claimed = !self.stack.ready();
  if (claimed) spin_for(2'000'000);  // many looks of the monitor
  self.stack.take_back();
  self.state.store(sched::TaskState::Running);
  return claimed;
}

// One thread is in the runtime now and then, the next one has a task that is about to leave its
// stack, a later one is in a task's own code: that must not be taken for the second's.
TEST_P(ParkedStacksTest, ATaskThatHasNotLeftYetKeepsItsMemoryHoweverOthersStand) {
  if (workers() < 4) GTEST_SKIP() << "it takes three tasks that run at once";
  run([&] {
    sched::current_thread()->scheduler().monitor().parked_stacks().give_back_after(0);
    const int runners = static_cast<int>(workers());
    std::array<std::atomic<bool>, 64> runs_on{};  // by index of the thread
    std::atomic<int> running{0};
    std::atomic<bool> done{false};
    const auto first_of_two = [&] {
      std::size_t index = 0;
      while (index + 1 < runs_on.size() && !(runs_on[index] && runs_on[index + 1])) ++index;
      return index;
    };
    WaitGroup group;
    for (int i = 0; i < runners; ++i) {
      group.go([&] {
        sleep(std::chrono::microseconds(1));  // leaves its stack once, near its top
        const std::size_t index = thread_index();
        runs_on[index] = true;
        ++running;
        while (running != runners) base::spin_pause();
        if (first_of_two() + 1 == runs_on.size()) done = true;  // more threads than workers
        if (index == first_of_two() + 1) {
          at_depth(100 * kKiB, 9, [&] {
            for (int claims = 0; claims < 5 && !done;) {
              if (be_about_to_leave()) ++claims;
              spin_for(200'000);
            }
          });
          done = true;
        }
        while (!done) {
          if (index == first_of_two()) {
            const sched::RuntimeSection section(*sched::current_thread());
            spin_for(300'000);
          }
          spin_for(100'000);
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
