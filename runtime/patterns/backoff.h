// Backoff: how long to wait before the next attempt: longer each time, and never quite the same.
//
//   ts::Backoff backoff({.first = 100ms, .max = 10s});
//   while (!connect()) {
//     if (!ts::sleep(ctx, backoff.next())) return;
//   }
//   backoff.reset();  // the next delay is the first again
//
// The n-th delay is first * factor^(n-1), at most max; of that, the part that `jitter` says is left
// to chance, so that those who failed together do not come back together. ts::retry does the whole
// loop. A value that belongs to one task at a time.
#pragma once

#include <chrono>
#include <cstdint>

namespace taskscope {

struct BackoffOptions {
  std::chrono::nanoseconds first = std::chrono::milliseconds(100);
  std::chrono::nanoseconds max = std::chrono::seconds(10);
  double factor = 2;
  // Between 0, no chance at all, and 1: anything between nothing and the whole delay.
  double jitter = 0.5;
  // The same seed gives the same delays; 0: others each time.
  std::uint64_t seed = 0;
};

class Backoff {
 public:
  // Panics if the options make no sense: a negative delay, a factor below 1, a jitter outside 0..1.
  explicit Backoff(const BackoffOptions& options = {});

  // The next delay: evenly distributed between (1 - jitter) * d and d.
  std::chrono::nanoseconds next();
  // The next delay is the first again; chance goes on.
  void reset() { delay_ns_ = static_cast<double>(options_.first.count()); }

 private:
  BackoffOptions options_;
  std::uint64_t random_;
  double delay_ns_;
};

}  // namespace taskscope
