// How programs end that did something wrong: the text, the status, the trace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>

#include "tests/runtime/debug/died_of.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::died_of_bus;
using test::died_of_segv;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::Not;

class FailureDeathTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  FailureDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void run(const std::function<void()>& main) {
    ts::run(main, {.workers = GetParam()});
    std::_Exit(0);
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(FailureDeathTest);

[[gnu::noinline]] void read_block(int block) {
  struct Guard {
    ~Guard() { std::fputs("a destructor ran\n", stderr); }
  } guard;
  if (block > 0) throw std::runtime_error("disk on fire");
  std::puts("read");
}

TEST_P(FailureDeathTest, AnEscapedExceptionIsReportedWithTheStackOfItsThrow) {
  EXPECT_EXIT(run([] {
                go("reader", [] { read_block(1); });
                make_chan<int>().recv();
              }),
              ExitedWithCode(2),
              AllOf(HasSubstr("panic: disk on fire (std::runtime_error)\n\ntask "),
                    ContainsRegex("task [0-9]+ \"reader\" \\[running\\]:\n"),
                    HasSubstr("read_block(int)\n\t"), HasSubstr("failure_test.cpp:"),
                    ContainsRegex("spawned at .*failure_test.cpp:[0-9]+ by task 1\n"),
                    Not(HasSubstr("a destructor ran")), Not(HasSubstr("taskscope_stack_entry"))));
}

TEST_P(FailureDeathTest, AnExceptionThatIsNoStdExceptionIsNamedByItsType) {
  struct Odd {};
  EXPECT_EXIT(run([] { throw Odd{}; }), ExitedWithCode(2),
              AllOf(ContainsRegex("panic: .*Odd\n"), HasSubstr("task 1 \"main\" [running]:")));
}

// Each starts the next and ends; the last one throws.
void start_generation(int left) {
  const auto body = [left] {
    if (left == 0) throw std::runtime_error("the last");
    start_generation(left - 1);
  };
  go("generation", body);
}

TEST_P(FailureDeathTest, AReportNamesTheAncestorsAlsoWhenTheyHaveEnded) {
  EXPECT_EXIT(run([] {
                start_generation(2);
                Chan<int>().recv();
              }),
              ExitedWithCode(2),
              ContainsRegex("spawned at .*failure_test.cpp:[0-9]+ .start_generation. by task [0-9]+"
                            "( \"generation\")?\n"
                            "which was spawned at .*failure_test.cpp:[0-9]+ .*\n"
                            "which was spawned at .*failure_test.cpp:[0-9]+ .* by task 1\n$"));
  EXPECT_EXIT(run([] {
                start_generation(1'000);
                Chan<int>().recv();
              }),
              ExitedWithCode(2), HasSubstr("… 992 generations before\n"));
}

TEST_P(FailureDeathTest, MisuseIsReportedWithGosWords) {
  EXPECT_EXIT(run([] {
                auto chan = make_chan<int>("jobs", 0);
                chan.close();
                chan.send(1);
              }),
              ExitedWithCode(2), HasSubstr("panic: send on closed channel \"jobs\"\n"));
  EXPECT_EXIT(run([] {
                auto chan = make_chan<int>();
                chan.close();
                chan.close();
              }),
              ExitedWithCode(2),
              ContainsRegex("panic: close of closed channel made at .*failure_test.cpp:[0-9]+\n"));
  EXPECT_EXIT(run([] { Chan<int>().close(); }), ExitedWithCode(2),
              HasSubstr("panic: close of nil channel\n"));
  EXPECT_EXIT(
      run([] { WaitGroup().done(); }), ExitedWithCode(2),
      ContainsRegex("panic: negative counter of WaitGroup made at .*failure_test.cpp:[0-9]+\n"));
  EXPECT_EXIT(run([] { Mutex("books").unlock(); }), ExitedWithCode(2),
              HasSubstr("panic: unlock of unlocked mutex \"books\"\n"));
}

TEST_P(FailureDeathTest, APanicInADestructorIsReportedToo) {
  EXPECT_EXIT(run([] {
                Mutex mutex("books");
                const std::scoped_lock lock(mutex);
                mutex.unlock();
              }),
              ExitedWithCode(2), HasSubstr("panic: unlock of unlocked mutex \"books\"\n"));
}

TEST_P(FailureDeathTest, AnErrorThatAScopePassesOnSaysWhereItWasThrown) {
  const auto child = [] { throw std::runtime_error("disk on fire"); };
  const auto reported = [](const char* name) {
    return ContainsRegex("panic: disk on fire [^\n]*\nthrown in task [0-9]+" + std::string(name) +
                         ", spawned at .*failure_test.cpp:[0-9]+ by task 1\n\n"
                         "task 1 \"main\" \\[running\\]:\n");
  };
  EXPECT_EXIT(run([&] {
                Scope scope;
                scope.go("writer", child);
                scope.wait();
              }),
              ExitedWithCode(2), reported(" \"writer\""));
  EXPECT_EXIT(run([&] { static_cast<void>(async(child)); }), ExitedWithCode(2), reported(""));
  EXPECT_EXIT(run([&] {
                try {
                  Scope scope;
                  scope.go(child);
                } catch (const std::runtime_error&) {
                }
                throw std::runtime_error("disk on fire");  // another one
              }),
              ExitedWithCode(2), ContainsRegex("panic: disk on fire [^\n]*\n\ntask 1 "));
}

TEST_P(FailureDeathTest, WhenEverybodyWaitsItIsADeadlock) {
  EXPECT_EXIT(run([] {
                auto requests = make_chan<int>("requests");
                for (int i = 0; i < 3; ++i) go([requests] { requests.recv(); });
                go("stuck", [] { Chan<int>().send(1); });
                WaitGroup group;
                group.add(1);
                group.wait();
              }),
              ExitedWithCode(2),
              AllOf(HasSubstr("fatal error: all tasks are asleep - deadlock!\n"),
                    HasSubstr("task 1 \"main\" [wait_group]:\n\twaits at "),
                    HasSubstr("3 tasks [chan recv]:\n"), HasSubstr("for \"requests\"\n"),
                    ContainsRegex("task [0-9]+ \"stuck\" \\[chan send \\(nil chan\\)\\]:\n"),
                    ContainsRegex("spawned at .*failure_test.cpp:[0-9]+ by task 1\n")));
}

TEST_P(FailureDeathTest, ADeadlockSaysWhatASelectWaitsFor) {
  EXPECT_EXIT(run([] {
                const auto jobs = make_chan<int>("jobs");
                const auto results = make_chan<int>();
                const auto limited = with_cancel(background());
                ts::select(ts::recv(jobs), ts::recv(Chan<int>()), ts::send(results, 1),
                           ts::recv(limited.ctx.done()));
              }),
              ExitedWithCode(2),
              ContainsRegex("\\[select.*\\]:\n\twaits at .*failure_test.cpp:[0-9]+\n"
                            "\t\trecv \"jobs\"\n"
                            "\t\tsend channel made at .*failure_test.cpp:[0-9]+\n"
                            "\t\trecv context made at .*\n"));
}

TEST_P(FailureDeathTest, ADeadlockOnAMutexNamesThePlaceOfTheGuard) {
  EXPECT_EXIT(run([] {
                Mutex mutex;
                const std::scoped_lock first(mutex);
                const std::scoped_lock second(mutex);
              }),
              ExitedWithCode(2),
              ContainsRegex("\\[mutex.*\\]:\n\twaits at .*failure_test.cpp:[0-9]+\n"
                            "\tit has that already\n"));
}

TEST_P(FailureDeathTest, ADeadlockSaysWhoHasTheLocks) {
  EXPECT_EXIT(run([] {
                Mutex accounts("accounts");
                RWMutex routes("routes");
                Mutex forgotten("forgotten");
                WaitGroup group;
                group.go("forgetful", [&] { forgotten.lock(); });
                group.wait();
                for (int i = 0; i < 2; ++i) {
                  go([&] {
                    routes.lock_shared();
                    Chan<int>().recv();
                  });
                }
                test::wait_until_blocked(2);
                accounts.lock();
                go("writer", [&] { const std::scoped_lock lock(routes); });
                go("customer", [&] { const std::scoped_lock lock(accounts); });
                forgotten.lock();
              }),
              ExitedWithCode(2),
              AllOf(ContainsRegex("\"writer\" \\[rwmutex.*\\]:\n\twaits at .* for \"routes\"\n"
                                  "\t2 readers have it\n"),
                    ContainsRegex("\"customer\" \\[mutex.*\\]:\n\twaits at .* for \"accounts\"\n"
                                  "\ttask 1 \"main\" has (it|had it for .*)\n"),
                    ContainsRegex("\"main\" \\[mutex.*\\]:\n\twaits at .* for \"forgotten\"\n"
                                  "\ttask [0-9]+ had it when it ended\n")));
}

TEST_P(FailureDeathTest, ALockThatWasHandedOnIsItsNewOwners) {
  EXPECT_EXIT(run([] {
                Mutex mutex;
                mutex.lock();
                go("next", [&] {
                  mutex.lock();
                  Chan<int>().recv();
                });
                test::wait_until_blocked(1);
                // Let go and take it again at once: the other is too late until it is starving.
                for (;;) {
                  mutex.unlock();
                  mutex.lock();
                  yield();
                }
              }),
              ExitedWithCode(2),
              ContainsRegex("\"main\" \\[mutex.*\\]:\n\twaits at .*\n"
                            "\ttask [0-9]+ \"next\" has (it|had it for .*)\n"));
}

TEST_P(FailureDeathTest, ADeadlockAfterOtherThreadsAreGoneIsFoundToo) {
  EXPECT_EXIT(run([] {
                auto chan = make_chan<int>();
                const sched::Scheduler& scheduler = sched::current_thread()->scheduler();
                // Still there when the last task falls asleep; its end wakes nobody.
                std::thread outside([&scheduler] {
                  while (!scheduler.all_asleep()) std::this_thread::yield();
                });
                chan.recv();
                outside.join();
              }),
              ExitedWithCode(2), HasSubstr("all tasks are asleep - deadlock!"));
}

TEST_P(FailureDeathTest, OnlyTasksCanWait) {
  EXPECT_EXIT(
      {
        auto chan = make_chan<int>();
        chan.recv();
      },
      ExitedWithCode(2),
      HasSubstr("fatal error: chan recv would wait, but this thread is not a task's"));
  EXPECT_EXIT(ts::sleep(std::chrono::seconds(1)), ExitedWithCode(2),
              HasSubstr("fatal error: ts::sleep would wait"));
  EXPECT_EXIT(go([] {}), ExitedWithCode(2),
              HasSubstr("fatal error: ts::go called while no ts::run is active"));
  EXPECT_EXIT(run([] { ts::run([] {}); }), ExitedWithCode(2),
              HasSubstr("fatal error: ts::run called by a task"));
  EXPECT_EXIT(run([] { std::thread([] { ts::run([] {}); }).join(); }), ExitedWithCode(2),
              HasSubstr("fatal error: ts::run called while another thread is in ts::run\n"));
  EXPECT_EXIT(yield(), ExitedWithCode(2),
              HasSubstr("fatal error: ts::yield called by a thread that is not a task's\n"));
}

TEST_P(FailureDeathTest, ASignalThatSomebodySendsEndsTheProcessByIt) {
  EXPECT_EXIT(run([] { raise(SIGSEGV); }), died_of_segv, Not(HasSubstr("task 1")));
  EXPECT_EXIT(run([] {
                kill(getpid(), SIGSEGV);
                for (;;) yield();  // a wait would be a deadlock while a sanitizer still reports
              }),
              died_of_segv, Not(HasSubstr("task 1")));
  EXPECT_EXIT(run([] { raise(SIGBUS); }), died_of_bus, Not(HasSubstr("task 1")));
}

TEST_P(FailureDeathTest, AProgramsOwnHandlerStillMendsItsFaults) {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "the sanitizer's handler is in its place";
  static void* page;
  EXPECT_EXIT(
      {
        page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        signal(SIGSEGV, [](int) { mprotect(page, 4096, PROT_READ | PROT_WRITE); });
        ts::run([] { *static_cast<volatile int*>(page) = 1; }, {.workers = GetParam()});
        std::_Exit(*static_cast<int*>(page));
      },
      ExitedWithCode(1), Not(HasSubstr("fatal error")));
}

TEST_P(FailureDeathTest, AReportThatFailsItselfEndsTheProcess) {
  struct Worse : std::exception {
    const char* what() const noexcept override { std::terminate(); }
  };
  EXPECT_EXIT(run([] { throw Worse(); }), ExitedWithCode(2), "");
}

// The child records into rings that this process maps: what it wrote before it died must be there.
class RecordedFailureDeathTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer has no threads after a fork";
    GTEST_FLAG_SET(death_test_style, "fast");
  }

