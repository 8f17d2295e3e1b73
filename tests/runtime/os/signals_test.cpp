#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/sanitizer.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_events.h"

namespace taskscope {
namespace {

using test::sized;

class SignalsTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SignalsTest);

bool at_default(int number) {
  struct sigaction action {};
  EXPECT_EQ(sigaction(number, nullptr, &action), 0);
  return action.sa_handler == SIG_DFL;
}

// ThreadSanitizer keeps a signal back from a thread that sleeps in a futex of ours: there it goes
// to the thread that sends it.
void send_to_self(int number) {
  ASSERT_EQ(TASKSCOPE_TSAN ? raise(number) : kill(getpid(), number), 0);
}

TEST_P(SignalsTest, ASignalArrivesAsAValue) {
  run([] {
    const Receiver<int> received = signals({SIGUSR1, SIGUSR2});
    for (int i = 0; i < sized(200); ++i) {
      const int number = i % 3 == 0 ? SIGUSR2 : SIGUSR1;
      send_to_self(number);
      ASSERT_EQ(received.recv(), std::optional(number));
    }
    EXPECT_TRUE(stop_signals(received));
    EXPECT_FALSE(stop_signals(received));
    EXPECT_EQ(received.recv(), std::nullopt);
    EXPECT_TRUE(at_default(SIGUSR1));
    EXPECT_TRUE(at_default(SIGUSR2));
  });
}

TEST_P(SignalsTest, ASignalIsInTheTrace) {
  test::FakeRecorder recorder;
  run([] {
    const Receiver<int> received = signals({SIGUSR1, SIGUSR2});
    for (const int number : {SIGUSR2, SIGUSR1}) {
      send_to_self(number);
      received.recv();
    }
    EXPECT_TRUE(stop_signals(received));
  });
  recorder.receive();
  test::Rings rings;
  recorder.drain_into(rings);
  std::vector<std::uint64_t> numbers;
  for (const auto& each : test::TraceEvents(rings).of(trace_format::EventKind::Signal)) {
    numbers.push_back(each.event.id);
  }
  // On one ring, or on two.
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{SIGUSR1, SIGUSR2}));
}

TEST_P(SignalsTest, ATaskWaitsForASignalFromAnotherThread) {
  run([] {
    const Receiver<int> received = signals({SIGTERM});
    WaitGroup group;
    group.go([&] { EXPECT_EQ(received.recv(), std::optional(SIGTERM)); });
    test::wait_until_blocked(2);  // it and the runtime's own
    std::thread outside([] { send_to_self(SIGTERM); });
    group.wait();
    outside.join();
    EXPECT_TRUE(stop_signals(received));
  });
}

TEST_P(SignalsTest, EverySubscriberGetsIt) {
  run([] {
    const Receiver<int> first = signals({SIGUSR1});
    const Receiver<int> second = signals({SIGUSR1, SIGHUP});
    send_to_self(SIGUSR1);
    EXPECT_EQ(first.recv(), std::optional(SIGUSR1));
    EXPECT_EQ(second.recv(), std::optional(SIGUSR1));
    EXPECT_TRUE(stop_signals(first));
    send_to_self(SIGUSR1);  // not deadly: the second is still there
    EXPECT_EQ(second.recv(), std::optional(SIGUSR1));
    send_to_self(SIGHUP);
    EXPECT_EQ(second.recv(), std::optional(SIGHUP));
    EXPECT_TRUE(stop_signals(second));
    EXPECT_TRUE(at_default(SIGHUP));
  });
}

TEST_P(SignalsTest, SubscriptionsComeAndGo) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer keeps a signal with the fiber that it met";
  run([] {
    WaitGroup group;
    for (int t = 0; t < 4; ++t) {
      group.go([] {
        for (int i = 0; i < sized(60); ++i) {
          const Receiver<int> received = signals({SIGWINCH});
          send_to_self(SIGWINCH);
          ASSERT_EQ(received.recv(), std::optional(SIGWINCH));
          ASSERT_TRUE(stop_signals(received));
        }
      });
    }
    group.wait();
    EXPECT_TRUE(at_default(SIGWINCH));
  });
}

TEST_P(SignalsTest, TheEndOfTheRunPutsEverythingBack) {
  const test::Footprint before = test::footprint();
  for (int i = 0; i < 3; ++i) {
    ts::run(
        [] {
          const Receiver<int> received = signals({SIGUSR1});
          send_to_self(SIGUSR1);
          EXPECT_EQ(received.recv(), std::optional(SIGUSR1));
        },
        {.workers = workers()});
    EXPECT_TRUE(at_default(SIGUSR1));
  }
  EXPECT_EQ(test::footprint().descriptors, before.descriptors);
}

TEST_P(SignalsTest, WaitingForASignalIsNoDeadlock) {
  run([] {
    const Receiver<int> received = signals({SIGALRM});
    ualarm(30'000, 0);
    EXPECT_EQ(received.recv(), std::optional(SIGALRM));
    EXPECT_TRUE(stop_signals(received));
  });
}

TEST_P(SignalsTest, WhatCannotBeHandledPanics) {
  run([] {
    std::string message;
    try {
      static_cast<void>(signals({SIGKILL}));
    } catch (const Panic& panic) {
      message = panic.what();
    }
    EXPECT_EQ(message, "signal 9 cannot be handled");
    try {
      static_cast<void>(signals({SIGTERM, SIGURG}));
      ADD_FAILURE() << "SIGURG is the scheduler's";
    } catch (const Panic& panic) {
      EXPECT_STREQ(panic.what(),
                   "signal 23 cannot be handled: the scheduler preempts tasks with it");
    }
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
      EXPECT_THROW(static_cast<void>(signals({fault})), Panic) << fault;
    }
    EXPECT_THROW(static_cast<void>(signals({-1})), Panic);
    EXPECT_THROW(static_cast<void>(signals({0})), Panic);
    EXPECT_THROW(static_cast<void>(signals({65})), Panic);
  });
}

TEST_P(SignalsTest, WhatLibcKeepsForItselfPanicsAndSubscribesToNothing) {
  run([] {
    int kept = 0;
    for (int number = SIGSYS + 1; number < SIGRTMIN; ++number) {
      try {
        static_cast<void>(signals({SIGUSR1, number}));
        ADD_FAILURE() << number;
      } catch (const Panic& panic) {
        EXPECT_EQ(panic.what(), "signal " + std::to_string(number) + " cannot be handled");
      }
      ++kept;
    }
    EXPECT_GT(kept, 0);
    EXPECT_TRUE(at_default(SIGUSR1));
    const Receiver<int> received = signals({SIGRTMIN});
    send_to_self(SIGRTMIN);
    EXPECT_EQ(received.recv(), std::optional(SIGRTMIN));
    EXPECT_TRUE(stop_signals(received));
  });
}

}  // namespace
}  // namespace taskscope
