#include "viewer/model/rows.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace taskscope::viewer {
namespace {

constexpr std::size_t kFoldTasksMin = 100;
constexpr std::size_t kFoldGroupMin = 24;

// Indices of threads, the one that did something first in front.
std::vector<std::uint32_t> by_first_use(const std::vector<Thread>& threads) {
  std::vector<std::uint32_t> order(threads.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto first_ns = [&](std::uint32_t at) {
    return threads[at].track.empty() ? INT64_MAX : threads[at].track.start_ns();
  };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::pair(first_ns(a), threads[a].id) < std::pair(first_ns(b), threads[b].id);
  });
  return order;
}

}  // namespace

Folds initial_folds(const Arrangement& arrangement) {
  Folds folds;
  folds.grouping = arrangement.grouping();
  if (arrangement.order().size() <= kFoldTasksMin) return folds;
  for (const TaskSet& set : arrangement.sets()) {
    if (set.has_header && set.size() > kFoldGroupMin) folds.groups.insert(set.key);
  }
  return folds;
}

RowList::RowList(ArrangementPtr arrangement, const Folds& folds, const std::vector<Pin>& pins,
                 float scale, std::size_t region_lanes)
    : arrangement_(std::move(arrangement)),
      scale_(scale),
      gap_(std::max(1, static_cast<int>(std::lround(kRowGap * scale)))) {
  lanes_height_ = static_cast<int>(region_lanes) * region_lane_px(height_of(RowKind::Task));
  const TraceSession& session = *arrangement_->session();
  for (const Pin& pin : pins) {
    const int height = height_of(pin.kind);
    pinned_.push_back({pin.kind, pin.index, pinned_height_, height, true, below_of(pin.kind)});
    pinned_height_ += height + gap_;
  }
  const auto workers = static_cast<std::uint32_t>(session.workers().size());
  if (workers > 0) {
    add(RowKind::WorkersHeader, 0, 1);
    if (!folds.workers) add(RowKind::Worker, 0, workers);
    if ((!session.queued().empty() || !session.outside().empty()) && !folds.workers) {
      add(RowKind::Queues, 0, 1);
    }
    if (!session.memory().collections().empty() && !folds.workers) add(RowKind::Collector, 0, 1);
  }
  if (!session.threads().empty()) {
    add(RowKind::ThreadsHeader, 0, 1);
    if (!folds.threads) {
      thread_order_ = by_first_use(session.threads());
      add(RowKind::Thread, 0, static_cast<std::uint32_t>(thread_order_.size()));
    }
  }
  const auto counters = static_cast<std::uint32_t>(session.annotations().counters().size());
  if (counters > 0) {
    add(RowKind::CountersHeader, 0, 1);
    if (!folds.counters) add(RowKind::Counter, 0, counters);
  }
  head_sections_ = sections_.size();
  if (session.tasks().empty()) return;
  add(RowKind::TasksHeader, 0, 1);
  head_sections_ = sections_.size();
  if (!folds.tasks) add_tasks(folds);
}

void RowList::add_tasks(const Folds& folds) {
  const std::vector<TaskSet>& sets = arrangement_->sets();
  for (std::uint32_t at = 0; at < sets.size(); ++at) {
    const TaskSet& set = sets[at];
    if (set.has_header) add(RowKind::GroupHeader, at, 1);
    if (set.has_header && folds.groups.contains(set.key)) continue;
    // Sets without a header continue the tasks before them.
    Section& before = sections_.back();
    if (before.kind == RowKind::Task && before.first + before.count == set.begin) {
      before.count += set.size();
      size_ += set.size();
      height_ += static_cast<std::int64_t>(set.size()) * (before.height + gap_);
    } else {
      add(RowKind::Task, set.begin, set.size());
    }
  }
}

int RowList::height_of(RowKind kind) const {
  const bool worker = kind == RowKind::Worker || kind == RowKind::Queues;
  const int height_at_1 = Row{.kind = kind}.is_header() ? kGroupRowHeight
                          : worker                      ? kWorkerRowHeight
                          : kind == RowKind::Counter    ? kCounterRowHeight
                          : kind == RowKind::Collector  ? kCollectorRowHeight
                                                        : kTaskRowHeight;
  return static_cast<int>(std::lround(static_cast<float>(height_at_1) * scale_)) + below_of(kind);
}

void RowList::add(RowKind kind, std::uint32_t first, std::uint32_t count) {
  const int height = height_of(kind);
  sections_.push_back({kind, first, count, size_, height_, height});
  size_ += count;
  height_ += static_cast<std::int64_t>(count) * (height + gap_);
}

