#include "viewer/model/samples.h"

#include <algorithm>

namespace taskscope::viewer {

SampleTable::SampleTable(const std::vector<store::SampleRow>& rows, const store::StackTable& stacks,
                         const Find& find) {
  samples_.reserve(rows.size());
  for (const store::SampleRow& row : rows) {
    samples_.push_back(
        {.ns = row.ns,
         .task = row.task_id == 0 ? kNone : find.task(row.task_id),
         .stack = stacks.number_of(row.stack_id),
         .worker = row.worker_id == store::kNoWorker ? kNone : find.worker(row.worker_id)});
  }
  index_by([](const Sample& sample) { return sample.task; }, tasks_);
  tasks_end_ = order_.size();
  index_by([](const Sample& sample) { return sample.worker; }, workers_);
  times_.reserve(order_.size());
  for (const std::uint32_t at : order_) times_.push_back(samples_[at].ns);
}

template <class KeyOf>
void SampleTable::index_by(KeyOf key_of, Rows& rows) {
  const auto begin = static_cast<std::ptrdiff_t>(order_.size());
  for (std::size_t at = 0; at < samples_.size(); ++at) {
    if (key_of(samples_[at]) != kNone) order_.push_back(static_cast<std::uint32_t>(at));
  }
  std::stable_sort(order_.begin() + begin, order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    return key_of(samples_[a]) < key_of(samples_[b]);
  });
  for (auto at = static_cast<std::size_t>(begin); at < order_.size(); ++at) {
    const std::uint32_t key = key_of(samples_[order_[at]]);
    if (rows.empty() || rows.back().first != key) rows.emplace_back(key, at);
  }
}

RowSamples SampleTable::find(const Rows& rows, std::uint32_t key, std::size_t end) {
  const auto at = std::lower_bound(
      rows.begin(), rows.end(), key,
      [](const auto& entry, std::uint32_t wanted) { return entry.first < wanted; });
  if (at == rows.end() || at->first != key) return {};
  return {at->second, at + 1 == rows.end() ? end : at[1].second};
}

RowSamples SampleTable::of_task(std::uint32_t task) const { return find(tasks_, task, tasks_end_); }

RowSamples SampleTable::of_worker(std::uint32_t worker) const {
  return find(workers_, worker, order_.size());
}

std::pair<std::size_t, std::size_t> SampleTable::within(TimeRange range) const {
  const auto first_at = [&](std::int64_t ns) {
    return static_cast<std::size_t>(
        std::partition_point(samples_.begin(), samples_.end(),
                             [&](const Sample& sample) { return sample.ns < ns; }) -
        samples_.begin());
  };
  const std::size_t first = first_at(range.start_ns);
  return {first, std::max(first, first_at(range.end_ns))};
}

RowSamples SampleTable::within(RowSamples row, TimeRange range) const {
  const std::size_t first = first_at(row, range.start_ns);
  return {first, first_at({first, row.last}, range.end_ns)};
}

// Of these the first at or after `ns`, which is likely to be near: by steps that double.
std::size_t SampleTable::first_at(RowSamples within, std::int64_t ns) const {
  std::size_t first = within.first;
  std::size_t step = 1;
  while (first + step < within.last && times_[first + step - 1] < ns) {
    first += step;
    step *= 2;
  }
  std::size_t last = std::min(first + step, within.last);
  while (first < last) {
    const std::size_t middle = first + (last - first) / 2;
    if (times_[middle] < ns) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

std::vector<RowSamples> SampleTable::groups(RowSamples row, const ColumnGrid& grid,
                                            std::int64_t first, std::int64_t last,
                                            std::int64_t mark_px) const {
  std::vector<RowSamples> groups;
  RowSamples left = row;
  left.first = first_at(left, grid.left_ns(first));
  while (!left.empty()) {
    const std::int64_t ns = times_[left.first];
    const std::int64_t column = grid.column_of(ns);
    if (column >= last) break;
    const std::int64_t within = (column % mark_px + mark_px) % mark_px;
    // A nanosecond may be wider than a mark: then a group is one of them.
    const std::int64_t until_ns = std::max(grid.left_ns(column - within + mark_px), ns + 1);
    const std::size_t end = first_at(left, until_ns);
    groups.push_back({left.first, end});
    left.first = end;
  }
  return groups;
}

}  // namespace taskscope::viewer
