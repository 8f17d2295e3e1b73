#include "viewer/model/row_pictures.h"

#include <algorithm>
#include <cmath>

#include "viewer/model/stack_heights.h"

namespace taskscope::viewer {
namespace {

constexpr std::size_t kEntriesMax = 512;
constexpr double kSpanMinPx = 2;

// Turns shares into px once, off the UI thread, and joins neighbours that look the same.
std::vector<Cell> with_heights(const std::vector<Cell>& cells, int height_px, int severe_min_px) {
  std::vector<Cell> out;
  out.reserve(cells.size());
  for (const Cell& cell : cells) {
    out.push_back(cell);
    if (!cell.is_mixture()) continue;
    const auto heights = stack_heights(cell.shares, height_px, severe_min_px);
    std::copy(heights.begin(), heights.end(), out.back().heights.begin());
    if (out.size() < 2) continue;
    Cell& before = out[out.size() - 2];
    if (before.is_mixture() && before.last == cell.first && before.heights == out.back().heights) {
      before.last = cell.last;
      out.pop_back();
    }
  }
  return out;
}

// All workers, or all threads, together: time per class over the time that there was.
template <class Actor>
std::vector<Cell> actors_cells(const TraceSession& session, const std::vector<Actor>& actors,
                               const ColumnGrid& grid, std::int64_t first, std::int64_t last) {
  std::vector<Cell> cells;
  first = std::max(first, grid.column_of(0));
  last = std::min(last, grid.column_of(session.duration_ns()) + 1);
  std::vector<TrackReader> readers;
  for (const Actor& actor : actors) readers.emplace_back(actor.track);
  const auto until = [&](std::int64_t column) {
    ClassTimes sum{};
    for (TrackReader& reader : readers) {
      const ClassTimes times = reader.times_before(grid.left_ns(column));
      for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += times[c];
    }
    return sum;
  };
  if (first >= last) return cells;
  ClassTimes before = until(first);
  for (std::int64_t column = first; column < last; ++column) {
    const ClassTimes after = until(column + 1);
    ClassTimes times{};
    for (std::size_t c = 0; c < kStateClasses; ++c) times[c] = after[c] - before[c];
    before = after;
    const std::int64_t length = grid.left_ns(column + 1) - grid.left_ns(column);
    append_run(cells, column, to_shares(times, length * static_cast<std::int64_t>(actors.size())));
  }
  return cells;
}

// The largest number of queued tasks in each column, in 1/255 of the most there ever were.
std::vector<Cell> queue_cells(const TraceSession& session, const ColumnGrid& grid,
                              std::int64_t first, std::int64_t last) {
  std::vector<Cell> cells;
  first = std::max(first, grid.column_of(0));
  last = std::min(last, grid.column_of(session.duration_ns()) + 1);
  const auto most = static_cast<std::int64_t>(std::max<std::uint64_t>(session.queued().max(), 1));
  for (std::int64_t column = first; column < last; ++column) {
    ClassTimes times{};
    times[index_of(StateClass::Runnable)] = static_cast<std::int64_t>(
        session.queued().max_in({grid.left_ns(column), grid.left_ns(column + 1)}));
    append_run(cells, column, to_shares(times, most));
  }
  return cells;
}

// Of a counter, from its smallest value to its largest as from 0 to 255: the least that it was in a
// column as Runnable, and as Running how much more it was at most.
std::vector<Cell> counter_cells(const TraceSession& session, std::uint32_t counter,
                                const ColumnGrid& grid, std::int64_t first, std::int64_t last) {
  std::vector<Cell> cells;
  first = std::max(first, grid.column_of(0));
  last = std::min(last, grid.column_of(session.duration_ns()) + 1);
  const ValueTrack& values = session.annotations().counters()[counter].values;
  const auto low = static_cast<double>(values.bounds().low);
  const double scale = static_cast<double>(values.bounds().high) - low;
  const auto level = [&](std::int64_t value) {
    // One that never changes stands in the middle.
    const double part = scale > 0 ? (static_cast<double>(value) - low) / scale : 0.5;
    return static_cast<std::uint8_t>(std::clamp(std::lround(part * 255), 1L, 255L));
  };
  for (std::int64_t column = first; column < last; ++column) {
    const auto bounds = values.bounds_in({grid.left_ns(column), grid.left_ns(column + 1)});
    if (!bounds) continue;
    std::array<std::uint8_t, kStateClasses> shares{};
    shares[index_of(StateClass::Runnable)] = level(bounds->low);
    shares[index_of(StateClass::Running)] =
        static_cast<std::uint8_t>(level(bounds->high) - level(bounds->low));
    append_run(cells, column, shares);
  }
  return cells;
}

// All tasks together, in 1/255 of the most that are there at once in a column.
std::vector<Cell> tasks_cells(const TraceSession& session, const ColumnGrid& grid,
                              std::int64_t first, std::int64_t last) {
  std::vector<Cell> cells;
  first = std::max(first, grid.column_of(0));
  last = std::min(last, grid.column_of(session.duration_ns()) + 1);
  if (first >= last) return cells;
  std::vector<ClassTimes> sums(static_cast<std::size_t>(last - first));
  for (const TaskGroup& group : session.groups()) group.index.add_times(grid, first, sums);
  // Columns are whole nanoseconds long, some one longer than others: what counts is the tasks at
  // once.
  const auto length_ns = [&](std::int64_t column) {
    return static_cast<double>(grid.left_ns(column + 1) - grid.left_ns(column));
  };
  double most = 0;
  for (std::int64_t column = first; column < last; ++column) {
    const auto tasks_ns =
        static_cast<double>(total(sums[static_cast<std::size_t>(column - first)]));
    most = std::max(most, tasks_ns / length_ns(column));
  }
  for (std::int64_t column = first; column < last; ++column) {
    append_run(cells, column,
               to_shares(sums[static_cast<std::size_t>(column - first)],
                         std::max(1L, std::lround(most * length_ns(column)))));
  }
  return cells;
}

// Until the spans are there: what the chunk summaries say.
std::vector<Cell> summary_cells(const TraceSession& session, const Row& row, const ColumnGrid& grid,
                                std::int64_t first, std::int64_t last) {
  std::vector<Cell> cells;
  const auto add = [&](std::int64_t from_ns, std::int64_t to_ns, const ClassTimes& times) {
    const std::int64_t begin = std::max(first, grid.nearest_edge(from_ns));
    const std::int64_t end = std::min(last, std::max(grid.nearest_edge(to_ns), begin + 1));
    const auto shares = to_shares(times, std::max<std::int64_t>(to_ns - from_ns, 1));
    if (begin < end && (cells.empty() || cells.back().last <= begin)) {
      cells.push_back({.first = begin, .last = end, .shares = shares});
    }
  };
  if (row.kind == RowKind::Worker) {
    for (const store::ChunkSummary& chunk : session.workers()[row.index].chunks) {
      ClassTimes times{};
      times[index_of(StateClass::Running)] =
          chunk.state_ns[static_cast<std::size_t>(store::TaskState::Running)];
      add(chunk.start_ns, chunk.end_ns, times);
    }
  } else if (row.kind == RowKind::Task) {
    const store::TaskRow& task = session.tasks()[row.index].row;
    add(task.created_ns.value_or(0), task.ended_ns.value_or(session.duration_ns()),
        approximate_class_times(task.state_ns));
  }
  return cells;
}

// With spans of their own where they are `span_min_px` wide.
std::vector<Cell> cells_of(const TraceSession& session, const Row& row, const ColumnGrid& grid,
                           std::int64_t first, std::int64_t last, double span_min_px) {
  if (row.kind == RowKind::Queues) return queue_cells(session, grid, first, last);
  if (row.kind == RowKind::Counter) return counter_cells(session, row.index, grid, first, last);
  if (session.stage() != SessionStage::Complete) {
    return summary_cells(session, row, grid, first, last);
  }
  switch (row.kind) {
    case RowKind::Worker:
      return session.workers()[row.index].track.cells(grid, first, last, span_min_px);
    case RowKind::Thread:
      return session.threads()[row.index].track.cells(grid, first, last, span_min_px);
    case RowKind::Task:
      return session.tasks()[row.index].track.cells(grid, first, last, span_min_px);
    case RowKind::Collector:
      return session.memory().phases().cells(grid, first, last, span_min_px);
    case RowKind::GroupHeader:
      return session.groups()[row.index].index.cells(grid, first, last);
    case RowKind::WorkersHeader:
      return actors_cells(session, session.workers(), grid, first, last);
    case RowKind::ThreadsHeader:
      return actors_cells(session, session.threads(), grid, first, last);
    case RowKind::TasksHeader:
      return tasks_cells(session, grid, first, last);
    case RowKind::Queues:
    case RowKind::Counter:
    case RowKind::CountersHeader:  // has none
    case RowKind::TaskSet:         // not of the session alone
      break;
  }
  return {};
}

// What `draw(grid, first, last, span_min_px)` gives. Where a nanosecond is wider than a pixel it is
// drawn a pixel wide, every span for itself, and stretched.
template <class Draw>
std::vector<Cell> drawn(const ColumnGrid& grid, std::int64_t first, std::int64_t last,
                        const Draw& draw) {
  if (grid.ns_per_px >= 1) return draw(grid, first, last, kSpanMinPx);
  const auto ns = [&](std::int64_t column) { return static_cast<double>(column) * grid.ns_per_px; };
  std::vector<Cell> cells = draw(ColumnGrid{1}, static_cast<std::int64_t>(std::floor(ns(first))),
                                 static_cast<std::int64_t>(std::ceil(ns(last))), 1.0);
  for (Cell& cell : cells) {
    cell.first = grid.nearest_edge(cell.first);
    cell.last = grid.nearest_edge(cell.last);
  }
  return cells;
}

}  // namespace

std::vector<Cell> row_cells(const TraceSession& session, const Row& row, const ColumnGrid& grid,
                            std::int64_t first, std::int64_t last) {
  return drawn(grid, first, last, [&](const ColumnGrid& on, auto from, auto to, double min_px) {
    return cells_of(session, row, on, from, to, min_px);
  });
}

const DecisionTrack* row_decisions(const TraceSession& session, const Row& row) {
  if (row.kind == RowKind::Worker) return &session.workers()[row.index].decisions;
  return row.kind == RowKind::Queues ? &session.outside() : nullptr;
}

RowPictures::RowPictures(SessionPtr session, std::function<void()> on_ready)
    : session_(std::move(session)), on_ready_(std::move(on_ready)) {
  const unsigned count = std::clamp(std::thread::hardware_concurrency(), 2U, 4U);
  for (unsigned at = 0; at < count; ++at) threads_.emplace_back([this] { work(); });
}

RowPictures::~RowPictures() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RowPictures::begin_frame() {
  const std::scoped_lock lock(mutex_);
  ++frame_;
  orders_.clear();
}

RowPicturePtr RowPictures::find(const Row& row, const ColumnGrid& grid, std::int64_t first,
                                std::int64_t last) {
  const Key key{row.kind, row.index};
  RowPicturePtr picture;
  {
    const std::scoped_lock lock(mutex_);
    Entry& entry = entries_[key];
    entry.used = frame_;
    picture = entry.picture;
    if (picture != nullptr && picture->covers(grid, first, last)) return picture;
    const std::int64_t width = last - first;
    orders_.push_back({key, row.height, grid, first - width, last + width, arrangement_});
    forget_oldest();
  }
  wake_.notify_one();
  return picture;
}

void RowPictures::set_arrangement(ArrangementPtr arrangement) {
  const std::scoped_lock lock(mutex_);
  arrangement_ = std::move(arrangement);
  std::erase_if(orders_, [](const Order& order) { return order.key.first == RowKind::TaskSet; });
  std::erase_if(entries_, [](const auto& entry) { return entry.first.first == RowKind::TaskSet; });
}

void RowPictures::wait_idle() {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return orders_.empty() && busy_ == 0; });
}

