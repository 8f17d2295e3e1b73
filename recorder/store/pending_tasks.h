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
  // Makes them the table pending_task of the connection, with the columns of `task`.
  // REQUIRES: this stays where it is until the connection is closed.
  int register_table(sqlite3* database);

  // Without totals those columns are NULL.
  void put(TaskRow&& row, bool totals_known);
  std::size_t size() const { return tasks_.size(); }
  // Sorts the rows by id; of one that was put several times the last one stays. To be called before
  // the table is read.
  void sort();
  void clear();

 private:
  friend struct PendingTaskCursor;
  struct Task {
    TaskRow row;
    bool totals_known = false;
  };

  std::vector<Task> tasks_;
  std::vector<std::pair<TaskId, std::uint32_t>> order_;  // with the place in tasks_
};

}  // namespace taskscope::store
