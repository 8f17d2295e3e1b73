#include "recorder/store/state_time_table.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/chunk_codec.h"
#include "recorder/store/read_only_module.h"

namespace taskscope::store {
namespace {

constexpr const char* kSql =
    "CREATE TABLE state_time(part INTEGER, start_ns INTEGER, end_ns INTEGER, running_ns INTEGER,"
    " runnable_ns INTEGER, blocked_ns INTEGER, syscall_ns INTEGER, sleeping_ns INTEGER,"
    " parts INTEGER HIDDEN, from_ns INTEGER HIDDEN, to_ns INTEGER HIDDEN)";
enum Column { kPart, kStart, kEnd, kFirstState, kParts = kFirstState + kSpanStates, kFrom, kTo };
constexpr int kPartsDefault = 100;
constexpr std::int64_t kPartsMax = 100'000;
constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;

struct VirtualTable {
  sqlite3_vtab base{};  // first: SQLite sees only this
  sqlite3* database = nullptr;
};

// Times of states in equal parts of [from_ns, to_ns).
class Parts {
 public:
  Parts(std::int64_t from_ns, std::int64_t to_ns, std::size_t count)
      : from_ns_(from_ns), to_ns_(to_ns), times_(count) {}

  std::size_t count() const { return times_.size(); }
  const StateTimes& times(std::size_t part) const { return times_[part]; }
  std::int64_t start_ns(std::size_t part) const {
    const double share = static_cast<double>(part) / static_cast<double>(count());
    const auto offset = static_cast<std::int64_t>(static_cast<double>(to_ns_ - from_ns_) * share);
    return part == count() ? to_ns_ : from_ns_ + offset;
  }

  void add(std::int64_t start_ns, std::int64_t end_ns, TaskState state) {
    start_ns = std::max(start_ns, from_ns_);
    end_ns = std::min(end_ns, to_ns_);
    if (start_ns >= end_ns) return;
    for (std::size_t part = part_of(start_ns); part < count(); ++part) {
      const std::int64_t begin = std::max(start_ns, this->start_ns(part));
      const std::int64_t end = std::min(end_ns, this->start_ns(part + 1));
      if (begin >= end_ns) break;
      times_[part][static_cast<std::size_t>(state)] += std::max<std::int64_t>(end - begin, 0);
    }
  }

 private:
  // The part that holds `ns`, or one before it.
  std::size_t part_of(std::int64_t ns) const {
    const double share =
        static_cast<double>(ns - from_ns_) / static_cast<double>(to_ns_ - from_ns_);
    const auto part = static_cast<std::size_t>(share * static_cast<double>(count()));
    return part > 0 ? part - 1 : 0;
  }

