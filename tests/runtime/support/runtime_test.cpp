#include "tests/runtime/support/runtime_test.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

namespace taskscope::test {
namespace {

std::size_t count_entries(const char* directory) {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) {
    ++count;
  }
  return count;
}

std::size_t virtual_bytes() {
  std::size_t pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%zu", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return pages * 4096;
}

}  // namespace

Footprint footprint() {
  return {.threads = count_entries("/proc/self/task"),
          .descriptors = count_entries("/proc/self/fd"),
          // A run reserves hundreds; malloc's arenas for its threads are less than one together.
          .reserved_gib = (virtual_bytes() >> 30) / 4};
}

Footprint footprint_settled(const Footprint& expected) {
  Footprint now = footprint();
  for (int i = 0; i < 10'000 && now.threads > expected.threads; ++i) {
    sched_yield();
    now = footprint();
  }
  return now;
}

std::string describe(const Footprint& footprint) {
  return std::to_string(footprint.threads) + " threads, " + std::to_string(footprint.descriptors) +
         " descriptors, " + std::to_string(footprint.reserved_gib) + " x 4 GiB reserved";
}

std::string in_another_process(const std::function<std::string()>& ask) {
  if (TASKSCOPE_TSAN) return ask();
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = ask();
    _exit(write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  char portion[4096];
  for (ssize_t got; (got = read(ends[0], portion, sizeof portion)) > 0;) {
    text.append(portion, static_cast<std::size_t>(got));
  }
  close(ends[0]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return text;
}

std::size_t blocked_tasks() {
  std::size_t blocked = 0;
  sched::current_thread()->scheduler().tasks().for_each_live([&](const sched::Task& task) {
    blocked += task.state.load(std::memory_order_relaxed) == sched::TaskState::Blocked;
  });
  return blocked;
}

void wait_until_blocked(std::size_t count) {
  while (blocked_tasks() < count) yield();
}

namespace {

// Lets the tasks that main did not wait for end.
void wait_until_alone() {
  for (std::size_t live = 0; live != 1;) {
    yield();
    live = 0;
    sched::current_thread()->scheduler().tasks().for_each_live([&](sched::Task&) { ++live; });
  }
}

}  // namespace

sched::RunStats RuntimeTest::run(const std::function<void()>& main, ManualClock* clock) {
  // ThreadSanitizer starts a thread of its own with the first one.
  std::thread([] {}).join();
  const Footprint before = footprint_settled({.threads = 1 + (TASKSCOPE_TSAN ? 1 : 0)});
  sched::RunStats stats;
  ts::run(
      [&] {
        main();
        wait_until_alone();
      },
      {.workers = workers(), .clock = clock, .stats = &stats});
  const Footprint after = footprint_settled(before);
  // Sanitizers keep shadow memory of their own; only the counts are held against them.
  EXPECT_EQ(after.threads, before.threads) << describe(after);
  // A recorded run also closes the socket that it took from the environment.
  EXPECT_LE(after.descriptors, before.descriptors) << describe(after);
  if (!TASKSCOPE_ASAN && !TASKSCOPE_TSAN) {
    EXPECT_EQ(after.reserved_gib, before.reserved_gib) << describe(after);
  }
  EXPECT_EQ(stats.workers, workers());
  EXPECT_EQ(stats.tasks_abandoned, 0u);
  EXPECT_EQ(stats.stacks_in_use, 0u);
  EXPECT_FALSE(stats.threads_abandoned);
  return stats;
}

}  // namespace taskscope::test
