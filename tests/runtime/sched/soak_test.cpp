// Everything at once, for as long as is wanted: TASKSCOPE_SOAK_SECONDS (default: two seconds in
// all; a sanitizer takes an eighth of what is asked for), TASKSCOPE_SOAK_SEED. Each round is a run
// of its own with a random mix of tasks, and must leave nothing behind: no task, stack, thread,
// descriptor, reservation (RuntimeTest) and no bytes of the heap; every job is counted.
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "runtime/base/clock.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::size_t heap_bytes() { return mallinfo2().uordblks; }

// Not from the heap; given back with their stacks.
[[gnu::noinline]] int dig(int kib) {
  volatile char frame[1024];
  frame[0] = 1;
  return kib == 0 ? 0 : dig(kib - 1) + frame[0];
}

// One kind of work each; all end by counting the job.
class Soak {
 public:
  explicit Soak(std::uint64_t seed) : random_(seed) {}

  void run_round() {
    constexpr int kJobs = test::sized(1'000);
    WaitGroup group;
    Mutex mutex;
    auto chan = make_chan<int>(random_() % 3);
    std::atomic<int> done{0};
    int guarded = 0;
    group.go([&, chan] {
      for ([[maybe_unused]] int value : chan) ++done;
    });
    WaitGroup jobs;
    for (int i = 0; i < kJobs; ++i) {
      const unsigned pick = random_() % 100;
      if (pick == 99) set_workers(1 + random_() % 8);
      jobs.go([&, chan, pick] {
        work(pick);
        {
          const std::scoped_lock lock(mutex);
          ++guarded;
        }
        chan.send(1);
      });
    }
    jobs.wait();
    chan.close();
    group.wait();
    EXPECT_EQ(guarded, kJobs);
    EXPECT_EQ(done, kJobs);
  }

 private:
  static void work(unsigned pick) {
    if (pick < 20) {
      yield();
    } else if (pick < 30) {
      sleep(std::chrono::microseconds(pick));
    } else if (pick < 40) {
      blocking([] { return base::monotonic_ns(); });
    } else if (pick < 42) {
      blocking_long([] {
        const timespec moment{.tv_sec = 0, .tv_nsec = 50'000};
        clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
      });
    } else if (pick < 60) {
      WaitGroup children;
      for (int i = 0; i < 3; ++i) children.go([] { yield(); });
      children.wait();
    } else if (pick < 65) {
      int ends[2];
      ASSERT_EQ(pipe(ends), 0);
      blocking([&] { EXPECT_EQ(write(ends[1], "x", 1), 1); });
      close(ends[0]);
      close(ends[1]);
    } else if (pick < 70) {
      EXPECT_EQ(dig(100), 100);
      sleep(std::chrono::microseconds(10 * pick));
      EXPECT_EQ(dig(100), 100);
    } else if (pick < 75) {
      const auto [context, cancel] = with_timeout(background(), std::chrono::microseconds(pick));
      static_cast<void>(context.done().recv());
      cancel();
    } else if (pick == 98) {  // long enough to lose its worker now and then
      const std::int64_t end = base::monotonic_ns() + 12'000'000;
      while (base::monotonic_ns() < end) checkpoint();
    } else if (pick == 97) {
      const std::int64_t end = base::monotonic_ns() + 12'000'000;
      while (base::monotonic_ns() < end) {
      }
    }
  }

  std::mt19937_64 random_;
};

class SoakTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SoakTest);

TEST_P(SoakTest, NothingIsLostAndNothingIsLeft) {
  const std::uint64_t seed = from_environment("TASKSCOPE_SOAK_SEED", 20'26);
  const double asked = static_cast<double>(from_environment("TASKSCOPE_SOAK_SECONDS", 2));
  const double seconds = (TASKSCOPE_ASAN || TASKSCOPE_TSAN ? asked / 8 : asked) / 4;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::int64_t end = base::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::uint64_t round = 0;
  std::size_t heap_after_first = 0;
  do {
    run([&] {
      // So that parked stacks are looked at all the time.
      sched::current_thread()->scheduler().monitor().parked_stacks().give_back_after(0);
      Soak(seed + round).run_round();
      set_workers(workers());
    });
    if (round == 0) heap_after_first = heap_bytes();
    ++round;
  } while ((base::monotonic_ns() < end || round < 2) && !HasFailure());
  // What the C library keeps for itself varies a little.
  if (!TASKSCOPE_ASAN && !TASKSCOPE_TSAN) {
    EXPECT_LE(heap_bytes(), heap_after_first + (std::size_t{64} << 10));
  }
  std::printf("%llu rounds\n", static_cast<unsigned long long>(round));
}

}  // namespace
}  // namespace taskscope
