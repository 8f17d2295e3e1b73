// One question that is asked of a whole recording, and what its answers have in common.
//
// A check is given every span and the events it wants, chunk by chunk (so nearly, but not quite, in
// the order of time), and says at the end what it has found. It keeps sums, never spans. One thread
// at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "recorder/store/rows.h"
#include "runtime/base/result.h"
#include "viewer/analysis/facts.h"
#include "viewer/analysis/limits.h"

namespace taskscope::analysis {

class Check {
 public:
  Check() = default;
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;
  virtual ~Check() = default;

  // Of one chunk.
  virtual void add(std::span<const store::Span> spans, std::span<const store::EventRow> events) = 0;
  // Appends what is wrong, without ids.
  virtual Result<void> finish(const Facts& facts, std::vector<store::FindingRow>& found) = 0;
};

// How much of something there was in each window of time. Windows that are four behind the newest
// are over; what comes for them later is left out, so that it never says too much.
class WindowSums {
 public:
  void add(std::int64_t ns, std::int64_t amount, std::int64_t window_ns, std::int64_t threshold) {
    total_ += amount;
    first_ns_ = std::min(first_ns_, ns);
    last_ns_ = std::max(last_ns_, ns);
    const std::int64_t window = ns / window_ns;
    Open& slot = open_[static_cast<std::uint64_t>(window) % open_.size()];
    if (window < slot.window) return;
    if (window > slot.window) slot = {.window = window, .sum = 0};
    const std::int64_t before = slot.sum;
    slot.sum += amount;
    peak_ = std::max(peak_, slot.sum);
    if (before < threshold && slot.sum >= threshold) ++reached_;
  }

  std::int64_t reached() const { return reached_; }  // windows with at least the threshold
  std::int64_t peak() const { return peak_; }        // of one window
  std::int64_t total() const { return total_; }
  std::int64_t first_ns() const { return first_ns_; }  // REQUIRES: something was added
  std::int64_t last_ns() const { return last_ns_; }

 private:
  struct Open {
    std::int64_t window = -1;
    std::int64_t sum = 0;
  };
  std::array<Open, 4> open_;
  std::int64_t reached_ = 0;
  std::int64_t peak_ = 0;
  std::int64_t total_ = 0;
  std::int64_t first_ns_ = INT64_MAX;
  std::int64_t last_ns_ = 0;
};

// INT64_MAX where it is more: limits are whatever somebody typed.
inline std::int64_t product(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? INT64_MAX : result;
}

// Rates are no matter of how busy the machine was, which only lowers them: a short recording has
// shorter windows. One that is over before three of 200 ms is too short to speak of rates.
inline std::int64_t rate_window_ns(const FindingLimits& limits, std::int64_t duration_ns) {
  constexpr std::int64_t kShortestNs = 200'000'000;
  return std::min(limits.window, std::max(duration_ns / 4, kShortestNs));
}
// So many in a window make `per_second`.
inline std::int64_t in_window(std::int64_t per_second, std::int64_t window_ns) {
  return std::max<std::int64_t>(static_cast<std::int64_t>(static_cast<double>(per_second) *
                                                          static_cast<double>(window_ns) / 1e9),
                                1);
}
// The other way round, for people: to three digits, as windows are cut where they are.
inline std::uint64_t per_second(std::int64_t in_one_window, std::int64_t window_ns) {
  const double rate = static_cast<double>(in_one_window) * 1e9 / static_cast<double>(window_ns);
  double step = 1;
  while (rate / step >= 1000) step *= 10;
  return static_cast<std::uint64_t>(std::llround(rate / step) * std::llround(step));
}

}  // namespace taskscope::analysis