std::uint32_t RowList::index_in(const Section& section, std::uint32_t at) const {
  if (section.kind == RowKind::Task) return arrangement_->order()[section.first + at];
  if (section.kind == RowKind::Thread) return thread_order_[at];
  return section.first + at;
}

Row RowList::row(std::size_t at) const {
  const auto after =
      std::upper_bound(sections_.begin(), sections_.end(), at,
                       [](std::size_t row, const Section& section) { return row < section.row; });
  const Section& section = *(after - 1);
  const auto within = static_cast<std::uint32_t>(at - section.row);
  return {section.kind,
          index_in(section, within),
          section.y + static_cast<std::int64_t>(within) * (section.height + gap_),
          section.height,
          false,
          below_of(section.kind)};
}

std::size_t RowList::row_at(std::int64_t y) const {
  const auto after =
      std::upper_bound(sections_.begin(), sections_.end(), y,
                       [](std::int64_t at, const Section& section) { return at < section.y; });
  if (after == sections_.begin()) return 0;
  const Section& section = *(after - 1);
  const std::int64_t pitch = section.height + gap_;
  const std::int64_t within = (y - section.y) / pitch;
  if (within >= section.count) return section.row + section.count;
  const bool in_gap = (y - section.y) % pitch >= section.height;
  return section.row + static_cast<std::size_t>(within) + (in_gap ? 1 : 0);
}

std::vector<RowList::Run> RowList::runs(std::int64_t top, std::int64_t bottom) const {
  std::vector<Run> out;
  auto section = std::upper_bound(sections_.begin(), sections_.end(), top,
                                  [](std::int64_t at, const Section& one) { return at < one.y; });
  if (section != sections_.begin()) --section;
  for (; section != sections_.end() && section->y < bottom; ++section) {
    const std::int64_t pitch = section->height + gap_;
    const std::int64_t above = std::max<std::int64_t>(top - section->y, 0);
    // A row whose last pixel is touched belongs to it, the gap below it does not.
    const std::int64_t from = above / pitch + (above % pitch >= section->height ? 1 : 0);
    const std::int64_t to =
        std::min<std::int64_t>(section->count, (bottom - section->y + pitch - 1) / pitch);
    if (from >= to) continue;
    out.push_back({section->kind, section->first + static_cast<std::uint32_t>(from),
                   static_cast<std::uint32_t>(to - from)});
  }
  return out;
}

std::optional<std::size_t> RowList::index_of(RowKind kind, std::uint32_t index) const {
  if (arrangement_ == nullptr) return std::nullopt;
  std::uint32_t wanted = index;
  if (kind == RowKind::Task) {
    const auto position = arrangement_->position(index);
    if (!position) return std::nullopt;
    wanted = *position;
  }
  if (kind == RowKind::Thread) {
    const auto at = std::find(thread_order_.begin(), thread_order_.end(), index);
    if (at == thread_order_.end()) return std::nullopt;
    wanted = static_cast<std::uint32_t>(at - thread_order_.begin());
  }
  const bool of_tasks = kind == RowKind::Task || kind == RowKind::GroupHeader;
  if (kind == RowKind::GroupHeader) wanted = arrangement_->sets()[index].begin;
  const auto stands_before = [&](const Section& section) {
    const std::uint32_t position = section.kind == RowKind::GroupHeader
                                       ? arrangement_->sets()[section.first].begin
                                       : section.first;
    // A header stands before its tasks.
    return kind == RowKind::GroupHeader ? position < wanted : position <= wanted;
  };
  const auto begin = sections_.begin() + static_cast<std::ptrdiff_t>(head_sections_);
  auto section = begin;
  if (of_tasks) {
    section = std::partition_point(begin, sections_.end(), stands_before);
    if (kind == RowKind::Task && section != begin) --section;
  } else {
    section = std::find_if(sections_.begin(), begin,
                           [&](const Section& one) { return one.kind == kind; });
    if (section == begin) return std::nullopt;
  }
  if (section == sections_.end() || section->kind != kind) return std::nullopt;
  if (kind == RowKind::GroupHeader) {
    return section->first == index ? std::optional(section->row) : std::nullopt;
  }
  const bool inside = wanted >= section->first && wanted - section->first < section->count;
  return inside ? std::optional(section->row + (wanted - section->first)) : std::nullopt;
}

std::optional<Row> RowList::find_row(RowKind kind, std::uint32_t index) const {
  const auto pin = std::find_if(pinned_.begin(), pinned_.end(), [&](const Row& row) {
    return row.kind == kind && row.index == index;
  });
  if (pin != pinned_.end()) return *pin;
  const auto at = index_of(kind, index);
  return at ? std::optional(row(*at)) : std::nullopt;
}

}  // namespace taskscope::viewer
