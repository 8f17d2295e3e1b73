#include "recorder/store/annotation_tables.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <unordered_map>
#include <vector>

#include "recorder/store/annotation_rows.h"
#include "recorder/store/read_only_module.h"

namespace taskscope::store {
namespace {

enum class Table { Region, Sample };

constexpr const char* kRegionSql =
    "CREATE TABLE region(task_id INTEGER, name TEXT, start_ns INTEGER, end_ns INTEGER,"
    " depth INTEGER, site_id INTEGER, worker_id INTEGER, name_id INTEGER)";
enum RegionColumn { kTaskId, kName, kStart, kEnd, kDepth, kSiteId, kWorkerId, kNameId };

constexpr const char* kSampleSql =
    "CREATE TABLE counter_sample(ns INTEGER, counter_id INTEGER, value INTEGER, task_id INTEGER)";
enum SampleColumn { kNs, kCounterId, kValue, kSampleTaskId };

constexpr const char* kChunkSql =
    "SELECT id, worker_id, data FROM chunk WHERE end_ns >= ?1 AND start_ns <= ?2"
    " AND (kind_mask & ?3) != 0 ORDER BY id";

// Conditions travel from best_index to filter as letters: times from which, up to which, or both.
constexpr char kFrom = 'f';
constexpr char kTo = 't';
constexpr char kAt = 'a';

struct VirtualTable {
  sqlite3_vtab base{};  // first: SQLite sees only this
  sqlite3* database = nullptr;
  Table table = Table::Region;
};

struct Cursor {
  sqlite3_vtab_cursor base{};  // first: SQLite sees only this
  VirtualTable* owner = nullptr;
  Statement chunks;
  ChunkColumns columns;
  std::vector<std::uint32_t> rows;  // of the chunk, that are this table's
  std::size_t at = 0;
  std::int64_t chunk_id = 0;
  WorkerId worker_id = kNoWorker;
  bool at_end = false;
  Statement name;
  std::unordered_map<NameId, std::string> names;  // that were asked for

  int next_chunk();
  const std::string& name_of(NameId id);
};

// Goes to the first row in the next chunk that has one.
int Cursor::next_chunk() {
  for (;;) {
    const int code = chunks.step();
    if (code == SQLITE_DONE) {
      at_end = true;
      return SQLITE_OK;
    }
    if (code != SQLITE_ROW) return code;
    chunk_id = chunks.integer(0);
    const auto worker = chunks.optional_integer(1);
    worker_id = worker ? static_cast<WorkerId>(*worker) : kNoWorker;
    if (auto decoded = decode_chunk(chunks.blob(2), kAnnotationColumns, columns); !decoded) {
      sqlite3_free(owner->base.zErrMsg);
      owner->base.zErrMsg = sqlite3_mprintf("chunk %lld: %s", static_cast<long long>(chunk_id),
                                            decoded.error().message.c_str());
      return SQLITE_CORRUPT_VTAB;
    }
    rows.clear();
    at = 0;
    for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
      const EventKind kind = columns.kinds[i];
      const bool mine =
          owner->table == Table::Region ? ends_region(kind) : kind == EventKind::Counter;
      if (mine) rows.push_back(static_cast<std::uint32_t>(i));
    }
    if (!rows.empty()) return SQLITE_OK;
  }
}

// Empty if it is not known.
const std::string& Cursor::name_of(NameId id) {
  const auto [it, fresh] = names.try_emplace(id);
  if (!fresh || !name) return it->second;
  if (name.bind_id(1, id).step() == SQLITE_ROW) it->second = name.text(0);
  name.reset();
  return it->second;
}

Cursor& cursor_of(sqlite3_vtab_cursor* base) { return *reinterpret_cast<Cursor*>(base); }

int connect_table(sqlite3* database, void* aux, int, const char* const*, sqlite3_vtab** out,
                  char**) {
  const Table table = *static_cast<const Table*>(aux);
  const int code = sqlite3_declare_vtab(database, table == Table::Region ? kRegionSql : kSampleSql);
  if (code != SQLITE_OK) return code;
  sqlite3_vtab_config(database, SQLITE_VTAB_INNOCUOUS);
  auto* made = new VirtualTable{.base = {}, .database = database, .table = table};
  *out = &made->base;
  return SQLITE_OK;
}

// What a condition says of the times of chunks; 0: nothing. SQLite checks all of them again.
char letter_of(Table table, int column, unsigned char op) {
  const bool ends = table == Table::Region ? column == kEnd : column == kNs;
  const bool starts = table == Table::Region ? column == kStart : column == kNs;
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
      return ends ? kFrom : '\0';
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
      return starts ? kTo : '\0';
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return ends && starts ? kAt : ends ? kFrom : starts ? kTo : '\0';
    default:
      return '\0';
  }
}