void RowPictures::wait_idle_for(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  idle_.wait_for(lock, limit, [this] { return orders_.empty() && busy_ == 0; });
}

void RowPictures::forget_oldest() {
  if (entries_.size() <= kEntriesMax) return;
  auto oldest = entries_.begin();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.used < oldest->second.used) oldest = at;
  }
  if (oldest->second.used < frame_) entries_.erase(oldest);
}

void RowPictures::draw_regions(const Order& order, RowPicture& picture) const {
  const RegionTracks* tracks = session_->annotations().regions_of(order.key.second);
  if (tracks == nullptr) return;
  for (std::size_t lane = 0; lane < kRegionLanes; ++lane) {
    const auto draw = [&](const ColumnGrid& on, auto from, auto to, double min_px) {
      return (*tracks)[lane].cells(on, from, to, min_px);
    };
    // No colour is severe here; what would be less than a pixel is drawn as one.
    picture.regions[lane] =
        with_heights(drawn(order.grid, order.first, order.last, draw),
                     region_bar_px(region_lane_px(order.height)), /*severe_min_px=*/0);
  }
}

RowPicture RowPictures::draw(const Order& order) const {
  RowPicture picture{order.grid, order.first, order.last, {}, {}, {}, {}, {}};
  const Row row{order.key.first, order.key.second, 0, order.height};
  if (row.kind == RowKind::Worker) {
    const Track& idle = session_->workers()[row.index].idle.track;
    picture.idle = drawn(order.grid, order.first, order.last,
                         [&](const ColumnGrid& on, auto from, auto to, double min_px) {
                           return idle.cells(on, from, to, min_px);
                         });
  }
  if (row.kind == RowKind::Collector) {
    picture.pauses = drawn(order.grid, order.first, order.last,
                           [&](const ColumnGrid& on, auto from, auto to, double min_px) {
                             return session_->memory().pauses().cells(on, from, to, min_px);
                           });
  }
  if (row.kind == RowKind::Task) draw_regions(order, picture);
  if (const DecisionTrack* decisions = row_decisions(*session_, row)) {
    picture.decisions =
        decisions->groups(order.grid, order.first, order.last, decision_mark_px(order.height));
  }
  const std::vector<Cell> cells =
      row.kind == RowKind::TaskSet
          ? order.arrangement->cells(row.index, order.grid, order.first, order.last)
          : row_cells(*session_, row, order.grid, order.first, order.last);
  picture.cells = with_heights(cells, order.height, std::max(2, order.height / 9));
  return picture;
}

void RowPictures::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || !orders_.empty(); });
    if (stop_) return;
    const Order order = orders_.front();
    orders_.pop_front();
    ++busy_;
    lock.unlock();
    auto picture = std::make_shared<const RowPicture>(draw(order));  // shared: see RowPicturePtr
    lock.lock();
    const bool outdated = order.key.first == RowKind::TaskSet && order.arrangement != arrangement_;
    if (!outdated) entries_[order.key].picture = std::move(picture);
    --busy_;
    const bool idle = orders_.empty() && busy_ == 0;
    lock.unlock();
    if (idle) idle_.notify_all();
    if (on_ready_) on_ready_();
    lock.lock();
  }
}

}  // namespace taskscope::viewer
