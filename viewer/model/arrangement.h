// Which tasks have rows, in which groups and in which order: grouping, sorting and filters applied
// to a session.
//
// Immutable once made and shared between the UI thread and the row-query threads. Making the
// default one takes milliseconds for a million tasks; every other one may take seconds and belongs
// on a background thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "viewer/model/session.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

enum class Grouping : std::uint8_t { SpawnSite, Name, Parent, None };
enum class SortBy : std::uint8_t { Id, Creation, Name, Time };

struct ArrangementOptions {
  Grouping grouping = Grouping::SpawnSite;
  SortBy sort = SortBy::Id;
  StateClass sort_class = StateClass::Running;  // of Time: longest in this class first …
  TimeRange range;                              // … within this range
  std::vector<std::string> filters;             // queries that must all hold

  bool is_default() const {
    return grouping == Grouping::SpawnSite && sort == SortBy::Id && filters.empty();
  }
  friend bool operator==(const ArrangementOptions&, const ArrangementOptions&) = default;
};

// Tasks that stand together.
struct TaskSet {
  static constexpr std::uint32_t kNoGroup = 0xffff'ffff;

  std::string label;
  std::string place;        // of a spawn site; else empty
  std::uint32_t key = 0;    // stays the same whatever is sorted or filtered
  std::uint32_t begin = 0;  // into the order of tasks
  std::uint32_t end = 0;
  std::uint32_t group = kNoGroup;  // the session's group with exactly these tasks
  std::uint32_t alive_max = 0;     // most of its tasks at once; of sets that are no group
  bool has_header = false;

  std::uint32_t size() const { return end - begin; }
};

class Arrangement {
 public:
  Arrangement(SessionPtr session, const ArrangementOptions& options, const std::atomic<bool>& stop);
  static std::shared_ptr<const Arrangement> make_default(SessionPtr session);

  const SessionPtr& session() const { return session_; }
  const std::vector<TaskSet>& sets() const { return sets_; }
  const std::vector<TaskIndex>& order() const { return order_; }
  std::span<const TaskIndex> tasks_of(const TaskSet& set) const {
    return std::span(order_).subspan(set.begin, set.size());
  }
  Grouping grouping() const { return grouping_; }
  bool filtered() const { return filtered_; }
  // Where in the order a task is; nothing if a filter hides it.
  std::optional<std::uint32_t> position(TaskIndex task) const;
  // REQUIRES: position() of a task.
  const TaskSet& set_at(std::uint32_t position) const;

  // What is drawn in the row of a set that is no group of the session, or of all tasks together
  // (kAllSets): mixtures in 1/255 of the most tasks at once. Exact, in columns that are the coarser
  // the more tasks are alive there.
  static constexpr std::uint32_t kAllSets = 0xffff'ffff;
  std::vector<Cell> cells(std::uint32_t set, const ColumnGrid& grid, std::int64_t first,
                          std::int64_t last) const;

 private:
  void take_groups();
  void fill_sets(const ArrangementOptions& options);
  bool filter(const ArrangementOptions& options, const std::atomic<bool>& stop);
  void sort(const ArrangementOptions& options, const std::atomic<bool>& stop);
  void finish();
  std::uint32_t alive_max(std::span<const TaskIndex> tasks) const;

  // Constant after construction.
  SessionPtr session_;
  std::vector<TaskSet> sets_;
  std::vector<TaskIndex> order_;
  std::vector<std::uint32_t> position_;  // by task; 0xffffffff: hidden
  std::uint32_t alive_max_ = 0;          // of all; only if filtered
  Grouping grouping_ = Grouping::SpawnSite;
  bool filtered_ = false;
};

using ArrangementPtr = std::shared_ptr<const Arrangement>;  // shared: UI and query threads read it

}  // namespace taskscope::viewer
