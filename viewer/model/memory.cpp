#include "viewer/model/memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "viewer/analysis/duration_text.h"

namespace taskscope::viewer {
namespace {

using analysis::bytes_text;
using analysis::duration_text;
using store::GcPhase;

// Adds what of the phase lies behind what is there already: damaged files, and phases that lie
// within others.
void add_behind(TrackBuilder& builder, const store::GcPhaseRow& row, std::uint32_t collection,
                PackedArena& arena) {
  const std::int64_t start_ns =
      builder.size() == 0 ? row.start_ns : std::max(row.start_ns, builder.end_ns());
  if (row.end_ns < start_ns) return;
  builder.add({.start_ns = start_ns,
               .end_ns = row.end_ns,
               .payload = collection,
               .state_class = class_of(row.phase)},
              arena);
}

}  // namespace

Memory::Memory(MemoryRows rows, std::int64_t end_ns)
    : arena_(std::make_unique<PackedArena>()), sites_(std::move(rows.sites)) {
  for (store::GcCycleRow& row : rows.cycles) {
    Collection collection{.row = std::move(row), .range = {}};
    // What is not known reaches as far as it can.
    collection.range = {collection.row.start_ns.value_or(0),
                        collection.row.end_ns.value_or(end_ns)};
    collections_.push_back(std::move(collection));
  }
  std::stable_sort(collections_.begin(), collections_.end(), [](const auto& a, const auto& b) {
    return a.range.start_ns < b.range.start_ns;
  });
  std::stable_sort(rows.phases.begin(), rows.phases.end(),
                   [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });
  add_phases(rows.phases);
}

void Memory::add_phases(const std::vector<store::GcPhaseRow>& rows) {
  std::unordered_map<store::GcCycleId, std::uint32_t> numbers;
  for (std::uint32_t at = 0; at < collections_.size(); ++at) {
    numbers.emplace(collections_[at].row.id, at);
  }
  TrackBuilder phases;
  TrackBuilder pauses;
  for (const store::GcPhaseRow& row : rows) {
    const auto number = numbers.find(row.cycle_id);
    if (number == numbers.end() || row.phase == GcPhase::Unknown || row.end_ns < row.start_ns) {
      continue;
    }
    Collection& collection = collections_[number->second];
    const std::int64_t length_ns = row.end_ns - row.start_ns;
    collection.phase_ns[static_cast<std::size_t>(class_of(row.phase))] += length_ns;
    if (row.phase == GcPhase::Assist) {
      ++collection.assists;
      continue;  // on the rows of tasks
    }
    if (row.phase == GcPhase::Pause) {
      ++collection.pauses;
      collection.longest_pause_ns = std::max(collection.longest_pause_ns, length_ns);
    }
    add_behind(row.phase == GcPhase::Pause ? pauses : phases, row, number->second, *arena_);
  }
  phases_ = phases.finish(*arena_);
  pauses_ = pauses.finish(*arena_);
}

std::optional<std::uint32_t> Memory::collection_in(TimeRange range) const {
  const auto after = std::upper_bound(
      collections_.begin(), collections_.end(), range.end_ns,
      [](std::int64_t ns, const Collection& one) { return ns < one.range.start_ns; });
  if (after == collections_.begin()) return std::nullopt;
  const auto last = after - 1;
  if (last->range.end_ns < range.start_ns) return std::nullopt;
  return static_cast<std::uint32_t>(last - collections_.begin());
}

std::size_t Memory::count_in(TimeRange range) const {
  const auto begun_before = [&](std::int64_t ns) {
    return std::partition_point(collections_.begin(), collections_.end(),
                                [&](const Collection& one) { return one.range.start_ns < ns; });
  };
  const auto first = begun_before(range.start_ns);
  const bool under_way =
      first != collections_.begin() && (first - 1)->range.end_ns > range.start_ns;
  return static_cast<std::size_t>(begun_before(range.end_ns) - first) + (under_way ? 1 : 0);
}

std::optional<std::uint32_t> Memory::find_collection(store::GcCycleId id) const {
  const auto at = std::find_if(collections_.begin(), collections_.end(),
                               [&](const Collection& one) { return one.row.id == id; });
  if (at == collections_.end()) return std::nullopt;
  return static_cast<std::uint32_t>(at - collections_.begin());
}

std::int64_t Memory::paused_ns(TimeRange range) const {
  const ClassTimes times = pauses_.times_in(range);
  return times[index_of(class_of(GcPhase::Pause))];
}

std::string collection_title(const Collection& collection) {
  return fmt::format("Collection {}{}", store::own_id(collection.row.id),
                     collection.row.forced.value_or(false) ? ", asked for" : "");
}

std::string collection_amounts(const Collection& collection) {
  const store::GcCycleRow& row = collection.row;
  std::string text;
  if (row.before_bytes && row.live_bytes) {
    text = fmt::format("{} to {}", bytes_text(*row.before_bytes), bytes_text(*row.live_bytes));
  } else if (row.before_bytes) {
    text = fmt::format("{} when it began", bytes_text(*row.before_bytes));
  } else if (row.live_bytes) {
    text = fmt::format("{} when it ended", bytes_text(*row.live_bytes));
  }
  if (row.freed_bytes) {
    text += fmt::format("{}{} freed", text.empty() ? "" : ", ", bytes_text(*row.freed_bytes));
  }
  return text;
}

std::string collection_phases(const Collection& collection) {
  std::vector<std::pair<std::int64_t, GcPhase>> phases;
  for (const GcPhase phase :
       {GcPhase::Handshake, GcPhase::Mark, GcPhase::Sweep, GcPhase::Destroy, GcPhase::Assist}) {
    if (collection.ns_of(phase) > 0) phases.emplace_back(collection.ns_of(phase), phase);
  }
  std::stable_sort(phases.begin(), phases.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string text;
  for (const auto& [ns, phase] : phases) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_text(phase), duration_text(ns));
  }
  return text;
}

}  // namespace taskscope::viewer
