// What starting, switching, joining and sleeping costs.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>

#include "runtime/base/clock.h"
#include "runtime/taskscope.h"
#include "tests/bench/workloads/frame.h"

namespace taskscope::bench {
namespace {

// Runs body(i) in `count` tasks and joins them.
template <class Body>
void each(std::int64_t count, const Body& body) {
  ts::WaitGroup all;
  all.add(static_cast<std::int32_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    ts::go([&all, &body, i] {
      body(i);
      all.done();
    });
  }
  all.wait();
}

// Empty tasks, all started before the first is joined.
void spawn_join(std::int64_t tasks, Run&) {
  ts::WaitGroup all;
  all.add(static_cast<std::int32_t>(tasks));
  for (std::int64_t i = 0; i < tasks; ++i) ts::go([&all] { all.done(); });
  all.wait();
}

// The same, at most 10,000 at once.
void spawn_join_10k(std::int64_t tasks, Run& run) {
  for (std::int64_t i = 0; i < tasks; i += 10'000) spawn_join(10'000, run);
}

// One task at a time: the latency of start and join.
void spawn_seq(std::int64_t tasks, Run&) {
  ts::WaitGroup one;
  for (std::int64_t i = 0; i < tasks; ++i) {
    one.add(1);
    ts::go([&one] { one.done(); });
    one.wait();
  }
}

void yield_among(std::int64_t yields, std::int64_t tasks) {
  each(tasks, [&](std::int64_t) {
    for (std::int64_t i = 0; i < yields / tasks; ++i) ts::yield();
  });
}
void yield_2(std::int64_t yields, Run&) { yield_among(yields, 2); }
void yield_1000(std::int64_t yields, Run&) { yield_among(yields, 1000); }

std::int64_t fib(std::int64_t n) {
  if (n < 2) return n;
  std::int64_t one = 0;
  ts::WaitGroup fork;
  fork.add(1);
  ts::go([&] {
    one = fib(n - 1);
    fork.done();
  });
  const std::int64_t two = fib(n - 2);
  fork.wait();
  return one + two;
}
double forks(std::int64_t n) { return n < 2 ? 0 : 1 + forks(n - 1) + forks(n - 2); }

// A task for one half of every call; per fork.
void fork_join(std::int64_t n, Run& run) {
  run.set("value", static_cast<double>(fib(n)));
  run.set_operations(forks(n));
}

void skynet_node(const ts::Sender<std::int64_t>& up, std::int64_t number, std::int64_t size) {
  if (size == 1) {
    up.send(number);
    return;
  }
  const auto children = ts::make_chan<std::int64_t>();
  for (std::int64_t i = 0; i < 10; ++i) {
    ts::go([=] { skynet_node(children, number + i * (size / 10), size / 10); });
  }
  std::int64_t sum = 0;
  for (int i = 0; i < 10; ++i) sum += children.recv().value_or(0);
  up.send(sum);
}

// A tree of tasks, ten children each, whose leaves' numbers are summed over channels; per task.
void skynet(std::int64_t leaves, Run& run) {
  const auto result = ts::make_chan<std::int64_t>(1);
  skynet_node(result, 0, leaves);
  run.set("value", static_cast<double>(result.recv().value_or(0)));
  run.set_operations(static_cast<double>(leaves) * 10 / 9);
}

// A chain of tasks through which one value passes; per task.
void daisy(std::int64_t tasks, Run&) {
  const auto first = ts::make_chan<std::int64_t>();
  auto in = first;
  for (std::int64_t i = 0; i < tasks; ++i) {
    const auto out = ts::make_chan<std::int64_t>();
    ts::go([in, out] { out.send(1 + in.recv().value_or(0)); });
    in = out;
  }
  first.send(0);
  if (in.recv().value_or(0) != tasks) std::abort();
}

// Tasks that all wait for one channel's end: creation (the timed part), memory, and wake-up.
void parked(std::int64_t tasks, Run& run) {
  // Of the first repetition: the others take again what it has given back.
  static const std::int64_t before = resident_bytes();
  const auto gate = ts::make_chan<bool>();
  ts::WaitGroup up;
  ts::WaitGroup down;
  up.add(static_cast<std::int32_t>(tasks));
  down.add(static_cast<std::int32_t>(tasks));
  run.start();
  for (std::int64_t i = 0; i < tasks; ++i) {
    ts::go([&, gate] {
      up.done();
      gate.recv();
      down.done();
    });
  }
  up.wait();
  run.stop();
  ts::sleep(std::chrono::milliseconds(20));
  run.set("bytes_per_task",
          static_cast<double>(resident_bytes() - before) / static_cast<double>(tasks));
  const std::int64_t woken = base::monotonic_ns();
  gate.close();
  down.wait();
  run.set("wake_ns",
          static_cast<double>(base::monotonic_ns() - woken) / static_cast<double>(tasks));
}

// Tasks that sleep 100 to 200 ms: processor time a sleep, and how late they wake.
void timer_sleep(std::int64_t tasks, Run& run) {
  std::vector<std::int64_t> late(static_cast<std::size_t>(tasks));
  const double before = own_cpu_s();
  each(tasks, [&](std::int64_t i) {
    const std::int64_t duration = 100'000'000 + i % 1000 * 100'000;
    const std::int64_t start = base::monotonic_ns();
    ts::sleep(std::chrono::nanoseconds(duration));
    late[static_cast<std::size_t>(i)] = base::monotonic_ns() - start - duration;
  });
  run.set("cpu_ns", (own_cpu_s() - before) * 1e9 / static_cast<double>(tasks));
  run.set_percentiles("late", std::move(late));
}

// Eight tasks that sleep 1 ms again and again: lateness when almost nothing runs.
void timer_idle(std::int64_t sleeps, Run& run) {
  std::vector<std::int64_t> late(static_cast<std::size_t>(8 * sleeps));
  each(8, [&](std::int64_t task) {
    for (std::int64_t i = 0; i < sleeps; ++i) {
      const std::int64_t start = base::monotonic_ns();
      ts::sleep(std::chrono::milliseconds(1));
      late[static_cast<std::size_t>(task * sleeps + i)] = base::monotonic_ns() - start - 1'000'000;
    }
  });
  run.set_operations(static_cast<double>(8 * sleeps));
  run.set_percentiles("late", std::move(late));
}

// The same while a task on each worker computes and never calls the runtime.
void timer_hog(std::int64_t sleeps, Run& run) {
  std::atomic<bool> over{false};
  ts::WaitGroup hogs;
  for (std::uint32_t i = 0; i < ts::set_workers(0); ++i) {
    hogs.go([&over] {
      while (!over.load(std::memory_order_relaxed)) {
      }
    });
  }
  timer_idle(sleeps, run);
  over.store(true, std::memory_order_relaxed);
  hogs.wait();
}

// Timers that are stopped long before they fire.
void timer_churn(std::int64_t timers, Run&) {
  for (std::int64_t i = 0; i < timers; ++i) ts::after_func(std::chrono::hours(1), [] {}).stop();
}

void timer_reset(std::int64_t resets, Run&) {
  ts::Timer timer(std::chrono::hours(1));
  for (std::int64_t i = 0; i < resets; ++i) {
    timer.reset(std::chrono::hours(1) + std::chrono::nanoseconds(i));
  }
}

// A million timers that are pending at once: made, stopped long before they fire, and made to fire,
// each in a task of its own; what each costs, and its memory.
void timers_million(std::int64_t timers, Run& run) {
  // Of the first repetition: the others take again what it has given back.
  static const std::int64_t before = resident_bytes();
  const auto each_ns = [timers](std::int64_t since) {
    return static_cast<double>(base::monotonic_ns() - since) / static_cast<double>(timers);
  };
  std::vector<ts::FuncTimer> all;
  all.reserve(static_cast<std::size_t>(timers));
  ts::WaitGroup fired;
  fired.add(static_cast<std::int32_t>(timers));
  run.start();
  std::int64_t since = base::monotonic_ns();
  for (std::int64_t i = 0; i < timers; ++i) {
    const std::chrono::nanoseconds scattered(i * 7919 % timers);
    all.push_back(ts::after_func(std::chrono::hours(1) + scattered, [&fired] { fired.done(); }));
  }
  run.set("make_ns", each_ns(since));
  run.stop();
  run.set("bytes_per_timer",
          static_cast<double>(resident_bytes() - before) / static_cast<double>(timers));
  run.start();
  since = base::monotonic_ns();
  for (ts::FuncTimer& timer : all) timer.stop();
  run.set("stop_ns", each_ns(since));
  since = base::monotonic_ns();
  for (ts::FuncTimer& timer : all) timer.reset(std::chrono::nanoseconds(0));
  fired.wait();
  run.set("fire_ns", each_ns(since));
  run.stop();
}

// A call that the scheduler is told of, and one that it is not.
void told_syscall(std::int64_t calls, Run&) {
  for (std::int64_t i = 0; i < calls; ++i) {
    ts::blocking([] { return ::syscall(SYS_getppid); });
  }
}

void raw_syscall(std::int64_t calls, Run&) {
  for (std::int64_t i = 0; i < calls; ++i) ::syscall(SYS_getppid);
}

}  // namespace

std::vector<Case> scheduler_cases() {
  return {{"yield", 1'000'000, kByTime, yield_2},
          {"yield1000", 500'000, kByTime, yield_1000},
          {"spawn_join", 1'000'000, 1'000'000, spawn_join},
          {"spawn_join_10k", 200'000, kByTime, spawn_join_10k},
          {"spawn_seq", 100'000, kByTime, spawn_seq},
          {"fib27", 24, 27, fork_join},
          {"skynet1M", 100'000, 1'000'000, skynet},
          {"daisy", 100'000, 100'000, daisy},
          {"parked", 1'000'000, 1'000'000, parked},
          {"timer_sleep", 100'000, 100'000, timer_sleep},
          {"timer_idle", 20, 200, timer_idle},
          {"timer_hog", 5, 50, timer_hog},
          {"timer_churn", 300'000, kByTime, timer_churn},
          {"timer_reset", 1'000'000, kByTime, timer_reset},
          {"timers_1M", 0, 1'000'000, timers_million},
          {"syscall", 200'000, kByTime, told_syscall},
          {"rawsyscall", 200'000, kByTime, raw_syscall}};
}

}  // namespace taskscope::bench
