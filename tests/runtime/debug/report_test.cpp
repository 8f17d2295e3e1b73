#include "runtime/debug/report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "runtime/debug/short_name.h"
#include "runtime/debug/stack_trace.h"
#include "runtime/debug/symbolizer.h"
#include "runtime/debug/task_dump.h"

namespace taskscope::debug {
namespace {

TaskInfo reader() {
  TaskInfo task{.id = 12, .name = "reader", .parent = 1};
  task.spawn_site = {"app/main.cpp", "serve", 30};
  return task;
}

TEST(Report, APanicLooksLikeGos) {
  const TaskInfo task = reader();
  EXPECT_EQ(running_report(
                "panic: disk on fire (std::runtime_error)", &task,
                {.first = {{"read_block(int)", "app/disk.cpp", 7}, {"0x1234 in libc.so", "", 0}}}),
            "panic: disk on fire (std::runtime_error)\n"
            "\n"
            "task 12 \"reader\" [running]:\n"
            "read_block(int)\n"
            "\tapp/disk.cpp:7\n"
            "0x1234 in libc.so\n"
            "spawned at app/main.cpp:30 (serve) by task 1\n");
}

TEST(Report, TheChainOfAncestorsEndsAtTheMainTask) {
  TaskInfo task = reader();
  task.labels = "request=17";
  task.parent = 7;
  task.ancestors = {{7, "acceptor", {"app/accept.cpp", "accept", 8}},
                    {0, "", {"app/listen.cpp", "listen", 4}},
                    {1, "main", {"app/main.cpp", "main", 2}}};
  EXPECT_EQ(running_report("panic: x", &task, {}),
            "panic: x\n"
            "\n"
            "task 12 \"reader\" {request=17} [running]:\n"
            "spawned at app/main.cpp:30 (serve) by task 7 \"acceptor\"\n"
            "which was spawned at app/accept.cpp:8 (accept)\n"
            "which was spawned at app/listen.cpp:4 (listen) by task 1\n");
}

TEST(Report, AncestorsThatAreNotKeptAreCounted) {
  TaskInfo task = reader();
  task.parent = 7;
  task.ancestors = {{7, "", {"app/accept.cpp", "accept", 8}}};
  task.more_ancestors = 5'321;
  EXPECT_EQ(running_report("panic: x", &task, {}),
            "panic: x\n"
            "\n"
            "task 12 \"reader\" [running]:\n"
            "spawned at app/main.cpp:30 (serve) by task 7\n"
            "which was spawned at app/accept.cpp:8 (accept)\n"
            "… 5,321 generations before\n");
}

TEST(Report, ADumpShowsGroupsWithWhatTheyHaveInCommon) {
  TaskGroup group{.state = "chan recv", .count = 2'000};
  group.first = {reader(), {.id = 13, .spawn_site = {"b.cpp", "g", 2}}};
  group.waits = true;
  group.shortest_ns = 2'500'000'000;
  group.longest_ns = 5'100'000'000;
  group.stack.first = {{"read()", "a.cpp", 7}};
  group.object = "requests";
  group.origins = {{{"a.cpp", "f", 1}, 1, 1'500}, {{"b.cpp", "g", 2}, 0, 500}};
  TaskGroup fresh{.state = "runnable", .count = 1};
  fresh.first = {reader()};
  fresh.no_stack = "has not run yet";
  fresh.origins = {{{"app/main.cpp", "serve", 30}, 1, 1}};
  EXPECT_EQ(
      task_dump(
          "SIGQUIT: quit\n\n",
          {.groups = {group, fresh}, .tasks = 2'004, .groups_left_out = 1, .tasks_left_out = 3}),
      "SIGQUIT: quit\n\n"
      "2,004 tasks with 3 different stacks\n"
      "\n"
      "2,000 tasks [chan recv, 2 s to 5 s]:\n"
      "\ttask 12 \"reader\", task 13, …\n"
      "read()\n"
      "\ta.cpp:7\n"
      "waits for \"requests\"\n"
      "1,500 spawned at a.cpp:1 (f) by task 1\n"
      "500 spawned at b.cpp:2 (g)\n"
      "\n"
      "task 12 \"reader\" [runnable]:\n"
      "has not run yet\n"
      "spawned at app/main.cpp:30 (serve) by task 1\n"
      "\n"
      "… and 3 tasks with 1 other stack.\n");
}

TEST(Report, WhatIsLeftOutOfAStackIsCounted) {
  const Frame first{"f()", "", 0};
  const Frame last{"main", "", 0};
  EXPECT_EQ(stack_lines({.first = {first}, .left_out = 1'234'567, .last = {last}}),
            "f()\n… 1,234,567 frames more\nmain\n");
  EXPECT_EQ(stack_lines({.first = {first}, .left_out = 20, .cut = true, .last = {last}}),
            "f()\n… more than 20 frames more\nmain\n");
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

TEST(Report, ASelectListsItsArms) {
  BlockedTask task{
      .task = {.id = 2, .name = "", .parent = 1, .spawn_site = {"m.cpp", "main", 5}},
      .reason = "select",
      .wait_site = {"w.cpp", "work", 9},
      .arms = {
          {.operation = "recv", .kind = "channel", .object = "jobs"},
          {.operation = "send", .kind = "channel", .object = "", .made_at = {"m.cpp", "main", 3}}}};
  EXPECT_EQ(deadlock_report({task}),
            "fatal error: all tasks are asleep - deadlock!\n"
            "\n"
            "task 2 [select]:\n"
            "\twaits at w.cpp:9 (work)\n"
            "\t\trecv \"jobs\"\n"
            "\t\tsend channel made at m.cpp:3 (main)\n"
            "spawned at m.cpp:5 (main) by task 1\n");
  task.arms.assign(20, task.arms.front());
  const std::string report = deadlock_report({task});
  EXPECT_NE(report.find("\t\t… and 12 more\n"), std::string::npos);
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

[[gnu::noinline]] CapturedStack known_function() {
  const CapturedStack stack = capture_stack();
  asm volatile("");
  return stack;
}

TEST(StackTrace, KnowsFunctionsAndLines) {
  const std::vector<Frame> frames = readable_stack(known_function()).first;
  ASSERT_GE(frames.size(), 2u);
  EXPECT_NE(frames[0].function.find("known_function"), std::string::npos) << frames[0].function;
  EXPECT_NE(frames[0].file.find("report_test.cpp"), std::string::npos) << frames[0].file;
  EXPECT_GT(frames[0].line, 0);
}

TEST(StackTrace, KeepsTheFirstAndTheLastOfManyCalls) {
  for (const std::uintptr_t count : {1u, 48u, 49u, 64u, 65u, 1000u}) {
    SCOPED_TRACE(count);
    CapturedStack stack;
    for (std::uintptr_t i = 1; i <= count; ++i) stack.add(i);
    EXPECT_EQ(stack.first_count() + stack.left_out() + stack.last_count(), count);
    EXPECT_EQ(stack.first_count(), std::min<std::size_t>(count, 48));
    EXPECT_EQ(stack.left_out(), count > 64 ? count - 64 : 0);
    for (std::size_t i = 0; i < stack.first_count(); ++i) EXPECT_EQ(stack.first[i], i + 1);
    for (std::size_t i = 0; i < stack.last_count(); ++i) {
      EXPECT_EQ(stack.last_at(i), count - stack.last_count() + i + 1);
    }
  }
}

TEST(StackTrace, AddressesAreCutWhereTheTextIsFull) {
  CapturedStack stack;
  for (std::uintptr_t i = 1; i <= 100; ++i) stack.add(i);
  char text[4096];
  const std::string all(text, format_addresses(stack, text, sizeof text));
  EXPECT_TRUE(all.starts_with("0x1 0x2 0x3 ")) << all;
  EXPECT_NE(all.find("0x30 … 36 frames more … 0x55 "), std::string::npos) << all;
  EXPECT_TRUE(all.ends_with(" 0x64 ")) << all;
  EXPECT_EQ(std::string(text, format_addresses(stack, text, 10)), "0x1 0x2 0");
}

[[gnu::noinline]] ReadableStack from_depth(int depth) {
  ReadableStack stack = depth == 0 ? readable_stack(capture_stack()) : from_depth(depth - 1);
  asm volatile("");
  return stack;
}

TEST(StackTrace, OfADeepOneTheFirstAndTheLastFewAreShown) {
  for (const int depth : {30, 1000}) {
    SCOPED_TRACE(depth);
    const ReadableStack stack = from_depth(depth);
    EXPECT_EQ(stack.first.size(), 16u);
    EXPECT_EQ(stack.last.size(), 4u);
    EXPECT_GT(stack.left_out, static_cast<std::size_t>(depth) - 20);
    EXPECT_LT(stack.left_out, static_cast<std::size_t>(depth) + 20);
    EXPECT_EQ(stack.first[3].function, "taskscope::debug::(anonymous namespace)::from_depth(int)");
  }
}

TEST(ShortName, SpellsTheStandardsNamesAsProgramsDo) {
  const std::string text =
      "std::__cxx11::basic_string<char, std::char_traits<char>, "
      "std::allocator<char> >";
  EXPECT_EQ(short_name("f(" + text + " const&)"), "f(std::string const&)");
  EXPECT_EQ(short_name("g(std::vector<int, std::allocator<int> >)"), "g(std::vector<int>)");
  EXPECT_EQ(short_name("std::map<" + text + ", int, std::less<" + text +
                       " >, std::allocator<std::pair<" + text + " const, int> > >::at"),
            "std::map<std::string, int>::at");
  EXPECT_EQ(short_name("std::basic_string_view<char, std::char_traits<char> >::size() const"),
            "std::string_view::size() const");
}

TEST(ShortName, LeavesWhatIsShortAndOperatorsAlone) {
  for (const char* name : {"main", "", "0x1234 in /lib/libc.so.6", "a::operator<(a::B const&)",
                           "operator->", "a::operator<<(std::ostream&, a::B)", "a::operator()()",
                           "f(void (*)(int))", "taskscope::(anonymous namespace)::recurse(int)",
                           "serve()::{lambda()#1}::operator()() const"}) {
    EXPECT_EQ(short_name(name), name);
  }
}

TEST(ShortName, LeavesOutInnerArgumentsOfALongOne) {
  const std::string inner = "model::Table<model::Row<int, double>, model::Key<unsigned long>>";
  EXPECT_EQ(short_name("app::Index<" + inner + ", " + inner + ">::find(int)"),
            "app::Index<model::Table<…>, model::Table<…>>::find(int)");
  const std::string name(130, 'n');
  EXPECT_EQ(short_name(name + "(int, long)"), name + "(…)");
  EXPECT_EQ(short_name(name + "<int, long>::f(int)"), name + "<…>::f(…)");
  EXPECT_EQ(short_name("(anonymous namespace)::" + name + "(int)"),
            "(anonymous namespace)::" + name + "(…)");
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
      {"std::function<void ()>::operator()() const", "x/c++/12/bits/std_function.h", 591},
      {"void taskscope::sched::run_inline<mine(int)::{lambda()#1}>(void*)", "mine.cpp", 6},
      {"taskscope::sched::Worker::task_main(void*)", "worker.cpp", 7},
      {"taskscope_stack_entry", "switch.S", 8},
  };
  EXPECT_EQ(hide_runtime(frames),
            (std::vector<Frame>{{"mine(int)", "mine.cpp", 5},
                                {"mine(int)::{lambda()#1}::operator()()", "mine.cpp", 6}}));
}

TEST(StackTrace, AFolderThatIsCalledLikeOneOfTheRuntimesIsTheProgramsOwn) {
  const std::vector<Frame> frames = {
      {"lock", "/opt/ts/runtime/sync/mutex.h", 1},
      {"make", "/opt/ts/build/../runtime/memory/make.h", 2},
      {"read_all(int)", "/game/runtime/net/socket.h", 3},
      {"region", "/opt/ts/runtime/annotate/region.h", 4},
      {"operator()", "/opt/ts/runtime/patterns/retry.h", 5},
      {"example", "/opt/ts/runtime/examples/command_line.h", 6},
      {"test", "/opt/ts/tests/runtime/sync/mutex.h", 7},
      // Its function is the runtime's and its line the program's.
      {"void taskscope::sched::run_inline<play()::{lambda()#1}>(void*)",
       "/game/runtime/sched/play.h", 8},
      {"taskscope::Chan<int>::send(int) const", "/opt/ts/runtime/channel/chan.h", 9},
  };
  EXPECT_EQ(hide_runtime(frames),
            (std::vector<Frame>{
                {"read_all(int)", "/game/runtime/net/socket.h", 3},
                {"example", "/opt/ts/runtime/examples/command_line.h", 6},
                {"test", "/opt/ts/tests/runtime/sync/mutex.h", 7},
                {"play()::{lambda()#1}::operator()()", "/game/runtime/sched/play.h", 8}}));
}

}  // namespace
}  // namespace taskscope::debug
