#include "recorder/store/virtual_tables.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "recorder/store/chunk_codec.h"
#include "recorder/store/read_only_module.h"

namespace taskscope::store {
namespace {

enum class Table { Span, Event };

// The columns in the order of their declarations below. Start and end of an event are its time.
enum class Field {
  TaskId,
  WorkerId,
  ThreadId,
  State,
  Reason,
  ObjectId,
  Start,
  End,
  WokenBy,
  StackId,
  SiteId,
  Finished,
  Kind,
  Arg,
  Arg2,
  WakerKind
};

constexpr std::array kSpanFields = {
    Field::TaskId,   Field::WorkerId, Field::ThreadId, Field::State,   Field::Reason,
    Field::ObjectId, Field::Start,    Field::End,      Field::WokenBy, Field::StackId,
    Field::SiteId,   Field::Finished, Field::WakerKind};
constexpr const char* kSpanSql =
    "CREATE TABLE span(task_id INTEGER, worker_id INTEGER, thread_id INTEGER, state TEXT,"
    " reason TEXT, object_id INTEGER, start_ns INTEGER, end_ns INTEGER, woken_by INTEGER,"
    " stack_id INTEGER, site_id INTEGER, finished INTEGER, waker_kind TEXT)";

constexpr std::array kEventFields = {
    Field::End, Field::WorkerId, Field::ThreadId, Field::TaskId, Field::Kind, Field::ObjectId,
    Field::Arg, Field::StackId,  Field::SiteId,   Field::Reason, Field::Arg2};
constexpr const char* kEventSql =
    "CREATE TABLE event(ns INTEGER, worker_id INTEGER, thread_id INTEGER, task_id INTEGER,"
    " kind TEXT, object_id INTEGER, arg INTEGER, stack_id INTEGER, site_id INTEGER, reason TEXT,"
    " arg2 INTEGER)";

Field field_of(Table table, int column) {
  const auto i = static_cast<std::size_t>(column);
  return table == Table::Span ? kSpanFields[i] : kEventFields[i];
}
int columns_of(Table table) {
  return static_cast<int>(table == Table::Span ? kSpanFields.size() : kEventFields.size());
}

std::uint32_t column_bits(Table table, Field field) {
  switch (field) {
    case Field::TaskId:
      return kTaskColumn;
    case Field::State:
    case Field::Reason:
      return kReasonColumn;
    case Field::ObjectId:
      return kObjectColumn;
    case Field::Start:
      return kSpanColumn | kTimeColumn;
    case Field::End:
      return kTimeColumn;
    case Field::WokenBy:
      return kActorColumn;
    case Field::WakerKind:
      return kWakerColumn;
    case Field::SiteId:
      return kSiteColumn;
    case Field::Arg:
    case Field::Arg2:
      return kArgColumn | kObjectColumn;
    case Field::ThreadId:
      return kThreadColumn;
    case Field::StackId:
      return kStackColumn;
    case Field::WorkerId:
    case Field::Finished:
    case Field::Kind:
      return table == Table::Span ? std::uint32_t{kSpanColumn} : 0u;
  }
  return kAllColumns;
}

// What a query asks for, as far as chunks and rows can be skipped by it. SQLite checks conditions
// on workers and tasks again; those on times, states and kinds are decided here alone (is_exact),
// as SQLite would: asking it about each row costs more than all else.
struct Filter {
  std::int64_t start_min = std::numeric_limits<std::int64_t>::min();
  std::int64_t start_max = std::numeric_limits<std::int64_t>::max();
  std::int64_t end_min = std::numeric_limits<std::int64_t>::min();
  std::int64_t end_max = std::numeric_limits<std::int64_t>::max();
  std::optional<std::int64_t> worker_id;
  std::optional<std::int64_t> task_id;
  std::optional<TaskState> state;
  std::optional<EventKind> kind;
  bool nothing = false;  // no row can match

