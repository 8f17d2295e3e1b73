#include "runtime/sched/poller.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using base::UniqueFd;
using sched::PollDesc;
using sched::PollMode;
using sched::PollResult;
using test::sized;

class PollerTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(PollerTest);

sched::Poller& poller() { return sched::current_thread()->scheduler().poller(); }

std::array<UniqueFd, 2> socket_pair() {
  int fds[2] = {};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void release(PollDesc* desc) {
  poller().retire(desc);
  poller().release(desc);
}

PollResult wait(PollDesc& desc, PollMode mode) {
  return desc.wait(mode, {.reason = trace_format::BlockReason::Network, .site = Site::here()});
}

void put(const UniqueFd& fd, char c = 'x') { ASSERT_EQ(write(fd.get(), &c, 1), 1); }

char get(PollDesc& desc, const UniqueFd& fd) {
  for (;;) {
    char c = 0;
    desc.prepare(PollMode::Read);
    if (read(fd.get(), &c, 1) == 1) return c;
    EXPECT_EQ(wait(desc, PollMode::Read), PollResult::Ready);
  }
}

TEST_P(PollerTest, ATaskWaitsUntilItsDescriptorIsReadable) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    UniqueFd& theirs = sockets[1];
    PollDesc* desc = poller().acquire(mine.get());
    WaitGroup group;
    group.go([&, desc] { EXPECT_EQ(get(*desc, mine), 'a'); });
    test::wait_until_blocked(1);
    put(theirs, 'a');
    group.wait();
    release(desc);
  });
}

TEST_P(PollerTest, AnEdgeThatComesBeforeTheWaitIsNotLost) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    UniqueFd& theirs = sockets[1];
    PollDesc* desc = poller().acquire(mine.get());
    EXPECT_EQ(wait(*desc, PollMode::Write), PollResult::Ready);  // now it is registered
    put(theirs);
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Ready);
    EXPECT_EQ(get(*desc, mine), 'x');
    release(desc);
  });
}

TEST_P(PollerTest, PairsOfTasksPlayPingPongOverSockets) {
  run([] {
    constexpr int kPairs = 20;
    constexpr int kRounds = sized(400);
    WaitGroup group;
    for (int i = 0; i < kPairs; ++i) {
      group.go([] {
        auto sockets = socket_pair();
        WaitGroup both;
        for (const bool serves : {true, false}) {
          both.go([&sockets, serves] {
            const UniqueFd& fd = sockets[serves ? 1 : 0];
            PollDesc* desc = poller().acquire(fd.get());
            for (int round = 0; round < kRounds; ++round) {
              if (serves) put(fd, static_cast<char>(round));
              ASSERT_EQ(get(*desc, fd), static_cast<char>(round));
              if (!serves) put(fd, static_cast<char>(round));
            }
            release(desc);
          });
        }
        both.wait();
      });
    }
    group.wait();
  });
}

TEST_P(PollerTest, CloseEndsTheWaitsOfBothDirections) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    std::array<char, 4096> filler{};
    while (write(mine.get(), filler.data(), filler.size()) > 0) {
    }
    PollDesc* desc = poller().acquire(mine.get());
    WaitGroup group;
    for (const PollMode mode : {PollMode::Read, PollMode::Write}) {
      group.go([&, mode, desc = desc] {
        desc->prepare(mode);
        EXPECT_EQ(wait(*desc, mode), PollResult::Closed);
      });
    }
    test::wait_until_blocked(2);
    desc->close();
    group.wait();
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Closed);
    release(desc);
  });
}

TEST_P(PollerTest, WhatTheKernelDoesNotWatchIsAFailure) {
  run([] {
    const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    PollDesc* desc = poller().acquire(file.get());
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Failed);
    EXPECT_EQ(desc->failure(), EPERM);
    release(desc);
  });
}

TEST_P(PollerTest, WaitingForADescriptorIsNoDeadlock) {
  run([] {
    // Nobody but the kernel can wake this program.
    const UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 30'000'000}};
    ASSERT_EQ(timerfd_settime(timer.get(), 0, &soon, nullptr), 0);
    PollDesc* desc = poller().acquire(timer.get());
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Ready);
    release(desc);
  });
}

TEST_P(PollerTest, ASleeperWakesWhileOthersWaitForDescriptors) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    UniqueFd& theirs = sockets[1];
    PollDesc* desc = poller().acquire(mine.get());
    WaitGroup group;
    group.go([&, desc] { get(*desc, mine); });
    for (int i = 0; i < 20; ++i) sleep(std::chrono::microseconds(300));
    put(theirs);
    group.wait();
    release(desc);
  });
}

TEST_P(PollerTest, AnotherThreadWakesAWorkerThatSleepsInThePoller) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    UniqueFd& theirs = sockets[1];
    PollDesc* desc = poller().acquire(mine.get());
    WaitGroup group;
    group.go([&, desc] { get(*desc, mine); });
    for (int i = 0; i < sized(400); ++i) {
      WaitGroup once;
      once.add(1);
      std::thread outside([&] { once.done(); });
      once.wait();
      outside.join();
    }
    put(theirs);
    group.wait();
    release(desc);
  });
}

TEST_P(PollerTest, DescriptorsAreUsedAgainWithoutOldEvents) {
  run([] {
    WaitGroup group;
    for (int t = 0; t < 8; ++t) {
      group.go([] {
        for (int i = 0; i < sized(2'000); ++i) {
          auto sockets = socket_pair();
          const UniqueFd& mine = sockets[0];
          UniqueFd& theirs = sockets[1];
          PollDesc* desc = poller().acquire(mine.get());
          go([fd = std::move(theirs)] { put(fd, 'y'); });
          ASSERT_EQ(get(*desc, mine), 'y');
          release(desc);
        }
      });
    }
    group.wait();
  });
}

TEST_P(PollerTest, TasksOfABusyWorkerDoNotKeepTheNetworkWaiting) {
  run([] {
    auto sockets = socket_pair();
    const UniqueFd& mine = sockets[0];
    UniqueFd& theirs = sockets[1];
    PollDesc* desc = poller().acquire(mine.get());
    std::atomic<bool> done{false};
    WaitGroup group;
    for (int i = 0; i < 16; ++i) {
      group.go([&] {
        while (!done) yield();
      });
    }
    group.go([&, desc] {
      get(*desc, mine);
      done = true;
    });
    group.go([&] { put(theirs); });
    group.wait();
    release(desc);
  });
}

}  // namespace
}  // namespace taskscope
