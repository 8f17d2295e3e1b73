// RuntimeTest: the fixture of everything that runs tasks, at 1, 2, 4 and 8 workers.
//
// run() runs a main task, lets the others end, and then expects that nothing is left of the run: no
// task, no stack, no thread, no file descriptor, no reservation of address space.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/base/sanitizer.h"
#include "runtime/sched/scheduler.h"
#include "runtime/taskscope.h"

namespace taskscope::test {

// Sizes of stress tests: `full`, and an eighth of it under a sanitizer.
constexpr int sized(int full) { return TASKSCOPE_ASAN || TASKSCOPE_TSAN ? full / 8 : full; }

class RuntimeTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  std::uint32_t workers() const { return GetParam(); }
  // By the real clock, or by `clock`.
  sched::RunStats run(const std::function<void()>& main, ManualClock* clock = nullptr);
};

// What of the process would grow if a run left something behind.
struct Footprint {
  std::size_t threads = 0;
  std::size_t descriptors = 0;
  std::size_t reserved_gib = 0;  // address space

  friend bool operator==(const Footprint&, const Footprint&) = default;
};
Footprint footprint();
// Waits until the kernel has forgotten the threads that were joined.
Footprint footprint_settled(const Footprint& expected);
std::string describe(const Footprint& footprint);

// What `ask` says in a process of its own, so that nothing that a run leaves in memory looks as if
// it referred to the next run's stacks, which lie where its own did.
std::string in_another_process(const std::function<std::string()>& ask);

// Tasks of this run that wait, and have left their stacks or are about to. REQUIRES: called by a
// task.
std::size_t blocked_tasks();
// Yields until `count` tasks of this run wait (the caller does not), and have left their stacks or
// are about to. REQUIRES: called by a task.
void wait_until_blocked(std::size_t count);

inline std::string workers_name(const ::testing::TestParamInfo<std::uint32_t>& info) {
  return std::to_string(info.param) + (info.param == 1 ? "Worker" : "Workers");
}

}  // namespace taskscope::test

#define TASKSCOPE_AT_ALL_WORKER_COUNTS(Fixture)                            \
  INSTANTIATE_TEST_SUITE_P(At, Fixture, ::testing::Values(1u, 2u, 4u, 8u), \
                           ::taskscope::test::workers_name)
