// What tasks of a program said, line by line, and which lines stand so close that they share a
// mark.
//
// Built at once by a loader thread, immutable from then on; usable from any thread. Tasks are
// indices into TraceSession::tasks().
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

struct LogLine {
  std::int64_t ns = 0;
  std::string category;  // empty: none given
  std::string message;
};

// Lines [first, last) of a table.
struct LogLines {
  std::size_t first = 0;
  std::size_t last = 0;

  std::size_t size() const { return last - first; }
  bool empty() const { return first == last; }
  friend bool operator==(const LogLines&, const LogLines&) = default;
};

class LogTable {
 public:
  LogTable() = default;
  // `find` says which task that is, if it is known.
  LogTable(std::vector<store::LogRow> rows,
           const std::function<std::optional<std::uint32_t>(store::TaskId)>& find);

  std::size_t size() const { return lines_.size(); }
  const LogLine& operator[](std::size_t at) const { return lines_[at]; }
  // Of a task, by time.
  LogLines of(std::uint32_t task) const;
  // Those of a task that touch columns [first, last), in groups that each lie within `mark_px`
  // columns and are cut at multiples of it, so that panning does not regroup them. The cost is
  // bounded by the number of columns times the logarithm of the lines.
  std::vector<LogLines> groups(std::uint32_t task, const ColumnGrid& grid, std::int64_t first,
                               std::int64_t last, std::int64_t mark_px) const;
  // Of threads that ran no task, or of tasks that are not known: they have no row.
  std::size_t elsewhere() const { return elsewhere_; }

 private:
  std::size_t first_at(LogLines within, std::int64_t ns) const;

  // Constant after construction.
  std::vector<LogLine> lines_;                                // by task, by time
  std::vector<std::pair<std::uint32_t, std::size_t>> tasks_;  // by task, with its first line
  std::size_t elsewhere_ = 0;
};

}  // namespace taskscope::viewer