  bool bounds_start() const {
    return start_min != std::numeric_limits<std::int64_t>::min() ||
           start_max != std::numeric_limits<std::int64_t>::max();
  }
  bool bounds_end() const {
    return end_min != std::numeric_limits<std::int64_t>::min() ||
           end_max != std::numeric_limits<std::int64_t>::max();
  }
};

// Conditions travel from best_index to filter as two characters each: a letter for the field
// ('a' + number) and one for the comparison.
char comparison_letter(unsigned char op) {
  switch (op) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
      return '=';
    case SQLITE_INDEX_CONSTRAINT_LT:
      return '<';
    case SQLITE_INDEX_CONSTRAINT_LE:
      return 'l';
    case SQLITE_INDEX_CONSTRAINT_GT:
      return '>';
    case SQLITE_INDEX_CONSTRAINT_GE:
      return 'g';
    default:
      return 0;
  }
}

bool can_use(Field field, char comparison) {
  switch (field) {
    case Field::Start:
    case Field::End:
      return true;
    case Field::WorkerId:
    case Field::TaskId:
    case Field::State:
    case Field::Kind:
      return comparison == '=';
    default:
      return false;
  }
}

bool is_exact(Field field) {
  return field == Field::Start || field == Field::End || field == Field::State ||
         field == Field::Kind;
}

// Narrows [low, high] to the times that compare so with `value`. False if there are none.
bool bound(std::int64_t& low, std::int64_t& high, char comparison, sqlite3_value* value) {
  const bool below = comparison == '<' || comparison == 'l';
  const bool above = comparison == '>' || comparison == 'g';
  const int type = sqlite3_value_numeric_type(value);
  // Any text is more than any number; NULL compares with nothing.
  if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return type != SQLITE_NULL && below;
  const double real = sqlite3_value_double(value);
  if (std::isnan(real)) return false;
  if (real > 4e18) return below;
  if (real < -4e18) return above;
  const bool exact = type == SQLITE_INTEGER;
  const std::int64_t floor =
      exact ? sqlite3_value_int64(value) : static_cast<std::int64_t>(std::floor(real));
  const std::int64_t ceiling = exact ? floor : static_cast<std::int64_t>(std::ceil(real));
  if (!below) low = std::max(low, comparison == '>' ? floor + 1 : ceiling);
  if (!above) high = std::min(high, comparison == '<' ? ceiling - 1 : floor);
  return low <= high;
}

std::optional<std::int64_t> integer_or_none(sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) return std::nullopt;
  return sqlite3_value_int64(value);
}

std::optional<std::string_view> text_or_none(sqlite3_value* value) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) return std::nullopt;
  const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (text == nullptr) return std::nullopt;
  return std::string_view(text, static_cast<std::size_t>(sqlite3_value_bytes(value)));
}

void add_condition(Filter& filter, Field field, char comparison, sqlite3_value* value) {
  switch (field) {
    case Field::Start:
      filter.nothing |= !bound(filter.start_min, filter.start_max, comparison, value);
      break;
    case Field::End:
      filter.nothing |= !bound(filter.end_min, filter.end_max, comparison, value);
      break;
    case Field::WorkerId:
      filter.worker_id = integer_or_none(value);
      break;
    case Field::TaskId:
      filter.task_id = integer_or_none(value);
      break;
    case Field::State: {
      const auto text = text_or_none(value);
      const auto state = text ? parse_task_state(*text) : std::nullopt;
      filter.nothing |= !state || (filter.state && *filter.state != *state);
      filter.state = state;
      break;
    }
    case Field::Kind: {
      const auto text = text_or_none(value);
      const auto* spec = text ? trace_format::find_event_spec(*text) : nullptr;
      filter.nothing |= spec == nullptr || (filter.kind && *filter.kind != spec->kind);
      if (spec != nullptr) filter.kind = spec->kind;
      break;
    }
    default:
      break;
  }
}

std::uint64_t kinds_that_close(TaskState state) {
  std::uint64_t mask = 0;
  for (int i = 0; i < 256; ++i) {
    const auto kind = static_cast<EventKind>(i);
    const bool waiting = state == TaskState::Blocked || state == TaskState::Sleeping;
    if (closed_state(kind, BlockReason::None) == (waiting ? TaskState::Blocked : state)) {
      mask |= kind_bit(kind);
    }
  }
  return mask;
}

