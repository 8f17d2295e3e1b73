#include "recorder/store/pending_tasks.h"

#include <algorithm>
#include <string_view>

#include "recorder/store/read_only_module.h"

namespace taskscope::store {

namespace {

struct PendingTaskCursor {
  sqlite3_vtab_cursor base{};  // first: SQLite sees only this
  const PendingTasks::Rows* rows = nullptr;
  std::size_t at = 0;
};

// In the order of `task`, so that SQLite need not put them in order for each row.
constexpr const char* kTableSql =
    "CREATE TABLE tasks(id, name, parent_id, spawn_site_id, scope_id, created_ns, ended_ns, state,"
    " running_ns, runnable_ns, blocked_ns, syscall_ns, sleeping_ns, wakeups, steals, stack_bytes,"
    " leak_tier, panic_message, program_id, label_set_id, spawn_stack_id)";
enum Column {
  kId,
  kName,
  kParentId,
  kSpawnSiteId,
  kScopeId,
  kCreatedNs,
  kEndedNs,
  kState,
  kFirstTime,
  kWakeups = kFirstTime + static_cast<int>(kSpanStates),
  kSteals,
  kStackBytes,
  kLeakTier,
  kPanicMessage,
  kProgramId,
  kLabelSetId,
  kSpawnStackId
};

struct PendingTaskTable {
  sqlite3_vtab base{};  // first: SQLite sees only this
  const PendingTasks::Rows* rows = nullptr;
};

PendingTaskCursor& cursor_of(sqlite3_vtab_cursor* base) {
  return *reinterpret_cast<PendingTaskCursor*>(base);
}

// The text stays where it is until the row is written.
void result_name(sqlite3_context* context, std::string_view text) {
  if (text.empty()) return;
  sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

int connect_table(sqlite3* database, void* rows, int, const char* const*, sqlite3_vtab** out,
                  char**) {
  const int code = sqlite3_declare_vtab(database, kTableSql);
  if (code != SQLITE_OK) return code;
  auto* made =
      new PendingTaskTable{.base = {}, .rows = static_cast<const PendingTasks::Rows*>(rows)};
  *out = &made->base;
  return SQLITE_OK;
}

int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  info->estimatedCost = 1e3;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  auto* made = new PendingTaskCursor;
  made->rows = reinterpret_cast<PendingTaskTable*>(base)->rows;
  *out = &made->base;
  return SQLITE_OK;
}

int filter_cursor(sqlite3_vtab_cursor* base, int, const char*, int, sqlite3_value**) {
  cursor_of(base).at = 0;
  return SQLITE_OK;
}

int next_row(sqlite3_vtab_cursor* base) {
  ++cursor_of(base).at;
  return SQLITE_OK;
}

int is_at_end(sqlite3_vtab_cursor* base) {
  const PendingTaskCursor& cursor = cursor_of(base);
  return cursor.at == cursor.rows->size();
}

void result_of(const PendingTasks::Task& task, sqlite3_context* context, int column) {
  const auto& [row, totals_known] = task;
  switch (column) {
    case kScopeId:
    case kStackBytes:
    case kLeakTier:
      return;  // unknown
    case kId:
      return sqlite3_result_int64(context, static_cast<sqlite3_int64>(row.id));
    case kName:
      return result_name(context, row.name);
    case kParentId:
      return result_id(context, row.parent_id);
    case kSpawnSiteId:
      return result_id(context, row.spawn_site_id);
    case kCreatedNs:
      return result_time(context, row.created_ns);
    case kEndedNs:
      return result_time(context, row.ended_ns);
    case kPanicMessage:
      return result_name(context, row.panic_message);
    case kProgramId:
      return sqlite3_result_int64(context, program_of(row.id));
    case kLabelSetId:
      return result_id(context, row.label_set_id);
    case kSpawnStackId:
      return result_id(context, row.spawn_stack_id);
    default:
      break;
  }
  if (!totals_known) return;
  switch (column) {
    case kState:
      if (row.state_known) result_name(context, to_text(row.state));
      return;
    case kWakeups:
      return sqlite3_result_int64(context, static_cast<sqlite3_int64>(row.wakeups));
    case kSteals:
      return sqlite3_result_int64(context, static_cast<sqlite3_int64>(row.steals));
    default:
      sqlite3_result_int64(context, row.state_ns[static_cast<std::size_t>(column - kFirstTime)]);
  }
}

int column_value(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const PendingTaskCursor& cursor = cursor_of(base);
  result_of(*(*cursor.rows)[cursor.at], context, column);
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(cursor_of(base).at);
  return SQLITE_OK;
}

const sqlite3_module kModule =
    read_only_module<PendingTaskTable, PendingTaskCursor>({.connect = connect_table,
                                                           .best_index = best_index,
                                                           .open = open_cursor,
                                                           .filter = filter_cursor,
                                                           .next = next_row,
                                                           .is_at_end = is_at_end,
                                                           .column = column_value,
                                                           .row_id = row_id});

}  // namespace

bool PendingTasks::Task::is_plainly_done() const {
  return totals_known && row.state_known && row.state == TaskState::Done && row.name.empty() &&
         row.panic_message.empty();
}

int PendingTasks::register_tables(sqlite3* database) {
  const int code = sqlite3_create_module(database, "done_task", &kModule, &done_);
  return code != SQLITE_OK ? code
                           : sqlite3_create_module(database, "other_task", &kModule, &others_);
}

void PendingTasks::put(TaskRow&& row, bool totals_known) {
  tasks_.push_back({.row = std::move(row), .totals_known = totals_known});
}

void PendingTasks::sort() {
  order_.clear();
  for (const Task& task : tasks_) {
    order_.emplace_back(task.row.id, static_cast<std::uint32_t>(order_.size()));
  }
  std::sort(order_.begin(), order_.end());
  for (std::size_t i = 0; i < order_.size(); ++i) {
    // The last one of each id.
    if (i + 1 < order_.size() && order_[i + 1].first == order_[i].first) continue;
    const Task& task = tasks_[order_[i].second];
    (task.is_plainly_done() ? done_ : others_).push_back(&task);
  }
}

void PendingTasks::clear() {
  tasks_.clear();
  done_.clear();
  others_.clear();
}

}  // namespace taskscope::store
