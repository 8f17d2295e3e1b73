#include "viewer/model/time_view.h"

#include <algorithm>
#include <cmath>

namespace taskscope::viewer {
namespace {

constexpr std::size_t kHistoryMax = 100;
constexpr double kMargin = 0.01;        // of the recording, on both sides of the whole
constexpr double kEaseSeconds = 0.045;  // time constant of eased motion

}  // namespace

void TimeView::set_duration(std::int64_t duration_ns) {
  duration_ns_ = std::max<std::int64_t>(duration_ns, 1);
}

void TimeView::set_width(double width_px) {
  if (width_px == width_px_ || width_px < 1) return;
  width_px_ = width_px;
  place(start_ns_, length_ns_);
}

// A recording of fewer nanoseconds than there are pixels fills the width all the same.
double TimeView::clamp_length(double length_ns) const {
  const auto length_max = static_cast<double>(whole().length_ns());
  return std::clamp(length_ns, std::min(kNsPerPxMin * width_px_, length_max), length_max);
}

void TimeView::place(double start_ns, double length_ns) {
  const TimeRange limits = whole();
  length_ns_ = clamp_length(length_ns);
  ns_per_px_ = length_ns_ / width_px_;
  start_ns = std::clamp(start_ns, static_cast<double>(limits.start_ns),
                        std::max(static_cast<double>(limits.start_ns),
                                 static_cast<double>(limits.end_ns) - length_ns_));
  start_ns_ = start_ns;
  first_column_ = std::llround(start_ns / ns_per_px_);
}

void TimeView::zoom_at(double x_px, double factor) {
  moving_ = false;
  const double at_ns = (static_cast<double>(first_column_) + x_px) * ns_per_px_;
  const double before = length_ns_;
  const double length = clamp_length(length_ns_ / factor);
  place(at_ns - (at_ns - static_cast<double>(first_column_) * ns_per_px_) * (length / before),
        length);
}

void TimeView::pan_px(double dx_px) {
  moving_ = false;
  place((static_cast<double>(first_column_) + dx_px) * ns_per_px_, length_ns_);
}

void TimeView::show(TimeRange range) {
  moving_ = false;
  place(static_cast<double>(range.start_ns), static_cast<double>(range.length_ns()));
}

void TimeView::glide_to(TimeRange range) {
  target_start_ns_ = static_cast<double>(range.start_ns);
  target_length_ns_ = clamp_length(static_cast<double>(range.length_ns()));
  target_start_ns_ -= (target_length_ns_ - static_cast<double>(range.length_ns())) / 2;
  const TimeRange limits = whole();
  target_start_ns_ = std::clamp(target_start_ns_, static_cast<double>(limits.start_ns),
                                std::max(static_cast<double>(limits.start_ns),
                                         static_cast<double>(limits.end_ns) - target_length_ns_));
  moving_ = true;
}

void TimeView::glide_zoom(double factor) {
  const TimeRange from = target();
  const auto length = static_cast<double>(from.length_ns());
  const double middle = static_cast<double>(from.start_ns) + length / 2;
  const double wanted = length / factor;
  glide_to({std::llround(middle - wanted / 2), std::llround(middle + wanted / 2)});
}

void TimeView::glide_pan(double share_of_width) {
  const TimeRange from = target();
  const std::int64_t by = std::llround(static_cast<double>(from.length_ns()) * share_of_width);
  glide_to({from.start_ns + by, from.end_ns + by});
}

bool TimeView::advance(double seconds) {
  if (!moving_) return false;
  const double start = static_cast<double>(first_column_) * ns_per_px_;
  const double step = 1 - std::exp(-seconds / kEaseSeconds);
  // Lengths ease in the logarithm, so that zooming through decades looks even.
  const double length = length_ns_ * std::pow(target_length_ns_ / length_ns_, step);
  const double done = target_length_ns_ == length_ns_
                          ? step
                          : (length - length_ns_) / (target_length_ns_ - length_ns_);
  const bool arrived = std::abs(target_start_ns_ - start) < ns_per_px_ &&
                       std::abs(target_length_ns_ - length_ns_) < ns_per_px_;
  if (arrived) {
    finish_motion();
    return false;
  }
  place(start + (target_start_ns_ - start) * done, length);
  return true;
}

void TimeView::finish_motion() {
  if (!moving_) return;
  moving_ = false;
  place(target_start_ns_, target_length_ns_);
}

void TimeView::remember() {
  forward_.clear();
  const TimeRange now = visible();
  if (!history_.empty() && history_.back() == now) return;
  if (history_.size() == kHistoryMax) history_.erase(history_.begin());
  history_.push_back(now);
}

bool TimeView::go_back() {
  if (history_.empty()) return false;
  forward_.push_back(target());
  glide_to(history_.back());
  history_.pop_back();
  return true;
}

bool TimeView::go_forward() {
  if (forward_.empty()) return false;
  history_.push_back(target());
  glide_to(forward_.back());
  forward_.pop_back();
  return true;
}

TimeRange TimeView::visible() const {
  const double start = static_cast<double>(first_column_) * ns_per_px_;
  return {std::llround(start), std::llround(start + length_ns_)};
}

TimeRange TimeView::target() const {
  if (!moving_) return visible();
  return {std::llround(target_start_ns_), std::llround(target_start_ns_ + target_length_ns_)};
}

TimeRange TimeView::whole() const {
  const auto margin = static_cast<std::int64_t>(static_cast<double>(duration_ns_) * kMargin);
  return {-margin, duration_ns_ + margin + 1};
}

double TimeView::to_px(std::int64_t ns) const {
  return static_cast<double>(ns) / ns_per_px_ - static_cast<double>(first_column_);
}

std::int64_t TimeView::to_ns(double x_px) const {
  const double column = static_cast<double>(first_column_) + x_px;
  // Where a nanosecond is wider than a pixel, the one that the pixel's middle lies in.
  if (ns_per_px_ < 1) return static_cast<std::int64_t>(std::floor((column + 0.5) * ns_per_px_));
  return std::llround(column * ns_per_px_);
}

}  // namespace taskscope::viewer