  std::int64_t from_ns_;
  std::int64_t to_ns_;
  std::vector<StateTimes> times_;
};

struct Cursor {
  sqlite3_vtab_cursor base{};  // first: SQLite sees only this
  Parts parts{0, 0, 0};
  std::size_t at = 0;
};

Cursor& cursor_of(sqlite3_vtab_cursor* base) { return *reinterpret_cast<Cursor*>(base); }
VirtualTable& table_of(sqlite3_vtab* base) { return *reinterpret_cast<VirtualTable*>(base); }

int connect_table(sqlite3* database, void*, int, const char* const*, sqlite3_vtab** out, char**) {
  const int code = sqlite3_declare_vtab(database, kSql);
  if (code != SQLITE_OK) return code;
  sqlite3_vtab_config(database, SQLITE_VTAB_INNOCUOUS);
  *out = &(new VirtualTable{.base = {}, .database = database})->base;
  return SQLITE_OK;
}

// Arguments travel as the letters p, f and t in the order of their values.
int best_index(sqlite3_vtab*, sqlite3_index_info* info) {
  std::string arguments;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (constraint.iColumn < kParts || constraint.op != SQLITE_INDEX_CONSTRAINT_EQ) continue;
    if (!constraint.usable) return SQLITE_CONSTRAINT;
    arguments += "pft"[constraint.iColumn - kParts];
    info->aConstraintUsage[i].argvIndex = static_cast<int>(arguments.size());
    info->aConstraintUsage[i].omit = 1;
  }
  info->idxStr = sqlite3_mprintf("%s", arguments.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = kPartsDefault;
  info->estimatedCost = 1e6;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab*, sqlite3_vtab_cursor** out) {
  *out = &(new Cursor)->base;
  return SQLITE_OK;
}

int fail(sqlite3_vtab_cursor* base, const std::string& why, int code) {
  sqlite3_free(base->pVtab->zErrMsg);
  base->pVtab->zErrMsg = sqlite3_mprintf("%s", why.c_str());
  return code;
}

// Adds up every span that reaches into the stretch.
int read_chunks(sqlite3_vtab_cursor* base, std::int64_t from_ns, std::int64_t to_ns) {
  sqlite3* database = table_of(base->pVtab).database;
  Statement chunks(database,
                   "SELECT id, data FROM chunk WHERE spans > 0 AND end_ns >= ?1 AND start_ns < ?2");
  if (!chunks) return sqlite3_errcode(database);
  chunks.bind(1, from_ns).bind(2, to_ns);
  ChunkColumns columns;
  int code;
  while ((code = chunks.step()) == SQLITE_ROW) {
    const auto decoded =
        decode_chunk(chunks.blob(1), kTimeColumn | kSpanColumn | kReasonColumn, columns);
    if (!decoded) {
      return fail(base,
                  "chunk " + std::to_string(chunks.integer(0)) + ": " + decoded.error().message,
                  SQLITE_CORRUPT_VTAB);
    }
    for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
      if (columns.span_ns[i] == kNoSpan) continue;
      cursor_of(base).parts.add(columns.ns[i] - columns.span_ns[i], columns.ns[i],
                                closed_state(columns.kinds[i], columns.reasons[i]));
    }
  }
  return code == SQLITE_DONE ? SQLITE_OK : code;
}

int filter_cursor(sqlite3_vtab_cursor* base, int, const char* arguments, int count,
                  sqlite3_value** values) {
  std::int64_t parts = kPartsDefault;
  std::int64_t from_ns = 0;
  std::int64_t to_ns = -1;
  for (int i = 0; i < count; ++i) {
    const std::int64_t value = sqlite3_value_int64(values[i]);
    (arguments[i] == 'p' ? parts : arguments[i] == 'f' ? from_ns : to_ns) = value;
  }
  sqlite3* database = table_of(base->pVtab).database;
  if (to_ns < 0) {
    Statement end(database, "SELECT max(end_ns) FROM chunk");
    if (!end || end.step() != SQLITE_ROW) return sqlite3_errcode(database);
    to_ns = end.integer(0);
  }
  if (parts < 1 || parts > kPartsMax) {
    return fail(base, "state_time(parts, from_ns, to_ns): parts is from 1 to 100000", SQLITE_ERROR);
  }
  Cursor& cursor = cursor_of(base);
  cursor.at = 0;
  const bool empty = from_ns < 0 || to_ns > kTimeMax || from_ns >= to_ns;
  cursor.parts = Parts(from_ns, to_ns, empty ? 0 : static_cast<std::size_t>(parts));
  return empty ? SQLITE_OK : read_chunks(base, from_ns, to_ns);
}

int next_row(sqlite3_vtab_cursor* base) {
  ++cursor_of(base).at;
  return SQLITE_OK;
}

int is_at_end(sqlite3_vtab_cursor* base) {
  return cursor_of(base).at >= cursor_of(base).parts.count();
}

int column_value(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const Cursor& cursor = cursor_of(base);
  if (column == kPart) {
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(cursor.at));
  } else if (column == kStart || column == kEnd) {
    const std::size_t part = cursor.at + (column == kEnd ? 1 : 0);
    sqlite3_result_int64(context, cursor.parts.start_ns(part));
  } else if (column < kParts) {
    const auto state = static_cast<std::size_t>(column - kFirstState);
    sqlite3_result_int64(context, cursor.parts.times(cursor.at)[state]);
  }
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(cursor_of(base).at);
  return SQLITE_OK;
}

const sqlite3_module kModule = read_only_module<VirtualTable, Cursor>({.connect = connect_table,
                                                                       .best_index = best_index,
                                                                       .open = open_cursor,
                                                                       .filter = filter_cursor,
                                                                       .next = next_row,
                                                                       .is_at_end = is_at_end,
                                                                       .column = column_value,
                                                                       .row_id = row_id});

}  // namespace

int register_state_time(sqlite3* database) {
  const int code = sqlite3_create_module(database, "state_time", &kModule, nullptr);
  if (code != SQLITE_OK) return code;
  // Connected now: at its first use an authorizer may stand in the way of that.
  return sqlite3_exec(database, "SELECT 1 FROM state_time LIMIT 0", nullptr, nullptr, nullptr);
}

}  // namespace taskscope::store
