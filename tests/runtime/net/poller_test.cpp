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

PollResult wait(PollDesc& desc, PollMode mode) {
  return desc.wait(mode, {.reason = trace_format::BlockReason::Network, .site = Site::here()});
}

// What the poller knows of a descriptor, until it goes out of scope.
class Watch {
 public:
  explicit Watch(const UniqueFd& fd) : desc_(poller().acquire(fd.get())) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    poller().retire(desc_);
    poller().release(desc_);
  }
  PollDesc& operator*() const { return *desc_; }
  PollDesc* operator->() const { return desc_; }

 private:
  PollDesc* desc_;
};

// Two connected sockets, the first of which is watched.
struct Link {
  std::array<UniqueFd, 2> sockets = socket_pair();
  UniqueFd& mine = sockets[0];
  UniqueFd& theirs = sockets[1];
  Watch desc{mine};
};

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
    Link link;
    WaitGroup group;
    group.go([&] { EXPECT_EQ(get(*link.desc, link.mine), 'a'); });
    test::wait_until_blocked(1);
    put(link.theirs, 'a');
    group.wait();
  });
}

TEST_P(PollerTest, AnEdgeThatComesBeforeTheWaitIsNotLost) {
  run([] {
    Link link;
    EXPECT_EQ(wait(*link.desc, PollMode::Write), PollResult::Ready);  // now it is registered
    put(link.theirs);
    EXPECT_EQ(wait(*link.desc, PollMode::Read), PollResult::Ready);
    EXPECT_EQ(get(*link.desc, link.mine), 'x');
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
            const Watch desc(fd);
            for (int round = 0; round < kRounds; ++round) {
              if (serves) put(fd, static_cast<char>(round));
              ASSERT_EQ(get(*desc, fd), static_cast<char>(round));
              if (!serves) put(fd, static_cast<char>(round));
            }
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
    const Watch desc(mine);
    WaitGroup group;
    for (const PollMode mode : {PollMode::Read, PollMode::Write}) {
      group.go([&, mode] {
        desc->prepare(mode);
        EXPECT_EQ(wait(*desc, mode), PollResult::Closed);
      });
    }
    test::wait_until_blocked(2);
    desc->close();
    group.wait();
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Closed);
  });
}

TEST_P(PollerTest, WhatTheKernelDoesNotWatchIsAFailure) {
  run([] {
    const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    const Watch desc(file);
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Failed);
    EXPECT_EQ(desc->failure(), EPERM);
  });
}

TEST_P(PollerTest, WaitingForADescriptorIsNoDeadlock) {
  run([] {
    // Nobody but the kernel can wake this program.
    const UniqueFd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    const itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 30'000'000}};
    ASSERT_EQ(timerfd_settime(timer.get(), 0, &soon, nullptr), 0);
    const Watch desc(timer);
    EXPECT_EQ(wait(*desc, PollMode::Read), PollResult::Ready);
  });
}

TEST_P(PollerTest, ASleeperWakesWhileOthersWaitForDescriptors) {
  run([] {
    Link link;
    WaitGroup group;
    group.go([&] { get(*link.desc, link.mine); });
    for (int i = 0; i < 20; ++i) sleep(std::chrono::microseconds(300));
    put(link.theirs);
    group.wait();
  });
}

TEST_P(PollerTest, AnotherThreadWakesAWorkerThatSleepsInThePoller) {
  run([] {
    Link link;
    WaitGroup group;
    group.go([&] { get(*link.desc, link.mine); });
    for (int i = 0; i < sized(400); ++i) {
      WaitGroup once;
      once.add(1);
      std::thread outside([&] { once.done(); });
      once.wait();
      outside.join();
    }
    put(link.theirs);
    group.wait();
  });
}

TEST_P(PollerTest, DescriptorsAreUsedAgainWithoutOldEvents) {
  run([] {
    WaitGroup group;
    for (int t = 0; t < 8; ++t) {
      group.go([] {
        for (int i = 0; i < sized(2'000); ++i) {
          Link link;
          go([fd = std::move(link.theirs)] { put(fd, 'y'); });
          ASSERT_EQ(get(*link.desc, link.mine), 'y');
        }
      });
    }
    group.wait();
  });
}

TEST_P(PollerTest, TasksOfABusyWorkerDoNotKeepTheNetworkWaiting) {
  run([] {
    Link link;
    std::atomic<bool> done{false};
    WaitGroup group;
    for (int i = 0; i < 16; ++i) {
      group.go([&] {
        while (!done) yield();
      });
    }
    group.go([&] {
      get(*link.desc, link.mine);
      done = true;
    });
    group.go([&] { put(link.theirs); });
    group.wait();
  });
}

}  // namespace
}  // namespace taskscope