int best_index(sqlite3_vtab* base, sqlite3_index_info* info) {
  const Table table = reinterpret_cast<VirtualTable*>(base)->table;
  std::string letters;
  double cost = 1e6;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (!constraint.usable) continue;
    const char letter = letter_of(table, constraint.iColumn, constraint.op);
    if (letter == '\0') continue;
    letters += letter;
    info->aConstraintUsage[i].argvIndex = static_cast<int>(letters.size());
    cost /= 8;
  }
  info->idxStr = sqlite3_mprintf("%s", letters.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = 1'000'000;
  info->estimatedCost = cost;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  auto* made = new Cursor;
  made->owner = reinterpret_cast<VirtualTable*>(base);
  *out = &made->base;
  return SQLITE_OK;
}

int filter_cursor(sqlite3_vtab_cursor* base, int, const char* letters, int count,
                  sqlite3_value** values) {
  Cursor& cursor = cursor_of(base);
  std::int64_t from_ns = std::numeric_limits<std::int64_t>::min();
  std::int64_t to_ns = std::numeric_limits<std::int64_t>::max();
  for (int i = 0; i < count; ++i) {
    // Others compare in ways that are SQLite's alone.
    if (sqlite3_value_type(values[i]) != SQLITE_INTEGER) continue;
    const std::int64_t ns = sqlite3_value_int64(values[i]);
    if (letters[i] != kTo) from_ns = std::max(from_ns, ns);
    if (letters[i] != kFrom) to_ns = std::min(to_ns, ns);
  }
  sqlite3* const database = cursor.owner->database;
  cursor.at_end = false;
  cursor.chunks = Statement(database, kChunkSql);
  if (!cursor.chunks) return sqlite3_errcode(database);
  // The names are in the database of the chunks; without them a region has none.
  if (!cursor.name) cursor.name = Statement(database, "SELECT text FROM name WHERE id = ?");
  const std::uint64_t kinds =
      cursor.owner->table == Table::Region ? kRegionKinds : kind_bit(EventKind::Counter);
  cursor.chunks.bind(1, from_ns).bind(2, to_ns).bind(3, static_cast<std::int64_t>(kinds));
  return cursor.next_chunk();
}

int next_row(sqlite3_vtab_cursor* base) {
  Cursor& cursor = cursor_of(base);
  return ++cursor.at < cursor.rows.size() ? SQLITE_OK : cursor.next_chunk();
}

int is_at_end(sqlite3_vtab_cursor* base) { return cursor_of(base).at_end; }

void result_region(sqlite3_context* context, Cursor& cursor, const RegionRow& row, int column) {
  switch (column) {
    case kTaskId:
      return result_id(context, row.task_id);
    case kName: {
      const std::string& name = cursor.name_of(row.name_id);
      if (name.empty()) return;
      return sqlite3_result_text(context, name.data(), static_cast<int>(name.size()),
                                 SQLITE_TRANSIENT);
    }
    case kStart:
      return result_time(context, row.start_ns);
    case kEnd:
      return result_time(context, row.end_ns);
    case kDepth:
      return sqlite3_result_int(context, row.depth);
    case kSiteId:
      return result_id(context, row.site_id);
    case kWorkerId:
      if (row.worker_id != kNoWorker) sqlite3_result_int64(context, row.worker_id);
      return;
    case kNameId:
      return result_id(context, row.name_id);
    default:
      return;
  }
}

void result_sample(sqlite3_context* context, const CounterSample& sample, int column) {
  switch (column) {
    case kNs:
      return sqlite3_result_int64(context, sample.ns);
    case kCounterId:
      return result_id(context, sample.counter_id);
    case kValue:
      return sqlite3_result_int64(context, sample.value);
    case kSampleTaskId:
      return result_id(context, sample.task_id);
    default:
      return;
  }
}

int column_value(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  Cursor& cursor = cursor_of(base);
  const std::size_t i = cursor.rows[cursor.at];
  if (cursor.owner->table == Table::Region) {
    result_region(context, cursor, region_at(cursor.columns, i, cursor.worker_id), column);
  } else {
    result_sample(context, sample_at(cursor.columns, i), column);
  }
  return SQLITE_OK;
}

int row_id(sqlite3_vtab_cursor* base, sqlite3_int64* out) {
  const Cursor& cursor = cursor_of(base);
  *out = cursor.chunk_id << 14 | cursor.rows[cursor.at];
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

Table region_table = Table::Region;
Table sample_table = Table::Sample;

}  // namespace

int register_annotation_tables(sqlite3* database, const AnnotationTableNames& names) {
  int code = sqlite3_create_module(database, names.region, &kModule, &region_table);
  if (code == SQLITE_OK) {
    code = sqlite3_create_module(database, names.counter_sample, &kModule, &sample_table);
  }
  if (code != SQLITE_OK) return code;
  // Both are connected now: at their first use an authorizer may stand in the way of that.
  const std::string sql =
      std::string("SELECT 1 FROM ") + names.region + ", " + names.counter_sample + " LIMIT 0";
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
}

}  // namespace taskscope::store
