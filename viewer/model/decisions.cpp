#include "viewer/model/decisions.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace taskscope::viewer {
namespace {

std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  const std::int64_t rest = value % step;
  return value - (rest < 0 ? rest + step : rest);
}

void add_to(DecisionSums& sums, const Decision& decision) {
  ++sums.counts[index_of(decision.kind)];
  sums.amounts[index_of(decision.kind)] += decision.amount;
}

}  // namespace

std::string_view to_text(DecisionKind kind) {
  switch (kind) {
    case DecisionKind::Preempt:
      return "preemption";
    case DecisionKind::Handoff:
      return "hand-off";
    case DecisionKind::Takeover:
      return "another thread";
    case DecisionKind::Steal:
      return "steal";
    case DecisionKind::Wake:
      return "wakes a worker";
    case DecisionKind::Poll:
      return "network";
    case DecisionKind::Timers:
      return "timers";
  }
  TASKSCOPE_CHECK(false);
}

DecisionTrack::DecisionTrack(std::vector<Decision> decisions) {
  std::stable_sort(decisions.begin(), decisions.end(),
                   [](const Decision& a, const Decision& b) { return a.ns < b.ns; });
  DecisionBuilder builder;
  for (const Decision& decision : decisions) builder.add(decision);
  *this = builder.share();
}

void DecisionBuilder::add(Decision decision) {
  TASKSCOPE_CHECK(decisions_.size() < Decision::kNone);
  if (!decisions_.empty()) decision.ns = std::max(decision.ns, decisions_.back().ns);
  if (decisions_.size() % kBlockSpans == 0) blocks_.push_back(sum_);
  add_to(sum_, decision);
  decisions_.push_back(decision);
}

DecisionTrack DecisionBuilder::share() const {
  DecisionTrack track;
  track.decisions_ = decisions_.share();
  track.blocks_ = blocks_.share();
  return track;
}

DecisionSums DecisionTrack::sums_before(std::size_t at) const {
  if (at == 0) return {};
  const std::size_t block = (at - 1) / kBlockSpans;
  DecisionSums sum = blocks_[block];
  for (std::size_t i = block * kBlockSpans; i < at; ++i) add_to(sum, decisions_[i]);
  return sum;
}

DecisionSums DecisionTrack::sums(std::size_t first, std::size_t last) const {
  DecisionSums sum;
  if (last - first <= kBlockSpans) {
    for (std::size_t at = first; at < last; ++at) add_to(sum, decisions_[at]);
    return sum;
  }
  sum = sums_before(last);
  const DecisionSums before = sums_before(first);
  for (std::size_t kind = 0; kind < kDecisionKinds; ++kind) {
    sum.counts[kind] -= before.counts[kind];
    sum.amounts[kind] -= before.amounts[kind];
  }
  return sum;
}

std::vector<DecisionGroup> DecisionTrack::groups(const ColumnGrid& grid, std::int64_t first,
                                                 std::int64_t last, std::int64_t mark_px) const {
  std::vector<DecisionGroup> groups;
  const auto from = [&](std::size_t at, std::int64_t ns) {
    return static_cast<std::size_t>(
        std::lower_bound(decisions_.begin() + at, decisions_.end(), ns,
                         [](const Decision& a, std::int64_t value) { return a.ns < value; }) -
        decisions_.begin());
  };
  std::size_t at = from(0, grid.left_ns(floor_to(first, mark_px)));
  while (at < decisions_.size()) {
    const std::int64_t column = grid.column_of(decisions_[at].ns);
    if (column >= last) break;
    const std::size_t next = from(at + 1, grid.left_ns(floor_to(column, mark_px) + mark_px));
    groups.push_back(
        {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(next), sums(at, next).counts});
    at = next;
  }
  return groups;
}

}  // namespace taskscope::viewer
