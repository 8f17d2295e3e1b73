// What a program said of itself while it ran: regions, which are named parts of what its tasks did,
// lines of a log, counters, and labels of tasks.
//
// The regions of a task are packed into one track for each of their first depths (track.h), so that
// a million of them are drawn at the cost of spans; deeper ones are for SQL. In these tracks a
// span's StateClass is no state: it is the number of a colour, which follows from the name alone.
//
// Built at once by a loader thread, immutable from then on; usable from any thread. Tasks are
// indices into TraceSession::tasks().
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/model/logs.h"
#include "viewer/model/packed_arena.h"
#include "viewer/model/track.h"
#include "viewer/model/value_track.h"

namespace taskscope::viewer {

inline constexpr std::size_t kRegionLanes = 3;  // depths that are drawn
inline constexpr std::size_t kRegionColors = kStateClasses;

// px of a lane, on a row whose spans are `span_height_px` high.
constexpr int region_lane_px(int span_height_px) { return span_height_px * 13 / 18; }

// px of its bars: a line stays free above them.
constexpr int region_bar_px(int lane_px) { return lane_px - 1; }

// Which of the theme's colours a name has, whatever else there is.
std::size_t region_color(std::string_view name);

// What regions have beyond their times; a region's payload in its track is the number of one.
struct RegionDetail {
  std::uint32_t name = 0;  // into names; 0: not known
  store::SiteId site_id = 0;
  bool start_known = true;  // else it began before the recording, or its beginning was lost
  bool end_known = true;    // else the task or the recording ended in it, or its end was lost

  friend auto operator<=>(const RegionDetail&, const RegionDetail&) = default;
};

// A region as it is drawn: of a task, by its depth (from 0 on) and place in that track.
struct RegionAt {
  std::uint32_t lane = 0;
  std::uint32_t index = 0;

  friend bool operator==(const RegionAt&, const RegionAt&) = default;
};

using RegionTracks = std::array<Track, kRegionLanes>;

// The rows that annotations are made from.
struct AnnotationRows {
  std::vector<store::NameRow> names;
  std::vector<store::RegionRow> regions;
  std::vector<store::LogRow> logs;
  std::vector<store::CounterRow> counters;
  std::vector<store::CounterSample> samples;  // by time
  std::vector<store::LabelRow> labels;        // by set
};

// A task as annotations are put on it: what is not known of their times ends with it.
struct AnnotatedTask {
  std::uint32_t index = 0;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
};
using FindAnnotated = std::function<std::optional<AnnotatedTask>(store::TaskId)>;

class Annotations {
 public:
  Annotations() = default;
  Annotations(AnnotationRows rows, const FindAnnotated& find);

  // How many lanes the regions take: the deepest one's depth, at most kRegionLanes.
  std::size_t lanes() const { return lanes_; }
  // nullptr: the task has none.
  const RegionTracks* regions_of(std::uint32_t task) const;
  const RegionDetail& detail(std::uint32_t payload) const { return details_[payload]; }
  std::string_view region_name(std::uint32_t payload) const;
  // The names of those that a task is in, the outermost first: "serve › parse"; "" if it is in
  // none.
  std::string regions_text(std::uint32_t task, std::int64_t ns) const;
  // Those that are drawn, and what was left out: deeper ones, and those of unknown tasks.
  std::size_t region_count() const { return region_count_; }
  std::size_t deeper_regions() const { return deeper_regions_; }
  std::size_t skipped_regions() const { return skipped_regions_; }

  const LogTable& logs() const { return logs_; }
  const std::vector<NamedCounter>& counters() const { return counters_; }  // that had a value
  std::span<const store::LabelRow> labels_of(store::LabelSetId set) const;
  // "request=42, user=7"; "" of a task without labels.
  std::string labels_text(store::LabelSetId set) const;

 private:
  void add_regions(std::vector<store::RegionRow> rows, const FindAnnotated& find);
  void add_counters(std::vector<store::CounterRow> rows,
                    const std::vector<store::CounterSample>& samples);

  // Constant after construction.
  std::unique_ptr<PackedArena> arena_;
  std::vector<std::string> names_;  // [0]: of a region whose name is not known
  std::vector<RegionDetail> details_;
  std::vector<std::pair<std::uint32_t, RegionTracks>> regions_;  // by task
  LogTable logs_;
  std::vector<NamedCounter> counters_;
  std::vector<store::LabelRow> labels_;  // by set
  std::size_t lanes_ = 0;
  std::size_t region_count_ = 0;
  std::size_t deeper_regions_ = 0;
  std::size_t skipped_regions_ = 0;
};

}  // namespace taskscope::viewer
