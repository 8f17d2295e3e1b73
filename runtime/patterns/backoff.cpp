#include "runtime/patterns/backoff.h"

#include <algorithm>

#include "runtime/sched/fatal.h"
#include "runtime/sched/timer.h"

namespace taskscope {
namespace {

// SplitMix64 (Steele, Lea, Flood): any seed will do.
std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15u;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Backoff::Backoff(const BackoffOptions& options)
    : options_(options),
      random_(options.seed),
      delay_ns_(static_cast<double>(options.first.count())) {
  if (options.first.count() < 0 || options.max.count() < 0 || !(options.factor >= 1) ||
      !(options.jitter >= 0 && options.jitter <= 1)) {
    sched::panic(
        "Backoff needs delays of at least 0, a factor of at least 1 and a jitter between 0 and 1");
  }
  if (random_ == 0) {
    // The time differs from one to the next, the stack from task to task.
    random_ = static_cast<std::uint64_t>(sched::now_ns()) ^
              (static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(this)) << 20);
  }
}

std::chrono::nanoseconds Backoff::next() {
  constexpr double kLongest = 0x1p62;  // 146 years; a larger double may not fit into 64 bits
  const double most_ns = std::min(static_cast<double>(options_.max.count()), kLongest);
  const double delay_ns = std::min(delay_ns_, most_ns);
  delay_ns_ = std::min(delay_ns_ * options_.factor, most_ns);
  const double chance = static_cast<double>(next_random(random_) >> 11) * 0x1p-53;  // 0 <= x < 1
  return std::chrono::nanoseconds(
      static_cast<std::int64_t>(delay_ns * (1 - options_.jitter * chance)));
}

}  // namespace taskscope
