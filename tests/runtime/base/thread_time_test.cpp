#include "runtime/base/thread_time.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "runtime/base/futex.h"

namespace taskscope::base {
namespace {

int own_id() { return static_cast<int>(syscall(SYS_gettid)); }

TEST(ThreadTime, OfTheThreadThatAsksGrowsAsItComputes) {
  const auto before = thread_time(own_id());
  ASSERT_TRUE(before);
  EXPECT_TRUE(before->runnable);
  auto after = before;
  // The kernel counts at its ticks.
  while (after && after->ran_ns - before->ran_ns < 20'000'000) after = thread_time(own_id());
  ASSERT_TRUE(after);
  EXPECT_GE(after->waited_ns, before->waited_ns);
}

TEST(ThreadTime, OfAThreadThatSleepsStands) {
  std::atomic<std::uint32_t> word{0};
  std::atomic<int> id{0};
  std::thread sleeper([&] {
    // The name is part of what the kernel says, and may look like the rest of it.
    pthread_setname_np(pthread_self(), "a) R 1 (b");
    id = own_id();
    while (word == 0) futex_wait(word, 0);
  });
  while (id == 0) sched_yield();
  auto time = thread_time(id);
  while (time && time->runnable) time = thread_time(id);
  ASSERT_TRUE(time);
  const std::int64_t ran_ns = time->ran_ns;
  for (int i = 0; i < 100; ++i) {
    sched_yield();
    time = thread_time(id);
    ASSERT_TRUE(time);
    EXPECT_FALSE(time->runnable);
    EXPECT_EQ(time->ran_ns, ran_ns);
  }
  word = 1;
  futex_wake(word, 1);
  sleeper.join();
}

TEST(ThreadTime, OfAThreadThatHasEndedIsUnknown) {
  int id = 0;
  std::thread([&] { id = own_id(); }).join();
  // The kernel may take a moment to forget it.
  while (thread_time(id)) sched_yield();
  EXPECT_FALSE(thread_time(0));
  EXPECT_FALSE(thread_time(-1));
}

}  // namespace
}  // namespace taskscope::base
