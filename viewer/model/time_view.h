// Which stretch of time is on screen: zoom, pan, eased motion and the way back.
//
// Owned by the UI thread. Invariants:
//   1. The left edge is a whole column of grid(), so panning never re-cuts columns.
//   2. ns_per_px >= kNsPerPxMin, or the whole recording is in view; the range touches it.
#pragma once

#include <cstdint>
#include <vector>

#include "viewer/model/time_range.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

class TimeView {
 public:
  static constexpr double kNsPerPxMin = 1.0;

  // Both keep the range that was visible.
  void set_duration(std::int64_t duration_ns);
  void set_width(double width_px);

  // At once and without history; what drags and wheels do. Stop any motion.
  void zoom_at(double x_px, double factor);  // factor > 1 shows less
  void pan_px(double dx_px);                 // positive: towards later
  void show(TimeRange range);

  // With eased motion towards the target; what keys and clicks do.
  void glide_to(TimeRange range);
  void glide_zoom(double factor);
  void glide_pan(double share_of_width);
  // Moves by `seconds` of motion; true while there is motion left.
  bool advance(double seconds);
  void finish_motion();

  // Remembers the present range as a place to come back to (unless it is the last one already).
  void remember();
  bool go_back();     // false if there is no way back
  bool go_forward();  // undoes go_back, until something else is remembered

  TimeRange visible() const;
  TimeRange target() const;
  TimeRange whole() const;              // the recording with a small margin
  double to_px(std::int64_t ns) const;  // from the left edge; not rounded
  std::int64_t to_ns(double x_px) const;
  ColumnGrid grid() const { return {ns_per_px_}; }
  std::int64_t first_column() const { return first_column_; }
  double width_px() const { return width_px_; }

 private:
  void place(double start_ns, double length_ns);
  double clamp_length(double length_ns) const;

  // Owned by the UI thread.
  std::int64_t duration_ns_ = 1;
  double width_px_ = 1;
  double ns_per_px_ = 1;
  std::int64_t first_column_ = 0;
  double start_ns_ = 0;   // asked for; the left column's edge is the nearest to it
  double length_ns_ = 1;  // asked for; ns_per_px_ × width_px_ up to rounding
  bool moving_ = false;
  double target_start_ns_ = 0;
  double target_length_ns_ = 1;
  std::vector<TimeRange> history_;
  std::vector<TimeRange> forward_;  // where go_back came from
};

}  // namespace taskscope::viewer
