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

Folds initial_folds(const TraceSession& session) {
  Folds folds;
  if (session.tasks().size() <= kFoldTasksMin) return folds;
  for (std::uint32_t group = 0; group < session.groups().size(); ++group) {
    if (session.groups()[group].tasks.size() > kFoldGroupMin) folds.groups.insert(group);
  }
  return folds;
}

RowList::RowList(const TraceSession& session, const Folds& folds, float scale)
    : row_of_task_(session.tasks().size(), 0xffff'ffff) {
  if (!session.workers().empty()) {
    add(RowKind::WorkersHeader, 0, kGroupRowHeight, scale);
    for (std::uint32_t worker = 0; worker < session.workers().size() && !folds.workers; ++worker) {
      add(RowKind::Worker, worker, kWorkerRowHeight, scale);
    }
    if ((!session.queued().empty() || !session.outside().empty()) && !folds.workers) {
      add(RowKind::Queues, 0, kWorkerRowHeight, scale);
    }
  }
  if (!session.threads().empty()) {
    add(RowKind::ThreadsHeader, 0, kGroupRowHeight, scale);
    if (!folds.threads) {
      for (const std::uint32_t thread : by_first_use(session.threads())) {
        add(RowKind::Thread, thread, kTaskRowHeight, scale);
      }
    }
  }
  if (session.tasks().empty()) return;
  add(RowKind::TasksHeader, 0, kGroupRowHeight, scale);
  if (folds.tasks) return;
  for (std::uint32_t group = 0; group < session.groups().size(); ++group) {
    const TaskGroup& members = session.groups()[group];
    // A group of one is its task.
    if (members.tasks.size() > 1) add(RowKind::GroupHeader, group, kGroupRowHeight, scale);
    if (folds.groups.contains(group)) continue;
    for (const TaskIndex task : members.tasks) {
      row_of_task_[task] = static_cast<std::uint32_t>(rows_.size());
      add(RowKind::Task, task, kTaskRowHeight, scale);
    }
  }
}

void RowList::add(RowKind kind, std::uint32_t index, int height_at_1, float scale) {
  const int height = static_cast<int>(std::lround(static_cast<float>(height_at_1) * scale));
  const int gap = std::max(1, static_cast<int>(std::lround(kRowGap * scale)));
  rows_.push_back({kind, index, height_, height});
  height_ += height + gap;
}

std::size_t RowList::row_at(std::int64_t y) const {
  const auto after = std::upper_bound(rows_.begin(), rows_.end(), y,
                                      [](std::int64_t at, const Row& row) { return at < row.y; });
  if (after == rows_.begin()) return 0;
  const auto row = static_cast<std::size_t>(after - rows_.begin() - 1);
  return y < rows_[row].y + rows_[row].height ? row : row + 1;
}

const Row* RowList::find_task(TaskIndex task) const {
  if (task >= row_of_task_.size() || row_of_task_[task] == 0xffff'ffff) return nullptr;
  return &rows_[row_of_task_[task]];
}

const Row* RowList::find_worker(std::uint32_t worker) const {
  for (const Row& row : rows_) {
    if (row.kind == RowKind::Worker && row.index == worker) return &row;
    if (row.kind == RowKind::TasksHeader) break;
  }
  return nullptr;
}

}  // namespace taskscope::viewer