constexpr const char* kChunkSql =
    "SELECT id, worker_id, data FROM chunk WHERE end_ns >= ?1 AND start_ns <= ?2"
    " AND (?3 IS NULL OR worker_id = ?3) AND (kind_mask & ?4) != 0 ORDER BY id";

struct VirtualTable {
  sqlite3_vtab base{};  // first: SQLite sees only this
  sqlite3* database = nullptr;
  Table table = Table::Span;
};

struct Cursor {
  sqlite3_vtab_cursor base{};  // first: SQLite sees only this
  VirtualTable* owner = nullptr;
  Filter filter;
  std::uint32_t wanted = kAllColumns;
  Statement chunks;
  ChunkColumns columns;
  std::vector<std::uint32_t> rows;  // of the chunk, that pass the filter
  std::size_t at = 0;
  std::int64_t chunk_id = 0;
  std::optional<std::int64_t> worker_id;
  bool at_end = false;

  bool passes(std::size_t i) const;
  int next_chunk();
};

bool Cursor::passes(std::size_t i) const {
  const EventKind kind = columns.kinds[i];
  if (owner->table == Table::Event) {
    if (!is_event(kind) || (filter.kind && *filter.kind != kind)) return false;
  } else {
    if (columns.span_ns[i] == kNoSpan) return false;
    if (filter.state && closed_state(kind, columns.reasons[i]) != *filter.state) return false;
    if (filter.bounds_start()) {
      const std::int64_t start_ns = columns.ns[i] - columns.span_ns[i];
      if (start_ns < filter.start_min || start_ns > filter.start_max) return false;
    }
  }
  if (filter.bounds_end() && (columns.ns[i] < filter.end_min || columns.ns[i] > filter.end_max)) {
    return false;
  }
  return !filter.task_id || columns.task_ids[i] == static_cast<TaskId>(*filter.task_id);
}

// Goes to the first row that passes, in the next chunk that has one.
int Cursor::next_chunk() {
  for (;;) {
    const int code = chunks.step();
    if (code == SQLITE_DONE) {
      at_end = true;
      return SQLITE_OK;
    }
    if (code != SQLITE_ROW) return code;
    chunk_id = chunks.integer(0);
    worker_id = chunks.optional_integer(1);
    if (auto decoded = decode_chunk(chunks.blob(2), wanted, columns); !decoded) {
      sqlite3_free(owner->base.zErrMsg);
      owner->base.zErrMsg = sqlite3_mprintf("chunk %lld: %s", static_cast<long long>(chunk_id),
                                            decoded.error().message.c_str());
      return SQLITE_CORRUPT_VTAB;
    }
    rows.clear();
    at = 0;
    for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
      if (passes(i)) rows.push_back(static_cast<std::uint32_t>(i));
    }
    if (!rows.empty()) return SQLITE_OK;
  }
}

Cursor& cursor_of(sqlite3_vtab_cursor* base) { return *reinterpret_cast<Cursor*>(base); }

int connect_table(sqlite3* database, void* aux, int, const char* const*, sqlite3_vtab** out,
                  char**) {
  const Table table = *static_cast<const Table*>(aux);
  const int code = sqlite3_declare_vtab(database, table == Table::Span ? kSpanSql : kEventSql);
  if (code != SQLITE_OK) return code;
  // Views may use it: it reads nothing but its own file.
  sqlite3_vtab_config(database, SQLITE_VTAB_INNOCUOUS);
  auto* made = new VirtualTable{.base = {}, .database = database, .table = table};
  *out = &made->base;
  return SQLITE_OK;
}

