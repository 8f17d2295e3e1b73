#include "viewer/model/logs.h"

#include <algorithm>

namespace taskscope::viewer {

LogTable::LogTable(std::vector<store::LogRow> rows,
                   const std::function<std::optional<std::uint32_t>(store::TaskId)>& find) {
  std::vector<std::pair<std::uint32_t, store::LogRow*>> known;
  known.reserve(rows.size());
  for (store::LogRow& row : rows) {
    if (const auto task = find(row.task_id)) {
      known.emplace_back(*task, &row);
    } else {
      ++elsewhere_;
    }
  }
  std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first : a.second->ns < b.second->ns;
  });
  lines_.reserve(known.size());
  for (const auto& [task, row] : known) {
    if (tasks_.empty() || tasks_.back().first != task) tasks_.emplace_back(task, lines_.size());
    lines_.push_back({row->ns, std::move(row->category), std::move(row->message)});
  }
}

LogLines LogTable::of(std::uint32_t task) const {
  const auto at = std::lower_bound(
      tasks_.begin(), tasks_.end(), task,
      [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
  if (at == tasks_.end() || at->first != task) return {};
  return {at->second, at + 1 == tasks_.end() ? lines_.size() : at[1].second};
}

// Of these lines the first at or after `ns`.
std::size_t LogTable::first_at(LogLines within, std::int64_t ns) const {
  const auto begin = lines_.begin() + static_cast<std::ptrdiff_t>(within.first);
  const auto end = lines_.begin() + static_cast<std::ptrdiff_t>(within.last);
  const auto at = std::partition_point(begin, end, [&](const LogLine& a) { return a.ns < ns; });
  return static_cast<std::size_t>(at - lines_.begin());
}

std::vector<LogLines> LogTable::groups(std::uint32_t task, const ColumnGrid& grid,
                                       std::int64_t first, std::int64_t last,
                                       std::int64_t mark_px) const {
  std::vector<LogLines> groups;
  LogLines left = of(task);
  left.first = first_at(left, grid.left_ns(first));
  while (!left.empty()) {
    const std::int64_t column = grid.column_of(lines_[left.first].ns);
    if (column >= last) break;
    const std::int64_t within = (column % mark_px + mark_px) % mark_px;
    // A nanosecond may be wider than a mark: then a group is one of them.
    const std::int64_t until_ns =
        std::max(grid.left_ns(column - within + mark_px), lines_[left.first].ns + 1);
    const std::size_t end = first_at(left, until_ns);
    groups.push_back({left.first, end});
    left.first = end;
  }
  return groups;
}

}  // namespace taskscope::viewer
