#include "viewer/model/arrangement.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "viewer/model/query.h"

namespace taskscope::viewer {
namespace {

constexpr std::uint32_t kHidden = 0xffff'ffff;
constexpr std::int64_t kLookupsMax = 1'000'000;  // about 0.2 s of one thread

// The number of the set that each task is in, and sets with their labels. Numbers count from the
// first task on, so they do not change with what is sorted or hidden.
struct Grouped {
  std::vector<TaskSet> sets;
  std::vector<std::uint32_t> set_of;  // by task
};

template <class KeyOf, class LabelOf>
Grouped group_by(const std::vector<Task>& tasks, const KeyOf& key_of, const LabelOf& label_of) {
  Grouped grouped;
  grouped.set_of.resize(tasks.size());
  std::unordered_map<std::decay_t<decltype(key_of(tasks[0]))>, std::uint32_t> known;
  for (std::size_t at = 0; at < tasks.size(); ++at) {
    const auto [set, fresh] =
        known.try_emplace(key_of(tasks[at]), static_cast<std::uint32_t>(grouped.sets.size()));
    if (fresh) {
      grouped.sets.push_back({.label = label_of(tasks[at]), .place = {}, .key = set->second});
    }
    grouped.set_of[at] = set->second;
  }
  return grouped;
}

Grouped group_tasks(const TraceSession& session, Grouping grouping) {
  const std::vector<Task>& tasks = session.tasks();
  const auto named = [&](const Task& task) {
    return session.program_prefix(task.row.id) + task.name;
  };
  switch (grouping) {
    case Grouping::Name:
      return group_by(tasks, named, named);
    case Grouping::Parent:
      return group_by(
          tasks, [](const Task& task) { return task.row.parent_id; },
          [&](const Task& task) {
            const TaskIndex parent = session.find_task(task.row.parent_id);
            return parent == kNoTask ? "started by nobody known"
                                     : "of " + session.tasks()[parent].label;
          });
    case Grouping::SpawnSite:  // that the session has already
    case Grouping::None:
      break;
  }
  return group_by(
      tasks, [](const Task&) { return 0; }, [](const Task&) { return std::string(); });
}

// Adds a track's times to sums of `step` columns each, from column `first` on.
class ColumnSums {
 public:
  ColumnSums(const ColumnGrid& grid, std::int64_t first, std::int64_t last, std::int64_t step)
      : first_(first), step_(step) {
    for (std::int64_t column = first; column < last; column += step) {
      edges_.push_back(grid.left_ns(column));
    }
    edges_.push_back(grid.left_ns(first + step * static_cast<std::int64_t>(edges_.size())));
    sums_.resize(edges_.size() - 1);
  }

  void add(const Track& track) {
    TrackReader reader(track);
    const std::size_t begin = reader.first_ending_after(edges_.front());
    const std::size_t end = reader.first_starting_at(edges_.back());
    if (begin >= end) return;
    const std::size_t from = column_of(reader[begin].start_ns);
    const std::size_t to = column_of(reader[end - 1].end_ns - 1) + 1;
    if (end - begin > 4 * (to - from)) {
      add_columns(reader, from, to);
    } else {
      for (std::size_t at = begin; at < end; ++at) add_span(reader[at]);
    }
  }
  std::size_t size() const { return sums_.size(); }
  const ClassTimes& times(std::size_t at) const { return sums_[at]; }
  std::int64_t length_ns(std::size_t at) const { return edges_[at + 1] - edges_[at]; }
  std::int64_t column(std::size_t at) const {
    return first_ + step_ * static_cast<std::int64_t>(at);
  }

 private:
  std::size_t column_of(std::int64_t ns) const {
    const auto after = std::upper_bound(edges_.begin(), edges_.end(), ns);
    const auto at = std::max<std::ptrdiff_t>(after - edges_.begin() - 1, 0);
    return std::min(static_cast<std::size_t>(at), sums_.size() - 1);
  }
  void add_columns(TrackReader& reader, std::size_t from, std::size_t to) {
    ClassTimes before = reader.times_before(edges_[from]);
    for (std::size_t at = from; at < to; ++at) {
      const ClassTimes until = reader.times_before(edges_[at + 1]);
      for (std::size_t c = 0; c < kStateClasses; ++c) sums_[at][c] += until[c] - before[c];
      before = until;
    }
  }
  void add_span(const TrackSpan& span) {
    for (std::size_t at = column_of(span.start_ns); at < sums_.size() && edges_[at] < span.end_ns;
         ++at) {
      const std::int64_t inside =
          std::min(span.end_ns, edges_[at + 1]) - std::max(span.start_ns, edges_[at]);
      if (inside > 0) sums_[at][index_of(span.state_class)] += inside;
    }
  }

