// What the scheduler decided on one worker, instant by instant, and what it takes to draw any
// stretch of it: decisions that stand closer than a mark is wide become one group with counts.
//
// Groups are cut at multiples of a mark's width on the column grid, which is anchored at time zero,
// so panning does not regroup anything. Immutable after construction; usable from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "viewer/model/growing_array.h"
#include "viewer/model/time_range.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

// The one to be noticed first comes first: it gives a group its colour where there is room for one.
enum class DecisionKind : std::uint8_t {
  Preempt,   // took the worker from a task that ran too long
  Handoff,   // took it from a task in a call
  Takeover,  // another thread drives the worker from here on
  Steal,     // took tasks from another worker
  Wake,      // woke a worker
  Poll,      // the network made tasks ready
  Timers,    // timers were due
};
inline constexpr std::size_t kDecisionKinds = 7;

constexpr std::size_t index_of(DecisionKind kind) { return static_cast<std::size_t>(kind); }
std::string_view to_text(DecisionKind kind);  // as in legends: "steal"

struct Decision {
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  std::int64_t ns = 0;
  std::uint64_t amount = 1;     // tasks or timers; of a Takeover the OS thread
  std::uint32_t task = kNone;   // index: the first stolen, or who lost the worker
  std::uint32_t other = kNone;  // id of the worker that was stolen from, or woken
  DecisionKind kind = DecisionKind::Steal;

  friend bool operator==(const Decision&, const Decision&) = default;
};

// Decisions [first, last) of a track, which share one mark.
struct DecisionGroup {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  std::array<std::uint32_t, kDecisionKinds> counts{};

  std::uint32_t size() const { return last - first; }
  friend bool operator==(const DecisionGroup&, const DecisionGroup&) = default;
};

// What a group adds up to.
struct DecisionSums {
  std::array<std::uint32_t, kDecisionKinds> counts{};
  std::array<std::uint64_t, kDecisionKinds> amounts{};
};

class DecisionTrack {
 public:
  DecisionTrack() = default;
  explicit DecisionTrack(std::vector<Decision> decisions);  // in any order

  std::size_t size() const { return decisions_.size(); }
  bool empty() const { return decisions_.empty(); }
  const Decision& operator[](std::size_t at) const { return decisions_[at]; }

  // Of decisions [first, last); the cost does not depend on how many they are.
  DecisionSums sums(std::size_t first, std::size_t last) const;
  // The groups that touch columns [first, last), in order; each lies within `mark_px` columns. The
  // cost is bounded by the number of columns times the logarithm of the decisions.
  std::vector<DecisionGroup> groups(const ColumnGrid& grid, std::int64_t first, std::int64_t last,
                                    std::int64_t mark_px) const;

 private:
  friend class DecisionBuilder;
  DecisionSums sums_before(std::size_t at) const;

  // Constant after construction.
  SharedArray<Decision> decisions_;
  SharedArray<DecisionSums> blocks_;  // [b]: sums of all decisions before block b
};

// Fills a track, decision by decision. Owned by one thread.
class DecisionBuilder {
 public:
  // One that seems older than the one before gets its time.
  void add(Decision decision);
  // What there is; the builder goes on.
  DecisionTrack share() const;

 private:
  GrowingArray<Decision> decisions_;
  GrowingArray<DecisionSums> blocks_;
  DecisionSums sum_;
};

// How wide a mark is, in px, on a row whose spans are `span_height_px` high.
constexpr std::int64_t decision_mark_px(int span_height_px) {
  return span_height_px < 11 ? 6 : span_height_px * 10 / 18;
}

}  // namespace taskscope::viewer