  std::string last_events(test::FakeRecorder& recorder, trace_format::WorkerId ring) {
    recorder.receive();
    std::map<trace_format::WorkerId, std::vector<trace_format::TextEvent>> rings;
    recorder.drain_into(rings);
    std::string text;
    for (auto& event : rings[ring]) {
      event.event.ticks = 0;
      text += trace_format::format_text(event) + '\n';
    }
    return text;
  }
};

TEST_F(RecordedFailureDeathTest, APanicIsTheLastWordInTheTrace) {
  test::FakeRecorder recorder;
  EXPECT_EXIT(ts::run([] { throw std::runtime_error("boom"); }, {.workers = 1}), ExitedWithCode(2),
              "panic: boom");
  EXPECT_THAT(last_events(recorder, 0),
              HasSubstr("w0 0 panic task=1 \"boom (std::runtime_error)\"\n"
                        "w0 0 exit task=1\n"));
  EXPECT_FALSE(recorder.said_bye());
}

TEST_F(RecordedFailureDeathTest, ADeadlockIsRecorded) {
  test::FakeRecorder recorder;
  EXPECT_EXIT(ts::run([] { make_chan<int>().recv(); }, {.workers = 1}), ExitedWithCode(2),
              "all tasks are asleep");
  EXPECT_THAT(last_events(recorder, trace_format::kNoWorker), HasSubstr("deadlock count=1\n"));
}

}  // namespace
}  // namespace taskscope
