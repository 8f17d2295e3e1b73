// Everything at once, for as long as is wanted: TASKSCOPE_SOAK_SECONDS (default: two seconds in
// all), TASKSCOPE_SOAK_SEED. Each round is a run of its own with a random mix of tasks, and must
// leave nothing behind; every job is counted.
#include <gtest/gtest.h>

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

// One kind of work each; all end by counting the job.
class Soak {
 public:
  explicit Soak(std::uint64_t seed) : random_(seed) {}

  void run_round() {
    constexpr int kJobs = test::sized(2'000);
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
  const double seconds = static_cast<double>(from_environment("TASKSCOPE_SOAK_SECONDS", 2)) / 4;
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  const std::int64_t end = base::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::uint64_t round = 0;
  do {
    run([&] {
      Soak(seed + round).run_round();
      set_workers(workers());
    });
    ++round;
  } while (base::monotonic_ns() < end && !HasFailure());
  std::printf("%llu rounds\n", static_cast<unsigned long long>(round));
}

}  // namespace
}  // namespace taskscope
