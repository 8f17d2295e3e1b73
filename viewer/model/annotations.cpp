#include "viewer/model/annotations.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "runtime/base/check.h"

namespace taskscope::viewer {
namespace {

// A region on its way into a track.
struct Placed {
  AnnotatedTask task;
  std::optional<std::int64_t> start_ns;
  std::optional<std::int64_t> end_ns;
  std::uint32_t detail = 0;
  std::uint8_t lane = 0;

  std::int64_t known_ns() const { return start_ns.value_or(end_ns.value_or(task.from_ns)); }
};

bool stands_before(const Placed& a, const Placed& b) {
  if (a.task.index != b.task.index) return a.task.index < b.task.index;
  if (a.lane != b.lane) return a.lane < b.lane;
  return a.known_ns() < b.known_ns();
}

// Numbers details in the order in which they are met.
class Details {
 public:
  explicit Details(std::vector<RegionDetail>& to) : to_(to) {}
  std::uint32_t number_of(const RegionDetail& detail) {
    const auto [at, fresh] =
        numbers_.try_emplace(detail, static_cast<std::uint32_t>(numbers_.size()));
    if (fresh) to_.push_back(detail);
    return at->second;
  }

 private:
  std::vector<RegionDetail>& to_;
  std::map<RegionDetail, std::uint32_t> numbers_;
};

// The region around an instant of those one lane above; nullptr: none that is known.
const TimeRange* around(const std::vector<TimeRange>& outer, std::int64_t ns) {
  const auto after =
      std::upper_bound(outer.begin(), outer.end(), ns,
                       [](std::int64_t at, const TimeRange& range) { return at < range.start_ns; });
  if (after == outer.begin()) return nullptr;
  const TimeRange& range = *(after - 1);
  return ns <= range.end_ns ? &range : nullptr;
}

// Where the regions [first, last) of one task and lane stand. An edge that is not known is as far
// away as it can be: at the neighbour, at the region around it, or where the task begins or ends.
std::vector<TimeRange> placed_ranges(const Placed* first, const Placed* last,
                                     const std::vector<TimeRange>& outer) {
  std::vector<TimeRange> ranges;
  for (const Placed* region = first; region != last; ++region) {
    TimeRange limits{region->task.from_ns, region->task.to_ns};
    if (const TimeRange* in = around(outer, region->known_ns())) limits = *in;
    if (!ranges.empty()) limits.start_ns = std::max(limits.start_ns, ranges.back().end_ns);
    if (region + 1 != last) limits.end_ns = std::min(limits.end_ns, region[1].known_ns());
    TimeRange range{region->start_ns.value_or(limits.start_ns),
                    region->end_ns.value_or(limits.end_ns)};
    // Tracks have no overlaps; damaged files may.
    if (!ranges.empty()) range.start_ns = std::max(range.start_ns, ranges.back().end_ns);
    range.end_ns = std::max(range.end_ns, range.start_ns);
    ranges.push_back(range);
  }
  return ranges;
}

}  // namespace

std::size_t region_color(std::string_view name) {
  std::uint32_t hash = 2'166'136'261;  // FNV-1a: the same on every machine
  for (const char c : name) hash = (hash ^ static_cast<std::uint8_t>(c)) * 16'777'619;
  return (hash ^ hash >> 15) % kRegionColors;
}

Annotations::Annotations(AnnotationRows rows, const FindAnnotated& find)
    : arena_(std::make_unique<PackedArena>()), names_{"region of unknown name"} {
  std::unordered_map<store::NameId, std::uint32_t> numbers;
  for (store::NameRow& row : rows.names) {
    numbers[row.id] = static_cast<std::uint32_t>(names_.size());
    names_.push_back(std::move(row.text));
  }
  for (store::RegionRow& row : rows.regions) {
    const auto name = numbers.find(row.name_id);
    row.name_id = name == numbers.end() ? 0 : name->second;
  }
  add_regions(std::move(rows.regions), find);
  logs_ = LogTable(std::move(rows.logs), [&](store::TaskId id) {
    const std::optional<AnnotatedTask> task = find(id);
    return task ? std::optional(task->index) : std::nullopt;
  });
  add_counters(std::move(rows.counters), rows.samples);
  labels_ = std::move(rows.labels);
  std::stable_sort(labels_.begin(), labels_.end(),
                   [](const auto& a, const auto& b) { return a.set_id < b.set_id; });
}

void Annotations::add_counters(std::vector<store::CounterRow> rows,
                               const std::vector<store::CounterSample>& samples) {
  std::unordered_map<store::NameId, ValueTrack::Samples> by_counter;
  for (const store::CounterSample& sample : samples) {
    by_counter[sample.counter_id].emplace_back(sample.ns, sample.value);
  }
  for (store::CounterRow& row : rows) {
    const auto found = by_counter.find(row.id);
    if (found == by_counter.end()) continue;
    counters_.push_back({std::move(row.name), std::move(row.unit), ValueTrack(found->second)});
  }
}

std::span<const store::LabelRow> Annotations::labels_of(store::LabelSetId set) const {
  const auto first = std::partition_point(labels_.begin(), labels_.end(),
                                          [&](const auto& row) { return row.set_id < set; });
  const auto last = std::partition_point(first, labels_.end(),
                                         [&](const auto& row) { return row.set_id == set; });
  return {first, last};
}

std::string Annotations::labels_text(store::LabelSetId set) const {
  std::string text;
  for (const store::LabelRow& row : labels_of(set)) {
    text += (text.empty() ? "" : ", ") + row.key + "=" + row.value;
  }
  return text;
}

// REQUIRES: name_id is a number of names_.
void Annotations::add_regions(std::vector<store::RegionRow> rows, const FindAnnotated& find) {
  Details details(details_);
  std::vector<Placed> placed;
  placed.reserve(rows.size());
  for (const store::RegionRow& row : rows) {
    const std::optional<AnnotatedTask> task = find(row.task_id);
    if (!task || row.depth == 0) {
      ++skipped_regions_;
    } else if (row.depth > kRegionLanes) {
      ++deeper_regions_;
    } else {
      const RegionDetail detail{static_cast<std::uint32_t>(row.name_id), row.site_id,
                                row.start_ns.has_value(), row.end_ns.has_value()};
      placed.push_back({*task, row.start_ns, row.end_ns, details.number_of(detail),
                        static_cast<std::uint8_t>(row.depth - 1)});
    }
  }
  std::vector<store::RegionRow>().swap(rows);
  std::stable_sort(placed.begin(), placed.end(), stands_before);
  region_count_ = placed.size();
  std::vector<TimeRange> outer;
  for (std::size_t first = 0; first < placed.size();) {
    const Placed& one = placed[first];
    std::size_t last = first;
    while (last < placed.size() && placed[last].task.index == one.task.index &&
           placed[last].lane == one.lane) {
      ++last;
    }
    const bool fresh = regions_.empty() || regions_.back().first != one.task.index;
    if (fresh) regions_.emplace_back(one.task.index, RegionTracks{});
    if (fresh || one.lane == 0) outer.clear();
    const std::vector<TimeRange> ranges =
        placed_ranges(&placed[first], placed.data() + last, outer);
    TrackBuilder builder;
    for (std::size_t at = first; at < last; ++at) {
      const TimeRange& range = ranges[at - first];
      const std::uint32_t detail = placed[at].detail;
      builder.add({.start_ns = range.start_ns,
                   .end_ns = range.end_ns,
                   .payload = detail,
                   .state_class = static_cast<StateClass>(region_color(region_name(detail)))},
                  *arena_);
    }
    regions_.back().second[one.lane] = builder.finish(*arena_);
    lanes_ = std::max<std::size_t>(lanes_, one.lane + 1);
    outer = ranges;
    first = last;
  }
}

const RegionTracks* Annotations::regions_of(std::uint32_t task) const {
  const auto at =
      std::lower_bound(regions_.begin(), regions_.end(), task,
                       [](const auto& entry, std::uint32_t of) { return entry.first < of; });
  return at == regions_.end() || at->first != task ? nullptr : &at->second;
}

std::string_view Annotations::region_name(std::uint32_t payload) const {
  return names_[details_[payload].name];
}

std::string Annotations::regions_text(std::uint32_t task, std::int64_t ns) const {
  std::string text;
  const RegionTracks* tracks = regions_of(task);
  if (tracks == nullptr) return text;
  for (const Track& track : *tracks) {
    const std::size_t at = track.span_at(ns);
    if (at == track.size()) continue;
    text += text.empty() ? "" : " › ";
    text += region_name(track[at].payload);
  }
  return text;
}

}  // namespace taskscope::viewer
