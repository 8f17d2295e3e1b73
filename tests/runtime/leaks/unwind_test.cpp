// Tasks that can never go on are ended by an exception where they wait, and give back what they
// have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>

#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::wait_until_blocked;

// What refers to channels is found by looking at all memory; sanitizers have too much of their own.
#define TASKSCOPE_NEEDS_WORDS() \
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "not with sanitizers"

// Counts when it goes.
class Witness {
 public:
  explicit Witness(std::atomic<int>& gone) : gone_(gone) {}
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;
  ~Witness() { ++gone_; }

 private:
  std::atomic<int>& gone_;
};

std::size_t living_tasks() {
  std::size_t tasks = 0;
  sched::current_worker()->scheduler().tasks().for_each_live([&](const sched::Task&) { ++tasks; });
  return tasks;
}

constexpr int kLooksInVain = 3;

// Starts a task that waits so, and unwinds all until nothing but the main task is there. How often
// something was found.
int unwind_all(std::uint32_t workers, const std::function<void()>& scenario, std::size_t blocked) {
  int looks = 0;
  ts::run(
      [&] {
        ts::go("scenario", [&scenario] { scenario(); });
        wait_until_blocked(blocked);
        while (living_tasks() != blocked + 1) ts::yield();  // the scenario's has ended
        // What a thread has left behind on its stack may look like a use for a while.
        for (int in_vain = 0; living_tasks() != 1 && in_vain < kLooksInVain;) {
          ++(ts::unwind_leaks() == 0 ? in_vain : looks);
          while (test::blocked_tasks() != living_tasks() - 1) ts::yield();
        }
      },
      {.workers = workers});
  return looks;
}

