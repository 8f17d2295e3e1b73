// Rows of tasks that wait to be written, as a table that SQLite reads from: one statement then
// writes them all, in the order of their ids.
//
// Tasks end in any order, but those that end at about the same time often began so, too: written in
// order of id they go to the same few pages one after another, and the statement is begun once.
// Owned by the writer; one thread at a time.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "recorder/store/rows.h"

namespace taskscope::store {

class PendingTasks {
 public:
  // Makes them the tables `done_task` and `other_task` of the connection, with the columns of
  // `task`. Those that are done and have no name are by far the most, and of these a third of the
  // columns need not be asked for: NULL, or 'done'.
  // REQUIRES: this stays where it is until the connection is closed.
  int register_tables(sqlite3* database);

  // Without totals those columns are NULL.
  void put(TaskRow&& row, bool totals_known);
  std::size_t size() const { return tasks_.size(); }
  // Sorts the rows by id; of one that was put several times the last one stays. To be called before
  // the tables are read.
  void sort();
  // Whether the tables have rows.
  bool has_done() const { return !done_.empty(); }
  bool has_others() const { return !others_.empty(); }
  void clear();

  struct Task {
    TaskRow row;
    bool totals_known = false;

    bool is_plainly_done() const;
  };
  using Rows = std::vector<const Task*>;

 private:
  std::vector<Task> tasks_;
  std::vector<std::pair<TaskId, std::uint32_t>> order_;  // with the place in tasks_
  Rows done_;
  Rows others_;
};

}  // namespace taskscope::store
