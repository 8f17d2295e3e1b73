#include "runtime/debug/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "runtime/debug/stack_trace.h"
#include "runtime/debug/symbolizer.h"

namespace taskscope::debug {
namespace {

TaskInfo reader() {
  return {.id = 12, .name = "reader", .parent = 1, .spawn_site = {"app/main.cpp", "serve", 30}};
}

TEST(Report, APanicLooksLikeGos) {
  const TaskInfo task = reader();
  EXPECT_EQ(running_report("panic: disk on fire (std::runtime_error)", &task,
                           {{"read_block(int)", "app/disk.cpp", 7}, {"0x1234 in libc.so", "", 0}}),
            "panic: disk on fire (std::runtime_error)\n"
            "\n"
            "task 12 \"reader\" [running]:\n"
            "read_block(int)\n"
            "\tapp/disk.cpp:7\n"
            "0x1234 in libc.so\n"
            "spawned at app/main.cpp:30 (serve) by task 1\n");
}

TEST(Report, PathsBelowTheWorkingDirectoryAreShort) {
  char directory[4096];
  ASSERT_NE(getcwd(directory, sizeof directory), nullptr);
  const std::string path = std::string(directory) + "/src/a.cpp";
  EXPECT_EQ(format_site({path.c_str(), "f", 3}), "src/a.cpp:3 (f)");
  EXPECT_EQ(format_site({"/elsewhere/a.cpp", "operator()", 3}), "/elsewhere/a.cpp:3");
  EXPECT_EQ(format_site({}), "an unknown place");
}

TEST(Report, ADeadlockGroupsWhatWaitsAlike) {
  std::vector<BlockedTask> tasks;
  const base::Site wait{"w.cpp", "work", 9};
  for (std::uint64_t id = 2; id <= 4; ++id) {
    tasks.push_back(
        {.task = {.id = id, .name = "", .parent = 1, .spawn_site = {"m.cpp", "main", 5}},
         .reason = "chan recv",
         .wait_site = wait,
         .object = "jobs",
         .holder = "",
         .waited_ns = static_cast<std::int64_t>(id) * 1'000'000'000});
  }
  tasks.push_back(
      {.task = {.id = 1, .name = "main", .parent = 0, .spawn_site = {"m.cpp", "main", 1}},
       .reason = "wait_group",
       .wait_site = {"m.cpp", "main", 6},
       .object = "",
       .holder = "",
       .waited_ns = 5});
  EXPECT_EQ(deadlock_report(tasks),
            "fatal error: all tasks are asleep - deadlock!\n"
            "\n"
            "task 1 \"main\" [wait_group]:\n"
            "\twaits at m.cpp:6 (main)\n"
            "started at m.cpp:1 (main)\n"
            "\n"
            "3 tasks [chan recv, 4 s]:\n"
            "\ttask 2, task 3, task 4\n"
            "\twaits at w.cpp:9 (work) for \"jobs\"\n"
            "spawned at m.cpp:5 (main) by task 1\n");
}

TEST(Report, WhoWaitsForAnothersLockIsAGroupOfItsOwn) {
  std::vector<BlockedTask> tasks;
  for (std::uint64_t id = 2; id <= 3; ++id) {
    tasks.push_back(
        {.task = {.id = id, .name = "", .parent = 1, .spawn_site = {"m.cpp", "main", 5}},
         .reason = "mutex",
         .wait_site = {"w.cpp", "work", 9},
         .object = "",
         .holder = "task " + std::to_string(5 - id) + " has it",
         .waited_ns = 0});
  }
  EXPECT_EQ(deadlock_report(tasks),
            "fatal error: all tasks are asleep - deadlock!\n"
            "\n"
            "task 2 [mutex]:\n"
            "\twaits at w.cpp:9 (work)\n"
            "\ttask 3 has it\n"
            "spawned at m.cpp:5 (main) by task 1\n"
            "\n"
            "task 3 [mutex]:\n"
            "\twaits at w.cpp:9 (work)\n"
            "\ttask 2 has it\n"
            "spawned at m.cpp:5 (main) by task 1\n");
}

TEST(Report, ManyGroupsAreCutAndCounted) {
  std::vector<BlockedTask> tasks;
  for (std::uint32_t i = 1; i <= 60; ++i) {
    tasks.push_back({.task = {.id = i, .name = "", .parent = 0, .spawn_site = {"m.cpp", "main", i}},
                     .reason = "mutex",
                     .wait_site = {"m.cpp", "main", 100 + i},
                     .object = "",
                     .holder = "",
                     .waited_ns = 0});
  }
  const std::string report = deadlock_report(tasks);
  EXPECT_NE(report.find("task 50 "), std::string::npos);
  EXPECT_EQ(report.find("task 51 "), std::string::npos);
  EXPECT_NE(report.find("and 10 more tasks at 10 other places"), std::string::npos);
}

[[gnu::noinline]] std::vector<std::uintptr_t> known_function() {
  std::vector<std::uintptr_t> stack = capture_stack();
  asm volatile("");
  return stack;
}

TEST(StackTrace, KnowsFunctionsAndLines) {
  const std::vector<Frame> frames = readable_frames(known_function());
  ASSERT_GE(frames.size(), 2u);
  EXPECT_NE(frames[0].function.find("known_function"), std::string::npos) << frames[0].function;
  EXPECT_NE(frames[0].file.find("report_test.cpp"), std::string::npos) << frames[0].file;
  EXPECT_GT(frames[0].line, 0);
}

TEST(StackTrace, AnAddressNobodyKnowsIsShownAsANumber) {
  const std::vector<Frame> frames = Symbolizer().lookup(16);
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].function, "0x10");
}

TEST(StackTrace, TheRuntimesOwnFramesAreHidden) {
  const std::vector<Frame> frames = {
      {"taskscope::sched::(anonymous namespace)::on_terminate()", "fatal.cpp", 1},
      {"std::terminate()", "", 0},
      {"__cxa_throw", "", 0},
      {"taskscope::sched::panic(char const*)", "fatal.cpp", 2},
      {"taskscope::channel::ChanCore::send(void*, taskscope::base::Site const&)", "c.cpp", 3},
      {"taskscope::Chan<int>::send(int, taskscope::base::Site) const", "x/runtime/channel/chan.h",
       4},
      {"taskscope::sync::LockCore::unlock_together()", "x/runtime/sync/lock_core.h", 4},
      {"taskscope::RWMutex::unlock_shared()", "x/runtime/sync/rwmutex.h", 4},
      {"mine(int)", "mine.cpp", 5},
      {"void taskscope::sched::run_inline<mine(int)::{lambda()#1}>(void*)", "mine.cpp", 6},
      {"taskscope::sched::Worker::task_main(void*)", "worker.cpp", 7},
      {"taskscope_stack_entry", "switch.S", 8},
  };
  EXPECT_EQ(hide_runtime(frames),
            (std::vector<Frame>{{"mine(int)", "mine.cpp", 5},
                                {"mine(int)::{lambda()#1}::operator()()", "mine.cpp", 6}}));
}

}  // namespace
}  // namespace taskscope::debug