class UnwindTest : public test::RuntimeTest {
 protected:
  // In a process of its own: how often had to be looked, and what `say` says then.
  std::string unwind(const std::function<void()>& scenario, std::size_t blocked,
                     const std::function<std::string()>& say) {
    return test::in_another_process([&] {
      const int looks = unwind_all(workers(), scenario, blocked);
      return std::to_string(looks) + ": " + say();
    });
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(UnwindTest);

struct Waits {
  const char* how;
  void (*wait)();
};

const Waits kWaits[] = {
    {"chan recv", [] { ts::make_chan<int>().recv(); }},
    {"chan send", [] { ts::make_chan<int>().send(1); }},
    {"chan send (nil chan)", [] { ts::Chan<int>().send(1); }},
    {"select (no cases)", [] { ts::select(); }},
    {"select",
     [] {
       auto a = ts::make_chan<int>();
       auto b = ts::make_chan<int>();
       ts::select(ts::recv(a), ts::send(b, 1));
     }},
    {"wait group",
     [] {
       ts::WaitGroup group;
       group.add(1);
       group.wait();
     }},
    {"cond",
     [] {
       ts::Mutex mutex;
       ts::Cond cond;
       std::unique_lock lock(mutex);
       cond.wait(lock);
     }},
    {"semaphore",
     [] {
       ts::Semaphore semaphore(1);
       semaphore.acquire(1);
       semaphore.acquire(1);
     }},
    {"barrier",
     [] {
       ts::Barrier barrier(2);
       barrier.wait();
     }},
};

TEST_P(UnwindTest, HoweverATaskWaitsItIsEndedAndGivesBackWhatItHas) {
  TASKSCOPE_NEEDS_WORDS();
  for (const Waits& waits : kWaits) {
    std::atomic<int> gone{0};
    std::string text = "0: 0";
    // Where a word is left over on some stack nothing is proved, and nobody unwound.
    for (int tries = 0; text == "0: 0" && tries < 20; ++tries) {
      text = unwind(
          [&] {
            ts::go([&gone, wait = waits.wait] {
              const Witness witness(gone);
              wait();
            });
          },
          1, [&] { return std::to_string(gone); });
    }
    EXPECT_EQ(text, "1: 1") << waits.how;
  }
}

TEST_P(UnwindTest, ItIsThrownWhereTheTaskWaitsAndSaysSo) {
  std::string said;
  const std::string text = unwind(
      [&] {
        ts::go([&] {
          try {
            ts::Chan<int>().recv();
          } catch (const ts::Unwinding& unwinding) {
            said = "task " + std::to_string(unwinding.task()) + ' ' + unwinding.what();
            throw;
          }
        });
      },
      1, [&] { return said; });
  EXPECT_THAT(text,
              testing::MatchesRegex("1: task [0-9]+ could never go on: it waited in chan recv "
                                    "\\(nil chan\\) at .*unwind_test.cpp:[0-9]+"));
}

TEST_P(UnwindTest, WhoKeepsTheExceptionGoesOnAndMayGiveUpAWait) {
  std::string said;
  const std::string text = unwind(
      [&] {
        ts::go([&] {
          try {
            ts::Chan<int>().send(1);
          } catch (...) {
            said = "caught";
          }
          auto request = ts::with_cancel(ts::background());
          request.cancel();
          ts::WaitGroup group;
          group.add(1);
          if (!group.wait(request.ctx)) said += ", gave up";
          group.done();
        });
      },
      1, [&] { return said; });
  EXPECT_EQ(text, "1: caught, gave up");
}

TEST_P(UnwindTest, OfACircleOneIsEndedAndTheOthersGoOn) {
  ts::Mutex a;
  ts::Mutex b;
  std::atomic<int> went_on{0};
  const auto lock_both = [&](ts::Mutex& first, ts::Mutex& second, ts::Barrier& both) {
    const std::scoped_lock outer(first);
    both.wait();
    const std::scoped_lock inner(second);
    ++went_on;
  };
  const std::string text = test::in_another_process([&] {
    test::FakeRecorder recorder;
    ts::Barrier both(2);
    const int looks = unwind_all(
        workers(),
        [&] {
          while (!ts::is_recorded()) ts::yield();
          ts::go([&] { lock_both(a, b, both); });
          ts::go([&] { lock_both(b, a, both); });
        },
        2);
    const bool free = a.try_lock() && b.try_lock();
    return std::to_string(looks) + ": " + std::to_string(went_on) + (free ? " free" : "");
  });
  EXPECT_EQ(text, "1: 1 free");
}

TEST_P(UnwindTest, AScopePassesItOnAsTheErrorOfItsChild) {
  TASKSCOPE_NEEDS_WORDS();
  std::string said;
  const std::string text = unwind(
      [&] {
        ts::go([&] {
          try {
            ts::Scope scope;
            scope.go([] { ts::make_chan<int>().recv(); });
            scope.wait();
          } catch (const ts::Unwinding& unwinding) {
            said = unwinding.what();
          }
        });
      },
      2, [&] { return said.substr(0, 17); });
  EXPECT_EQ(text, "1: could never go on");
}

TEST_P(UnwindTest, WhatWaitsForAnEndedTaskMayBeNext) {
  TASKSCOPE_NEEDS_WORDS();
  std::atomic<int> gone{0};
  const std::string text = unwind(
      [&] {
        auto results = ts::make_chan<int>();
        ts::go([&gone, results] {
          const Witness witness(gone);
          ts::Chan<int>().recv();
          results.send(1);
        });
        ts::go([&gone, results] {
          const Witness witness(gone);
          results.recv();
        });
      },
      2, [&] { return std::to_string(gone); });
  EXPECT_EQ(text, "2: 2");
}

TEST_P(UnwindTest, WhoMightStillBeWokenIsLeftAlone) {
  run([&] {
    auto numbers = ts::make_chan<int>();
    ts::go([numbers] { numbers.recv(); });
    wait_until_blocked(1);
    EXPECT_EQ(ts::unwind_leaks(), 0u);
    numbers.send(1);
  });
}

TEST_P(UnwindTest, WhoWaitsInADestructorDuringAnExceptionIsLeftAlone) {
  // Two exceptions would end the program.
  static ts::Chan<int> nobodys;  // not known to the compiler to be nil
  struct WaitsAtItsEnd {
    ~WaitsAtItsEnd() { nobodys.recv(); }
  };
  const auto leave_behind = [this] {
    ts::run(
        [] {
          ts::go([] {
            try {
              const WaitsAtItsEnd waits;
              throw 1;
            } catch (int) {
            }
          });
          wait_until_blocked(1);
          std::_Exit(ts::unwind_leaks() == 0 ? 7 : 8);
        },
        {.workers = workers()});
  };
  EXPECT_EXIT(leave_behind(), testing::ExitedWithCode(7), "");
}

TEST_P(UnwindTest, ARunThatIsToUnwindDoesSoByItself) {
  TASKSCOPE_NEEDS_WORDS();
  const std::string text = test::in_another_process([&] {
    setenv("TASKSCOPE_LEAKS", "unwind", 1);
    std::atomic<int> gone{0};
    ts::run(
        [&] {
          ts::WaitGroup served;
          for (int i = 0; i < 5; ++i) {
            served.go([&gone] {
              const Witness witness(gone);
              ts::make_chan<int>().recv();
            });
          }
          while (gone != 5) ts::sleep(std::chrono::milliseconds(10));
          served.wait();
        },
        {.workers = workers()});
    return std::string("all served");
  });
  EXPECT_EQ(text, "all served");
}

}  // namespace
}  // namespace taskscope