int best_index(sqlite3_vtab* base, sqlite3_index_info* info) {
  const Table table = reinterpret_cast<VirtualTable*>(base)->table;
  std::string conditions;
  double rows = 1e8;
  double rows_decoded = rows;
  int argument = 0;
  for (int i = 0; i < info->nConstraint; ++i) {
    const auto& constraint = info->aConstraint[i];
    if (!constraint.usable || constraint.iColumn < 0) continue;
    const Field field = field_of(table, constraint.iColumn);
    const char comparison = comparison_letter(constraint.op);
    if (comparison == 0 || !can_use(field, comparison)) continue;
    const bool is_text = field == Field::State || field == Field::Kind;
    if (is_text && std::strcmp(sqlite3_vtab_collation(info, i), "BINARY") != 0) continue;
    info->aConstraintUsage[i].argvIndex = ++argument;
    info->aConstraintUsage[i].omit = is_exact(field);
    conditions += static_cast<char>('a' + static_cast<int>(field));
    conditions += comparison;
    rows /= field == Field::TaskId ? 1000 : 8;
    // Every chunk may have rows of a task: to ask for those of one task after another is never
    // right.
    if (field != Field::TaskId) rows_decoded /= 8;
  }
  std::uint32_t wanted = table == Table::Span ? std::uint32_t{kSpanColumn} : 0u;
  for (int i = 0; i < columns_of(table); ++i) {
    if (info->colUsed >> i & 1) wanted |= column_bits(table, field_of(table, i));
  }
  info->idxNum = static_cast<int>(wanted);
  info->idxStr = sqlite3_mprintf("%s", conditions.c_str());
  if (info->idxStr == nullptr) return SQLITE_NOMEM;
  info->needToFreeIdxStr = 1;
  info->estimatedRows = static_cast<sqlite3_int64>(rows);
  info->estimatedCost = rows_decoded / 50;
  return SQLITE_OK;
}

int open_cursor(sqlite3_vtab* base, sqlite3_vtab_cursor** out) {
  auto* made = new Cursor;
  made->owner = reinterpret_cast<VirtualTable*>(base);
  *out = &made->base;
  return SQLITE_OK;
}

int filter_cursor(sqlite3_vtab_cursor* base, int wanted, const char* conditions, int count,
                  sqlite3_value** values) {
  Cursor& cursor = cursor_of(base);
  cursor.filter = {};
  cursor.at_end = false;
  for (int i = 0; i < count; ++i) {
    const char* const condition = conditions + std::ptrdiff_t{2} * i;
    add_condition(cursor.filter, static_cast<Field>(condition[0] - 'a'), condition[1], values[i]);
  }
  const Filter& filter = cursor.filter;
  cursor.wanted = static_cast<std::uint32_t>(wanted);
  if (filter.state) cursor.wanted |= kReasonColumn;
  if (filter.task_id) cursor.wanted |= kTaskColumn;
  if (filter.bounds_end()) cursor.wanted |= kTimeColumn;
  if (filter.nothing) {
    cursor.at_end = true;
    return SQLITE_OK;
  }
  std::uint64_t kinds = ~std::uint64_t{0};
  if (filter.kind) kinds = kind_bit(*filter.kind);
  if (filter.state) kinds = kinds_that_close(*filter.state);
  cursor.chunks = Statement(cursor.owner->database, kChunkSql);
  if (!cursor.chunks) return sqlite3_errcode(cursor.owner->database);
  // A row's start and end lie between those of its chunk.
  cursor.chunks.bind(1, std::max(filter.end_min, filter.start_min));
  cursor.chunks.bind(2, std::min(filter.end_max, filter.start_max));
  cursor.chunks.bind(3, filter.worker_id).bind(4, static_cast<std::int64_t>(kinds));
  return cursor.next_chunk();
}

int next_row(sqlite3_vtab_cursor* base) {
  Cursor& cursor = cursor_of(base);
  return ++cursor.at < cursor.rows.size() ? SQLITE_OK : cursor.next_chunk();
}

int is_at_end(sqlite3_vtab_cursor* base) { return cursor_of(base).at_end; }