  std::int64_t first_;
  std::int64_t step_;
  std::vector<std::int64_t> edges_;
  std::vector<ClassTimes> sums_;
};

std::int64_t floor_to(std::int64_t value, std::int64_t step) {
  return (value >= 0 ? value / step : (value - step + 1) / step) * step;
}

}  // namespace

Arrangement::Arrangement(SessionPtr session, const ArrangementOptions& options,
                         const std::atomic<bool>& stop)
    : session_(std::move(session)),
      grouping_(options.grouping),
      filtered_(!options.filters.empty()) {
  fill_sets(options);
  if (filtered_ && !filter(options, stop)) return;
  sort(options, stop);
  finish();
}

ArrangementPtr Arrangement::make_default(SessionPtr session) {
  const std::atomic<bool> never{false};
  // shared: see ArrangementPtr
  return std::make_shared<const Arrangement>(std::move(session), ArrangementOptions{}, never);
}

// As the session groups its tasks.
void Arrangement::take_groups() {
  order_.reserve(session_->tasks().size());
  for (std::uint32_t group = 0; group < session_->groups().size(); ++group) {
    const TaskGroup& members = session_->groups()[group];
    const auto begin = static_cast<std::uint32_t>(order_.size());
    order_.insert(order_.end(), members.tasks.begin(), members.tasks.end());
    sets_.push_back({.label = members.label,
                     .place = members.place,
                     .key = group,
                     .begin = begin,
                     .end = static_cast<std::uint32_t>(order_.size()),
                     .group = group,
                     .has_header = members.tasks.size() > 1});
  }
}

// All tasks, set after set, in the order of their ids.
void Arrangement::fill_sets(const ArrangementOptions& options) {
  if (options.grouping == Grouping::SpawnSite) return take_groups();
  Grouped grouped = group_tasks(*session_, options.grouping);
  sets_ = std::move(grouped.sets);
  for (const std::uint32_t set : grouped.set_of) ++sets_[set].end;
  std::uint32_t before = 0;
  std::vector<std::uint32_t> next;
  next.reserve(sets_.size());
  for (TaskSet& set : sets_) {
    next.push_back(before);
    set.begin = before;
    before = set.end += before;
    // A set of one is its task, even if a filter made it so.
    set.has_header = set.size() > 1 && options.grouping != Grouping::None;
  }
  order_.resize(grouped.set_of.size());
  for (TaskIndex task = 0; task < grouped.set_of.size(); ++task) {
    order_[next[grouped.set_of[task]]++] = task;
  }
}

// False if it was stopped.
bool Arrangement::filter(const ArrangementOptions& options, const std::atomic<bool>& stop) {
  std::vector<char> stays(session_->tasks().size(), 1);
  for (const std::string& text : options.filters) {
    const Query query = parse_query(text).query;
    QueryMatcher matcher(*session_, query);
    for (TaskIndex task = 0; task < stays.size(); ++task) {
      if (stop.load()) return false;
      if (stays[task] != 0 && !matcher.task_or_span(task)) stays[task] = 0;
    }
  }
  std::vector<TaskIndex> order;
  for (TaskSet& set : sets_) {
    const auto begin = static_cast<std::uint32_t>(order.size());
    std::copy_if(order_.begin() + set.begin, order_.begin() + set.end, std::back_inserter(order),
                 [&](TaskIndex task) { return stays[task] != 0; });
    if (order.size() - begin != set.size()) set.group = TaskSet::kNoGroup;
    set.begin = begin;
    set.end = static_cast<std::uint32_t>(order.size());
    set.has_header = set.has_header && set.size() > 1;
  }
  order_ = std::move(order);
  std::erase_if(sets_, [](const TaskSet& set) { return set.size() == 0; });
  return true;
}

// Tasks within their sets, and the sets among each other.
void Arrangement::sort(const ArrangementOptions& options, const std::atomic<bool>& stop) {
  const std::vector<Task>& tasks = session_->tasks();
  if (options.sort == SortBy::Id) return;
  std::vector<std::int64_t> keys;
  if (options.sort == SortBy::Time || options.sort == SortBy::Creation) {
    keys.resize(tasks.size());
    for (const TaskIndex task : order_) {
      if (stop.load()) return;
      keys[task] = options.sort == SortBy::Creation
                       ? tasks[task].row.created_ns.value_or(-1)
                       : -tasks[task].track.times_in(options.range)[index_of(options.sort_class)];
    }
  }
  const auto before = [&](TaskIndex a, TaskIndex b) {
    return keys.empty() ? tasks[a].name < tasks[b].name : keys[a] < keys[b];
  };
  for (const TaskSet& set : sets_) {
    const auto begin = order_.begin() + set.begin;
    const auto end = order_.begin() + set.end;
    if (!std::is_sorted(begin, end, before)) std::stable_sort(begin, end, before);
  }
  if (options.sort == SortBy::Creation) return;
  std::vector<std::int64_t> sums(sets_.size());
  for (std::size_t at = 0; at < sets_.size() && !keys.empty(); ++at) {
    for (const TaskIndex task : tasks_of(sets_[at])) sums[at] += keys[task];
  }
  std::vector<std::uint32_t> ranks(sets_.size());
  std::iota(ranks.begin(), ranks.end(), 0U);
  std::stable_sort(ranks.begin(), ranks.end(), [&](std::uint32_t a, std::uint32_t b) {
    return keys.empty() ? sets_[a].label < sets_[b].label : sums[a] < sums[b];
  });
  std::vector<TaskSet> sets;
  std::vector<TaskIndex> order;
  sets.reserve(sets_.size());
  order.reserve(order_.size());
  for (const std::uint32_t rank : ranks) {
    TaskSet& set = sets.emplace_back(std::move(sets_[rank]));
    const auto begin = static_cast<std::uint32_t>(order.size());
    order.insert(order.end(), order_.begin() + set.begin, order_.begin() + set.end);
    set.end = begin + set.size();
    set.begin = begin;
  }
  sets_ = std::move(sets);
  order_ = std::move(order);
}

void Arrangement::finish() {
  position_.assign(session_->tasks().size(), kHidden);
  for (std::uint32_t at = 0; at < order_.size(); ++at) position_[order_[at]] = at;
  for (TaskSet& set : sets_) {
    if (set.group == TaskSet::kNoGroup && set.has_header) set.alive_max = alive_max(tasks_of(set));
  }
  if (filtered_) alive_max_ = alive_max(order_);
}

std::uint32_t Arrangement::alive_max(std::span<const TaskIndex> tasks) const {
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> ends;
  for (const TaskIndex task : tasks) {
    const Track& track = session_->tasks()[task].track;
    if (track.empty()) continue;
    starts.push_back(track.start_ns());
    ends.push_back(track.end_ns());
  }
  std::sort(starts.begin(), starts.end());
  std::sort(ends.begin(), ends.end());
  std::size_t most = 0;
  std::size_t ended = 0;
  for (std::size_t started = 0; started < starts.size(); ++started) {
    while (ended < ends.size() && ends[ended] <= starts[started]) ++ended;
    // An empty track may end where it starts.
    most = std::max(most, started + 1 - std::min(ended, started));
  }
  return static_cast<std::uint32_t>(most);
}

std::optional<std::uint32_t> Arrangement::position(TaskIndex task) const {
  if (task >= position_.size() || position_[task] == kHidden) return std::nullopt;
  return position_[task];
}

const TaskSet& Arrangement::set_at(std::uint32_t position) const {
  const auto after =
      std::upper_bound(sets_.begin(), sets_.end(), position,
                       [](std::uint32_t at, const TaskSet& set) { return at < set.begin; });
  return *(after - 1);
}

std::vector<Cell> Arrangement::cells(std::uint32_t set, const ColumnGrid& grid, std::int64_t first,
                                     std::int64_t last) const {
  const std::span<const TaskIndex> tasks = set == kAllSets ? order_ : tasks_of(sets_[set]);
  const std::int64_t most = set == kAllSets ? alive_max_ : sets_[set].alive_max;
  std::vector<Cell> cells;
  first = std::max(first, grid.column_of(0));
  last = std::min(last, grid.column_of(session_->duration_ns()) + 1);
  if (first >= last || most == 0) return cells;
  std::int64_t lookups = 0;
  for (const TaskIndex task : tasks) {
    const Track& track = session_->tasks()[task].track;
    if (track.empty()) continue;
    const std::int64_t from = std::max(first, grid.nearest_edge(track.start_ns()));
    const std::int64_t to = std::min(last, grid.nearest_edge(track.end_ns()));
    lookups += std::max<std::int64_t>(to - from, 0);
  }
  std::int64_t step = 1;
  while (lookups / step > kLookupsMax) step *= 2;
  // On multiples of the step, so that columns stay when the view is moved.
  ColumnSums sums(grid, floor_to(first, step), last, step);
  for (const TaskIndex task : tasks) sums.add(session_->tasks()[task].track);
  for (std::size_t at = 0; at < sums.size(); ++at) {
    const auto shares = to_shares(sums.times(at), sums.length_ns(at) * most);
    if (shares == decltype(shares){}) continue;
    const std::int64_t column = sums.column(at);
    if (!cells.empty() && cells.back().last == column && cells.back().shares == shares) {
      cells.back().last += step;
    } else {
      cells.push_back({.first = column, .last = column + step, .shares = shares});
    }
  }
  return cells;
}

}  // namespace taskscope::viewer
