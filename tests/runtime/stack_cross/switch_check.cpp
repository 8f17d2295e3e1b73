// A stack switch on whatever processor this is compiled for, without a test framework: built for
// aarch64 and run under qemu by the ordinary test run (tests/runtime/CMakeLists.txt).
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/stack/switch.h"

namespace {

constexpr std::size_t kStackBytes = 64 << 10;
constexpr int kRounds = 1000;

void* g_main_sp = nullptr;
void* g_task_sp = nullptr;
double g_sum = 0;
int g_caught = 0;

void check(bool condition, const char* what) {
  if (condition) return;
  std::printf("failed: %s\n", what);
  std::exit(1);
}

void task(void* argument) {
  check(argument == &g_sum, "the argument arrives");
  // Keeps integer and floating-point values in registers over the switches.
  double floating[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  std::uint64_t integers[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 8; ++i) {
      floating[i] += 0.5;
      integers[i] += 3;
    }
    try {
      throw std::runtime_error("inside");
    } catch (const std::runtime_error& error) {
      g_caught += std::string(error.what()) == "inside";
    }
    taskscope_switch(&g_task_sp, g_main_sp);
  }
  for (int i = 0; i < 8; ++i) {
    check(floating[i] == i + 1 + 0.5 * kRounds, "floating-point registers survive");
    check(integers[i] == static_cast<std::uint64_t>(i + 1 + 3 * kRounds), "registers survive");
    g_sum += floating[i];
  }
  taskscope_switch(&g_task_sp, g_main_sp);
  std::abort();
}

// Nothing catches it: the unwinder must find the end of the stack at the task's entry and
// terminate, not run off the stack.
void throwing_task(void*) { throw 1; }

}  // namespace

int main() {
  std::vector<char> stack(kStackBytes);
  g_task_sp = taskscope::stack::make_entry_frame(stack.data() + stack.size(), task, &g_sum);
  double mine[4] = {0.25, 0.5, 0.75, 1.0};
  for (int round = 0; round <= kRounds; ++round) {
    for (double& value : mine) value += 1;
    taskscope_switch(&g_main_sp, g_task_sp);
  }
  check(mine[0] == 0.25 + kRounds + 1, "the caller's registers survive");
  check(g_caught == kRounds, "exceptions work on the new stack");
  check(g_sum == 36 + 8 * 0.5 * kRounds, "the task ran to its end");

  std::set_terminate([] {
    std::printf("ok\n");
    std::fflush(stdout);
    std::_Exit(0);
  });
  g_task_sp =
      taskscope::stack::make_entry_frame(stack.data() + stack.size(), throwing_task, nullptr);
  taskscope_switch(&g_main_sp, g_task_sp);
  return 1;
}
