#include "viewer/model/area.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace taskscope::viewer {
namespace {

// Counts in buckets that are an 256th of their value wide (a log-linear histogram, as in
// HdrHistogram): percentiles of any number of spans in fixed memory.
class Buckets {
 public:
  void add(std::int64_t ns) {
    const std::size_t at = bucket(static_cast<std::uint64_t>(ns));
    if (counts_.size() <= at) counts_.resize(at + 1);
    ++counts_[at];
    ++count_;
  }
  // The value of that rank (from 1), to the middle of its bucket.
  std::int64_t value(std::uint64_t rank) const {
    std::uint64_t before = 0;
    for (std::size_t at = 0; at < counts_.size(); ++at) {
      before += counts_[at];
      if (before >= rank) return middle(at);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 8;
  static std::size_t bucket(std::uint64_t value) {
    if (value < 1U << kBits) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBits - 1;
    return (std::size_t{shift} + 1) * (1U << kBits) + ((value >> shift) - (1U << kBits));
  }
  static std::int64_t middle(std::size_t at) {
    if (at < 1U << kBits) return static_cast<std::int64_t>(at);
    const std::size_t shift = at / (1U << kBits) - 1;
    const std::size_t low = (at % (1U << kBits) + (1U << kBits)) << shift;
    return static_cast<std::int64_t>(low + (std::size_t{1} << shift) / 2);
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
};

class Durations {
 public:
  explicit Durations(std::size_t exact_max) : exact_max_(exact_max) {}

  void add(std::int64_t ns) {
    ++count_;
    total_ns_ += ns;
    max_ns_ = std::max(max_ns_, ns);
    if (count_ <= exact_max_) {
      all_.push_back(ns);
      return;
    }
    for (const std::int64_t before : all_) buckets_.add(before);
    std::vector<std::int64_t>().swap(all_);
    buckets_.add(ns);
  }
  bool exact() const { return count_ <= exact_max_; }
  std::uint64_t count() const { return count_; }

  ClassStatistics statistics(StateClass state) {
    ClassStatistics out{.state = state, .count = count_, .total_ns = total_ns_, .max_ns = max_ns_};
    out.mean_ns = std::llround(static_cast<double>(total_ns_) / static_cast<double>(count_));
    out.p50_ns = percentile(50);
    out.p95_ns = percentile(95);
    out.p99_ns = percentile(99);
    return out;
  }

 private:
  std::int64_t percentile(std::uint64_t percent) {
    const std::uint64_t rank = std::max<std::uint64_t>((count_ * percent + 99) / 100, 1);
    if (!exact()) return std::min(buckets_.value(rank), max_ns_);
    const auto at = all_.begin() + static_cast<std::ptrdiff_t>(rank - 1);
    std::nth_element(all_.begin(), at, all_.end());
    return *at;
  }

  std::size_t exact_max_;
  std::uint64_t count_ = 0;
  std::int64_t total_ns_ = 0;
  std::int64_t max_ns_ = 0;
  std::vector<std::int64_t> all_;
  Buckets buckets_;
};

const Track& track_of(const TraceSession& session, RowKind kind, std::uint32_t index) {
  if (kind == RowKind::Worker) return session.workers()[index].track;
  if (kind == RowKind::Thread) return session.threads()[index].track;
  return session.tasks()[index].track;
}

std::int64_t value_of(const ClassStatistics& row, AreaColumn column) {
  switch (column) {
    case AreaColumn::State:
      break;
    case AreaColumn::Count:
      return static_cast<std::int64_t>(row.count);
    case AreaColumn::Total:
      return row.total_ns;
    case AreaColumn::Mean:
      return row.mean_ns;
    case AreaColumn::P50:
      return row.p50_ns;
    case AreaColumn::P95:
      return row.p95_ns;
    case AreaColumn::P99:
      return row.p99_ns;
    case AreaColumn::Max:
      return row.max_ns;
  }
  const auto rank = std::find(kBySeverity.begin(), kBySeverity.end(), row.state);
  return kBySeverity.end() - rank;
}

}  // namespace

std::size_t AreaRows::size() const {
  std::size_t sum = 0;
  for (const Run& run : runs) sum += run.end - run.begin;
  return sum;
}

AreaRows area_rows(const RowList& rows, const Folds& folds, std::int64_t top, std::int64_t bottom) {
  std::vector<AreaRows::Run> tasks;
  std::vector<AreaRows::Run> workers;
  std::vector<AreaRows::Run> threads;
  const auto add = [](std::vector<AreaRows::Run>& runs, std::uint32_t begin, std::uint32_t end) {
    if (!runs.empty() && runs.back().end == begin) {
      runs.back().end = end;
    } else {
      runs.push_back({begin, end});
    }
  };
  for (const RowList::Run& run : rows.runs(top, bottom)) {
    if (run.kind == RowKind::Task) add(tasks, run.first, run.first + run.count);
    if (run.kind == RowKind::Worker) add(workers, run.first, run.first + run.count);
    for (std::uint32_t at = 0; at < run.count && run.kind == RowKind::Thread; ++at) {
      const std::uint32_t thread = rows.thread_at(run.first + at);
      add(threads, thread, thread + 1);
    }
    if (run.kind != RowKind::GroupHeader) continue;
    const TaskSet& set = rows.arrangement()->sets()[run.first];
    if (folds.groups.contains(set.key)) add(tasks, set.begin, set.end);
  }
  AreaRows out;
  out.arrangement = rows.arrangement();
  out.kind = !tasks.empty() ? RowKind::Task : !workers.empty() ? RowKind::Worker : RowKind::Thread;
  out.runs = !tasks.empty() ? tasks : !workers.empty() ? workers : threads;
  return out;
}

AreaStatistics area_statistics(const TraceSession& session, const AreaRows& rows, TimeRange time,
                               const std::atomic<bool>& stop, std::size_t exact_max) {
  std::vector<Durations> classes(kStateClasses, Durations(exact_max));
  const auto add_row = [&](std::uint32_t index) {
    const Track& track = track_of(session, rows.kind, index);
    TrackWalk walk(track, time.start_ns);
    while (const TrackSpan* span = walk.next()) {
      if (span->start_ns >= time.end_ns || stop.load()) break;
      const std::int64_t inside =
          std::min(span->end_ns, time.end_ns) - std::max(span->start_ns, time.start_ns);
      classes[index_of(span->state_class)].add(inside);
    }
  };
  for (const AreaRows::Run& run : rows.runs) {
    for (std::uint32_t at = run.begin; at < run.end; ++at) {
      if (stop.load()) return {};
      add_row(rows.index(at));
    }
  }
  AreaStatistics out;
  for (std::size_t at = 0; at < kStateClasses; ++at) {
    if (classes[at].count() == 0) continue;
    out.classes.push_back(classes[at].statistics(static_cast<StateClass>(at)));
    out.exact = out.exact && classes[at].exact();
  }
  return out;
}

void sort_statistics(std::vector<ClassStatistics>& classes, AreaColumn column) {
  std::stable_sort(classes.begin(), classes.end(),
                   [&](const ClassStatistics& a, const ClassStatistics& b) {
                     return value_of(a, column) > value_of(b, column);
                   });
}

std::string statistics_csv(const std::vector<ClassStatistics>& classes) {
  std::string csv = "state,count,total_ns,mean_ns,p50_ns,p95_ns,p99_ns,max_ns\n";
  for (const ClassStatistics& row : classes) {
    csv += fmt::format("{},{},{},{},{},{},{},{}\n", to_short_text(row.state), row.count,
                       row.total_ns, row.mean_ns, row.p50_ns, row.p95_ns, row.p99_ns, row.max_ns);
  }
  return csv;
}

}  // namespace taskscope::viewer