void result_text(sqlite3_context* context, std::string_view text) {
  sqlite3_result_text(context, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
}

bool closes_on_thread(EventKind kind) {
  const TaskState state = closed_state(kind, BlockReason::None);
  return state == TaskState::Running || state == TaskState::Syscall;
}

// Of those that name something, the name; a counter has its value, and the name behind it.
void result_arg(sqlite3_context* context, const ChunkColumns& columns, std::size_t i) {
  const EventKind kind = columns.kinds[i];
  if (names_something(kind) && kind != EventKind::Counter) {
    result_id(context, columns.object_ids[i]);
  } else if (has_arg(kind)) {
    sqlite3_result_int64(context, static_cast<sqlite3_int64>(columns.args[i]));
  }
}

void result_field(sqlite3_context* context, const Cursor& cursor, Field field) {
  const std::size_t i = cursor.rows[cursor.at];
  const ChunkColumns& columns = cursor.columns;
  const EventKind kind = columns.kinds[i];
  // A running or runnable span waits for nothing, whatever its closing event is about.
  const bool about_wait = cursor.owner->table == Table::Event || closes_wait(kind);
  switch (field) {
    case Field::TaskId:
      result_id(context, columns.task_ids[i]);
      break;
    case Field::WorkerId:
      if (cursor.worker_id) sqlite3_result_int64(context, *cursor.worker_id);
      break;
    case Field::State:
      result_text(context, to_text(closed_state(kind, columns.reasons[i])));
      break;
    case Field::Reason:
      if (about_wait && columns.reasons[i] != BlockReason::None) {
        result_text(context, to_text(columns.reasons[i]));
      }
      break;
    case Field::ObjectId:
      if (about_wait && !names_something(kind)) result_id(context, columns.object_ids[i]);
      break;
    case Field::Start:
      sqlite3_result_int64(context, columns.ns[i] - columns.span_ns[i]);
      break;
    case Field::End:
      sqlite3_result_int64(context, columns.ns[i]);
      break;
    case Field::WokenBy:
      if (kind == EventKind::Ready) result_id(context, columns.actors[i]);
      break;
    case Field::WakerKind: {
      const auto waker =
          closes_wait(kind) ? waker_at(columns, i, !cursor.worker_id) : store::WakerKind::None;
      if (waker != store::WakerKind::None) result_text(context, to_text(waker));
      break;
    }
    case Field::SiteId:
      if (about_wait || closes_placed(kind)) result_id(context, columns.site_ids[i]);
      break;
    case Field::Finished:
      sqlite3_result_int(context, !is_end(kind));
      break;
    case Field::Kind:
      result_text(context, to_text(kind));
      break;
    case Field::Arg:
      result_arg(context, columns, i);
      break;
    case Field::Arg2:
      if (kind == EventKind::Counter) {
        result_id(context, columns.object_ids[i]);
      } else if (has_arg2(kind) && !names_something(kind)) {
        sqlite3_result_int64(context, columns.args2[i]);
      }
      break;
    case Field::ThreadId:
      // Only what runs or is in a call has a thread.
      if (cursor.owner->table == Table::Event || closes_on_thread(kind)) {
        result_id(context, columns.thread_ids[i]);
      }
      break;
    case Field::StackId:
      if (about_wait) result_id(context, columns.stack_ids[i]);
      break;
  }
}

int column_value(sqlite3_vtab_cursor* base, sqlite3_context* context, int column) {
  const Cursor& cursor = cursor_of(base);
  result_field(context, cursor, field_of(cursor.owner->table, column));
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

Table span_table = Table::Span;
Table event_table = Table::Event;

}  // namespace

int register_virtual_tables(sqlite3* database, const VirtualTableNames& names) {
  const int code = sqlite3_create_module(database, names.span, &kModule, &span_table);
  if (code != SQLITE_OK) return code;
  if (const int failed = sqlite3_create_module(database, names.event, &kModule, &event_table)) {
    return failed;
  }
  // Both are connected now: at their first use an authorizer may stand in the way of that.
  const std::string sql =
      std::string("SELECT 1 FROM ") + names.span + ", " + names.event + " LIMIT 0";
  return sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr);
}

}  // namespace taskscope::store
