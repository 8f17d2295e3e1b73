// What is printed when a task faults: the report that always comes, and the stack that comes if it
// can be had.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <string>

#include "runtime/base/sanitizer.h"
#include "tests/runtime/debug/died_of.h"
#include "tests/runtime/debug/poisoned_memory.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::died_of_segv;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::Not;

class FaultDeathTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  FaultDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void run(const std::function<void()>& body, std::size_t stack_bytes = 0) {
    ts::run(
        [&] {
          go("digger", body);
          make_chan<int>().recv();
        },
        {.workers = GetParam(), .stack_bytes = stack_bytes});
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(FaultDeathTest);

[[gnu::noinline]] int recurse(int depth) {
  volatile char frame[1024];
  for (volatile char& byte : frame) byte = static_cast<char>(depth);
  return depth == 0 ? 0 : recurse(depth + 1) + frame[7];
}

// Larger than a page: one such frame could step over a guard of one.
[[gnu::noinline]] int recurse_in_strides(int depth) {
  volatile char frame[10'000];
  frame[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : recurse_in_strides(depth + 1) + frame[0];
}

// Stands after a call so that it is no tail call: its frame is expected in a report.
void keep_frame() { asm volatile(""); }

[[gnu::noinline]] void write_to(volatile int* where) { *where = 1; }

[[gnu::noinline]] void call(void (*function)()) {
  function();
  keep_frame();
}

// Throws where some 12 KiB are left.
[[gnu::noinline]] int dig_to(const char* low) {
  volatile char frame[256];
  frame[0] = 1;
  if (const_cast<const char*>(frame) - low < 12 * 1024) throw std::runtime_error("deep down");
  return dig_to(low) + frame[0];
}

// A member of an object that is not there; a sanitizer knows null itself.
volatile int* null_pointer() { return reinterpret_cast<volatile int*>(16); }

// Of the runtime's own frames. A sanitizer's report, which follows ours, has them.
::testing::Matcher<const std::string&> shows_none() {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) return HasSubstr("");
  return AllOf(Not(HasSubstr("task_main")), Not(HasSubstr("on_fault")));
}

TEST_P(FaultDeathTest, AStackOverflowIsReportedWithTaskSpawnSiteAndStack) {
  EXPECT_EXIT(
      run([] { std::printf("%d", recurse(1)); }), died_of_segv,
      AllOf(ContainsRegex(
                "fatal error: stack overflow \\(a task has 256 KiB; TASKSCOPE_STACK gives more\\)\n"
                "\n"
                "task [0-9]+ \"digger\" \\[running\\]:\nspawned at .*fault_test.cpp:[0-9]+"),
            ContainsRegex("by task 1\n\nits stack:\n"),
            ContainsRegex("recurse\\(int\\)\n\t.*fault_test.cpp:[0-9]+\n.*recurse\\(int\\)\n"),
            ContainsRegex("… [0-9,]+ frames more\n.*recurse\\(int\\)\n"),
            ContainsRegex("operator\\(\\).*\n\t.*fault_test.cpp:[0-9]+\n"), shows_none(),
            Not(HasSubstr("as addresses"))));
}

TEST_P(FaultDeathTest, AFaultNamesTheAncestorsToo) {
  EXPECT_EXIT(
      run([] {
        go("grandchild", [] { write_to(null_pointer()); });
        make_chan<int>().recv();
      }),
      died_of_segv,
      ContainsRegex("\"grandchild\" \\[running\\]:\nspawned at .*fault_test.cpp:[0-9]+ .* by "
                    "task [0-9]+\nwhich was spawned at .*fault_test.cpp:[0-9]+ .* by task 1\n"));
}

TEST_P(FaultDeathTest, AnOverflowOfALargerStackSaysItsSize) {
  EXPECT_EXIT(run([] { std::printf("%d", recurse(1)); }, 16 << 20), died_of_segv,
              AllOf(HasSubstr("stack overflow (a task has 16384 KiB; RunOptions::stack_bytes gives "
                              "more)"),
                    ContainsRegex("… 1[0-9],[0-9]+ frames more\n")));
}

TEST_P(FaultDeathTest, FramesLargerThanAPageDoNotStepOverTheGuard) {
  EXPECT_EXIT(
      run([] { std::printf("%d", recurse_in_strides(1)); }), died_of_segv,
      AllOf(HasSubstr("fatal error: stack overflow"), HasSubstr("recurse_in_strides(int)")));
}

TEST_P(FaultDeathTest, ANullPointerIsReportedWithTaskAndStack) {
  EXPECT_EXIT(
      run([] {
        write_to(null_pointer());
        keep_frame();
      }),
      died_of_segv,
      AllOf(ContainsRegex("fatal error: SIGSEGV at address .*\n\ntask [0-9]+ \"digger\""),
            ContainsRegex("its stack:\n.*write_to\\(int volatile\\*\\)\n\t.*fault_test.cpp:"),
            ContainsRegex("operator\\(\\).*\n\t.*fault_test.cpp:"), Not(HasSubstr("frames more"))));
}

// Not a constant, lest a compiler conclude that the call is never made.
void (*volatile g_nothing)() = nullptr;

TEST_P(FaultDeathTest, ACallOfNothingShowsWhoCalled) {
  EXPECT_EXIT(
      run([] {
        call(g_nothing);
        keep_frame();
      }),
      died_of_segv,
      AllOf(HasSubstr("fatal error: SIGSEGV at address "),
            ContainsRegex("its stack:\n.*call\\(void \\(\\*\\)\\(\\)\\)\n\t.*fault_test.cpp:"),
            ContainsRegex("operator\\(\\).*\n")));
}

TEST_P(FaultDeathTest, AFaultInACallThatBlocksIsReportedToo) {
  EXPECT_EXIT(run([] { blocking_long([] { write_to(null_pointer()); }); }), died_of_segv,
              AllOf(HasSubstr("task"), HasSubstr("\"digger\" [running]:"), HasSubstr("write_to(")));
}

// Finding the names is what allocates, in a process of its own.
TEST_P(FaultDeathTest, WhenNamingTheStackFaultsTheReportStandsAndTheSignalIsTheSame) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer's own operator new cannot be replaced";
  EXPECT_EXIT(
      run([] {
        test::poison_memory();
        write_to(null_pointer());
      }),
      died_of_segv,
      AllOf(ContainsRegex("fatal error: SIGSEGV at address .*\n\ntask [0-9]+ \"digger\" "
                          "\\[running\\]:\nspawned at .*fault_test.cpp:[0-9]+"),
            ContainsRegex("its stack, as addresses \\(their names could not be found out\\):"
                          "\n0x[0-9a-f]+ 0x[0-9a-f]+ "),
            Not(HasSubstr("its stack:\n"))));
}

TEST_P(FaultDeathTest, APanicOnAStackThatIsNearlyFullIsReported) {
  EXPECT_EXIT(run(
                  [] {
                    sched::Scheduler& scheduler = sched::current_thread()->scheduler();
                    const auto stack = sched::current_task()->stack.id();
                    dig_to(static_cast<char*>(scheduler.stacks().extent(stack).low));
                  },
                  64 << 10),
              ExitedWithCode(2),
              AllOf(HasSubstr("panic: deep down (std::runtime_error)\n\ntask "),
                    HasSubstr("dig_to(char const*)\n"), ContainsRegex("… [0-9]+ frames more\n"),
                    ContainsRegex("spawned at .*fault_test.cpp:[0-9]+")));
}

}  // namespace
}  // namespace taskscope
