// ts::run: starts the workers, runs the main task, stops the workers.
//
//   int main() { return ts::run([] { return serve_all() ? 0 : 1; }, {.workers = 4}); }
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"

namespace taskscope {

class ManualClock;

namespace sched {
struct RunStats;
}

struct RunOptions {
  // Logical processors, from 1 to 1024. 0: TASKSCOPE_WORKERS if set, else as many as this process
  // may use (its affinity mask and its control group's CPU limit).
  std::uint32_t workers = 0;
  // Address space for the stack of each task, from 64 KiB to 1 GiB, rounded up to a power of two,
  // of which a 16th is guard. Only what a task touches takes memory. 0: TASKSCOPE_STACK if set
  // ("64K", "8M", "1G"), else 256 KiB.
  std::size_t stack_bytes = 0;
  // A clock for tests (runtime/sched/manual_clock.h); null: the real one. Outlives the run.
  ManualClock* clock = nullptr;
  // Filled when the run has ended; may be null. For tests (runtime/sched/scheduler.h).
  sched::RunStats* stats = nullptr;
};

namespace sched {

// The worker count that `options` and the environment ask for; at least 1. One that cannot be had
// ends the program with a sentence: with another one it would not do what was meant.
std::uint32_t worker_count(const RunOptions& options);

// The size of stacks that they ask for. One that cannot be had ends the program with a sentence:
// with another one it would only end later.
std::size_t stack_bytes(const RunOptions& options);

// Something that calls body(memory) as part of the main task: how a test framework looks at what a
// run leaves. Applies to runs that begin later; null: nothing. Returns what was there. Any thread.
using AroundMain = void (*)(void (*body)(void* memory), void* memory);
AroundMain set_around_main(AroundMain around);

void run_main(void (*body)(void* memory), void* closure, const RunOptions& options,
              const base::Site& site);

}  // namespace sched

// Runs `main` as the first task and returns what it returns (0 if it returns nothing). As in Go,
// the program is over when main is: tasks that still exist are abandoned where they are, without
// being unwound. May be called again afterwards, but not by a task and not by two threads at once.
template <class F>
int run(F&& main, RunOptions options = {}, Site site = Site::here()) {
  struct Main {
    std::remove_reference_t<F>& function;
    int result = 0;
  } state{main};
  sched::run_main(
      [](void* memory) {
        Main& self = **static_cast<Main**>(memory);
        if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
          self.function();
        } else {
          self.result = static_cast<int>(self.function());
        }
      },
      &state, options, site);
  return state.result;
}

}  // namespace taskscope
