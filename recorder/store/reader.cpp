#include "recorder/store/reader.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "recorder/store/annotation_rows.h"
#include "recorder/store/chunk_codec.h"
#include "recorder/store/schema.h"
#include "recorder/store/sql_toolbox.h"
#include "recorder/store/sqlite.h"
#include "runtime/trace_format/trace_file.h"

namespace taskscope::store {
namespace {

constexpr std::size_t kHeaderBytes = 100;

std::uint32_t big_endian(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | bytes[3];
}

// Looks at the first bytes without SQLite, which answers best what is wrong with a file.
Result<void> check_header(const std::string& path, std::uint64_t& bytes) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    const int error = errno;
    const std::string partial = path + ".partial";
    const bool unfinished = error == ENOENT && access(partial.c_str(), F_OK) == 0;
    return Error{"Cannot open " + path + ": " + std::strerror(error) +
                 (unfinished ? "; " + partial +
                                   " is there: its recorder was stopped before it could finish, or "
                                   "is still at work; open that."
                             : ".")};
  }
  if (S_ISDIR(status.st_mode)) return Error{path + " is a folder, not a recording."};
  if (!S_ISREG(status.st_mode)) return Error{path + " is not a regular file."};
  bytes = static_cast<std::uint64_t>(status.st_size);
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return Error{"Cannot open " + path + ": " + std::strerror(errno) + "."};
  std::array<unsigned char, kHeaderBytes> header{};
  const std::size_t read = std::fread(header.data(), 1, header.size(), file);
  std::fclose(file);
  if (read == 0) return Error{path + " is empty: nothing was recorded into it."};
  if (read >= sizeof trace_format::kTraceFileMagic &&
      std::memcmp(header.data(), &trace_format::kTraceFileMagic,
                  sizeof trace_format::kTraceFileMagic) == 0) {
    return Error{path +
                 " is what a program wrote about itself; make a recording of it with taskscope "
                 "import " +
                 path + "."};
  }
  if (read < header.size() || std::memcmp(header.data(), "SQLite format 3", 16) != 0) {
    return Error{path + " is not a recording (it is not a SQLite database)."};
  }
  if (big_endian(&header[68]) != static_cast<std::uint32_t>(kApplicationId)) {
    return Error{path + " is a SQLite database, but not a recording of Taskscope."};
  }
  const std::uint32_t major = big_endian(&header[60]);
  if (major > static_cast<std::uint32_t>(kSchemaMajor)) {
    return Error{path + " was written by a newer Taskscope (format " + std::to_string(major) +
                 "); this one reads " + std::to_string(kSchemaMajor) + ": update taskscope."};
  }
  if (major < static_cast<std::uint32_t>(kSchemaMajor)) {
    return Error{path + " was written by an older Taskscope (format " + std::to_string(major) +
                 "); this one reads " + std::to_string(kSchemaMajor) + ": record it again."};
  }
  const std::uint32_t stored_size = big_endian(&header[16]) >> 16;
  const std::uint64_t page_size = stored_size == 1 ? 65536 : stored_size;
  const bool write_ahead = header[18] == 2;
  const std::uint64_t expected = page_size * big_endian(&header[28]);
  if (!write_ahead && bytes < expected) {
    return Error{path + " is cut off: it has " + std::to_string(bytes) + " of " +
                 std::to_string(expected) + " bytes."};
  }
  return {};
}

std::uint64_t unsigned_of(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint32_t narrow(std::int64_t value) { return static_cast<std::uint32_t>(value); }

WorkerId worker_of(const Statement& s, int column) {
  const auto id = s.optional_integer(column);
  return id ? narrow(*id) : kNoWorker;
}

StateTimes state_times(const Statement& s, int first_column) {
  StateTimes times{};
  for (std::size_t i = 0; i < kSpanStates; ++i) {
    times[i] = s.integer(first_column + static_cast<int>(i));
  }
  return times;
}

Span span_at(const ChunkColumns& columns, std::size_t i, WorkerId worker_id) {
  const EventKind kind = columns.kinds[i];
  Span span;
  span.start_ns = columns.ns[i] - columns.span_ns[i];
  span.end_ns = columns.ns[i];
  span.task_id = columns.task_ids[i];
  span.worker_id = worker_id;
  span.state = closed_state(kind, columns.reasons[i]);
  span.finished = !is_end(kind);
  if (closes_placed(kind)) span.site_id = columns.site_ids[i];
  if (span.state == TaskState::Running || span.state == TaskState::Syscall) {
    span.thread_id = columns.thread_ids[i];
  }
  if (closes_wait(kind)) {
    span.object_id = columns.object_ids[i];
    span.reason = columns.reasons[i];
    if (kind == EventKind::Ready) span.woken_by = columns.actors[i];
    span.waker_kind = waker_at(columns, i, worker_id == kNoWorker);
    span.own_stack_id = static_cast<std::uint32_t>(own_id(columns.stack_ids[i]));
  }
  return span;
}

EventRow event_at(const ChunkColumns& columns, std::size_t i, WorkerId worker_id,
                  ProgramId program_id) {
  const bool named = names_something(columns.kinds[i]);
  return {.ns = columns.ns[i],
          .worker_id = worker_id,
          .kind = columns.kinds[i],
          .program_id = program_id,
          .task_id = columns.task_ids[i],
          .object_id = named ? 0 : columns.object_ids[i],
          .name_id = named ? columns.object_ids[i] : 0,
          .site_id = columns.site_ids[i],
          .arg = columns.args[i],
          .arg2 = columns.args2[i]};
}

// What a query may do: read. Everything else is refused when its SQL is compiled.
int authorize(void*, int action, const char*, const char* detail, const char*, const char*) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_FUNCTION:
      return detail != nullptr && std::strcmp(detail, "load_extension") == 0 ? SQLITE_DENY
                                                                             : SQLITE_OK;
    default:
      return SQLITE_DENY;
  }
}

constexpr const char* kTaskSql =
    "SELECT id, name, parent_id, spawn_site_id, created_ns, ended_ns, state, running_ns,"
    " runnable_ns, blocked_ns, syscall_ns, sleeping_ns, wakeups, steals, panic_message,"
    " label_set_id, spawn_stack_id FROM task";

TaskRow task_row(const Statement& s) {
  return {
      .id = unsigned_of(s.integer(0)),
      .name = s.text(1),
      .parent_id = unsigned_of(s.integer(2)),
      .spawn_site_id = narrow(s.integer(3)),
      .created_ns = s.optional_integer(4),
      .ended_ns = s.optional_integer(5),
      .state = parse_task_state(s.text(6)).value_or(TaskState::Runnable),
      .state_known = s.optional_integer(6).has_value(),
      .state_ns = state_times(s, 7),
      .wakeups = unsigned_of(s.integer(12)),
      .steals = unsigned_of(s.integer(13)),
      .panic_message = s.text(14),
      .label_set_id = unsigned_of(s.integer(15)),
      .spawn_stack_id = unsigned_of(s.integer(16)),
  };
}

constexpr const char* kObjectSql =
    "SELECT id, kind, name, site_id, capacity, created_ns, destroyed_ns, waits, wait_ns FROM "
    "object";

ObjectRow object_row(const Statement& s) {
  const auto capacity = s.optional_integer(4);
  return {.id = unsigned_of(s.integer(0)),
          .kind = trace_format::parse_object_kind(s.text(1)).value_or(ObjectKind::Unknown),
          .name = s.text(2),
          .site_id = narrow(s.integer(3)),
          .capacity = capacity ? std::optional(unsigned_of(*capacity)) : std::nullopt,
          .created_ns = s.optional_integer(5),
          .destroyed_ns = s.optional_integer(6),
          .waits = unsigned_of(s.integer(7)),
          .wait_ns = s.integer(8)};
}

}  // namespace

struct Reader::Impl {
  std::string path;
  RecordingInfo info;
  DatabaseHandle database;
  mutable Statement chunk_data;
  // Of the chunk that was decoded last.
  mutable ChunkColumns columns;
  mutable ProgramId program_id = 1;

  Error error(const std::string& what) const {
    return Error{"Cannot read " + what + " of " + path + ": " + describe(database.get()) + "."};
  }

  // Every row of `sql`.
  template <class Visit>
  Result<void> each_row(const char* what, const char* sql, Visit visit) const {
    Statement s(database.get(), sql);
    if (!s) return error(what);
    int code;
    while ((code = s.step()) == SQLITE_ROW) visit(s);
    if (code != SQLITE_DONE) return error(what);
    return {};
  }

  // Every row of `sql`, turned into a T by `make`.
  template <class T, class Make>
  Result<std::vector<T>> rows(const char* what, const std::string& sql, Make make) const {
    std::vector<T> out;
    auto read = each_row(what, sql.c_str(), [&](const Statement& s) { out.push_back(make(s)); });
    if (!read) return read.error();
    return out;
  }

  // The chunks in which the kind occurs.
  Result<std::vector<std::int64_t>> chunks_with(EventKind kind) const {
    const auto bit = static_cast<std::int64_t>(kind_bit(kind));
    const std::string sql =
        "SELECT id FROM chunk WHERE kind_mask & " + std::to_string(bit) + " ORDER BY id";
    return rows<std::int64_t>("the chunks", sql, [](const Statement& s) { return s.integer(0); });
  }

  Result<void> open();
  Result<void> read_info();
  Result<std::vector<ProgramRow>> programs() const;
  // Those of the rows with these ids, ascending, that are there. `sql` ends before its WHERE.
  template <class T, class Id, class Make>
  Result<std::vector<T>> rows_of(const char* what, const char* sql, std::span<const Id> ids,
                                 Make make) const;
  void count_incomplete();
  Result<WorkerId> decode(std::int64_t chunk_id, std::uint32_t wanted) const;
  // Calls `take(columns, i, worker_id)` with each row of the chunks that have one of the kinds and
  // reach into the times.
  template <class Take>
  Result<void> each_of_kinds(std::uint64_t kinds, Times times, Take take) const {
    const std::string sql = "SELECT id FROM chunk WHERE kind_mask & " +
                            std::to_string(static_cast<std::int64_t>(kinds)) +
                            " AND end_ns >= " + std::to_string(times.from_ns) +
                            " AND start_ns <= " + std::to_string(times.to_ns) + " ORDER BY id";
    const auto chunks = rows<std::int64_t>("the chunks", sql.c_str(),
                                           [](const Statement& s) { return s.integer(0); });
    if (!chunks) return chunks.error();
    for (const std::int64_t chunk : *chunks) {
      const auto worker_id = decode(chunk, kAnnotationColumns);
      if (!worker_id) return worker_id.error();
      for (std::size_t i = 0; i < columns.kinds.size(); ++i) take(columns, i, *worker_id);
    }
    return {};
  }
};

Result<void> Reader::Impl::open() {
  std::uint64_t bytes = 0;
  if (auto checked = check_header(path, bytes); !checked) return checked;
  constexpr int kFlags =
      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_URI;
  // A WAL-mode file in a folder that is not ours to write can only be read as it lies there.
  for (const char* immutable : {"", "?immutable=1"}) {
    std::string uri = "file:";
    for (const char c : path) {
      if (c == '?' || c == '#' || c == '%') {
        std::array<char, 4> escaped{};
        std::snprintf(escaped.data(), escaped.size(), "%%%02X", static_cast<unsigned>(c));
        uri += escaped.data();
      } else {
        uri += c;
      }
    }
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2((uri + immutable).c_str(), &opened, kFlags, nullptr);
    database.reset(opened);
    if (code != SQLITE_OK) continue;
    sqlite3_busy_timeout(opened, 2000);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    if (register_sql_toolbox(opened) != SQLITE_OK) return error("the tables");
    chunk_data = Statement(opened, "SELECT worker_id, data, program_id FROM chunk WHERE id = ?");
    if (chunk_data) return read_info();
    if (sqlite3_errcode(opened) != SQLITE_CANTOPEN) break;
  }
  return Error{"Cannot open " + path + ": " + describe(database.get()) + "."};
}

Result<void> Reader::Impl::read_info() {
  Statement meta(database.get(), "SELECT key, value FROM meta");
  if (!meta) return error("the description");
  int code;
  while ((code = meta.step()) == SQLITE_ROW) {
    const std::string key = meta.text(0);
    if (key == "format") info.format = meta.text(1);
    if (key == "source") info.source = meta.text(1);
    if (key == "program") info.program = meta.text(1);
    if (key == "command") info.command = meta.text(1);
    if (key == "started") info.started = meta.text(1);
    if (key == "exit_status") info.exit_status = meta.text(1);
    if (key == "ended_by") info.ended_by = meta.text(1);
    if (key == "notes") info.notes = meta.text(1);
    if (key == "duration_ns") info.duration_ns = meta.integer(1);
    if (key == "kept_from_ns") info.kept_from_ns = meta.integer(1);
    if (key == "dropped_events") info.dropped_events = unsigned_of(meta.integer(1));
    if (key == "complete") info.complete = meta.integer(1) != 0;
    if (key == "events") info.events = unsigned_of(meta.integer(1));
    if (key == "tasks") info.tasks = unsigned_of(meta.integer(1));
    if (key == "workers") info.workers = narrow(meta.integer(1));
    if (key == "threads") info.threads = narrow(meta.integer(1));
    if (key == "lost_events") info.lost_events = unsigned_of(meta.integer(1));
    if (key == "lost_samples") info.lost_samples = unsigned_of(meta.integer(1));
  }
  if (code != SQLITE_DONE || info.format.empty()) {
    return Error{path + " is damaged: its description cannot be read."};
  }
  auto read = programs();
  if (!read) return read.error();
  info.programs = std::move(*read);
  if (!info.complete) count_incomplete();
  Statement findings(database.get(), "SELECT count(*) FROM finding");
  if (!findings || findings.step() != SQLITE_ROW) return error("the findings");
  info.findings = unsigned_of(findings.integer(0));
  struct stat status {};
  if (stat(path.c_str(), &status) == 0) info.bytes += unsigned_of(status.st_size);
  if (!info.complete && stat((path + "-wal").c_str(), &status) == 0) {
    info.bytes += unsigned_of(status.st_size);
  }
  return {};
}

Result<std::vector<ProgramRow>> Reader::Impl::programs() const {
  return rows<ProgramRow>("the programs",
                          "SELECT id, pid, name, command, started_ns, ended_ns, exit_status,"
                          " workers, tasks, events, lost_events FROM program ORDER BY id",
                          [](const Statement& s) {
                            return ProgramRow{.id = narrow(s.integer(0)),
                                              .pid = s.integer(1),
                                              .name = s.text(2),
                                              .command = s.text(3),
                                              .started_ns = s.integer(4),
                                              .ended_ns = s.optional_integer(5),
                                              .exit_status = s.text(6),
                                              .workers = narrow(s.integer(7)),
                                              .tasks = unsigned_of(s.integer(8)),
                                              .events = unsigned_of(s.integer(9)),
                                              .lost_events = unsigned_of(s.integer(10))};
                          });
}

// The totals of a recording that was never finished, or that is still being written.
void Reader::Impl::count_incomplete() {
  Statement s(database.get(),
              // Rows of tasks are committed more often than chunks.
              "SELECT (SELECT max(ns) FROM (SELECT max(end_ns) AS ns FROM chunk"
              "   UNION ALL SELECT max(created_ns) FROM task"
              "   UNION ALL SELECT max(ended_ns) FROM task"
              "   UNION ALL SELECT max(end_ns) FROM park UNION ALL SELECT max(end_ns) FROM lost)),"
              " (SELECT sum(events) FROM chunk),"
              " (SELECT count(*) FROM task), (SELECT count(*) FROM worker),"
              " (SELECT count(*) FROM thread), (SELECT sum(events) FROM lost)");
  if (!s || s.step() != SQLITE_ROW) return;
  info.duration_ns = s.integer(0);
  info.events = unsigned_of(s.integer(1));
  info.tasks = unsigned_of(s.integer(2));
  info.workers = narrow(s.integer(3));
  info.threads = narrow(s.integer(4));
  info.lost_events = unsigned_of(s.integer(5));
}

Result<WorkerId> Reader::Impl::decode(std::int64_t chunk_id, std::uint32_t wanted) const {
  const std::string name = "chunk " + std::to_string(chunk_id);
  chunk_data.reset();
  const int code = chunk_data.bind(1, chunk_id).step();
  if (code == SQLITE_DONE) return Error{path + " has no " + name + "."};
  if (code != SQLITE_ROW) return error(name);
  const WorkerId worker_id = worker_of(chunk_data, 0);
  program_id = narrow(chunk_data.integer(2));
  const auto decoded = decode_chunk(chunk_data.blob(1), wanted, columns);
  chunk_data.reset();
  if (!decoded) {
    return Error{"Cannot read " + name + " of " + path + ": " + decoded.error().message + "."};
  }
  return worker_id;
}

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Result<Reader> Reader::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  if (auto opened = impl->open(); !opened) return opened.error();
  return Reader(std::move(impl));
}

const RecordingInfo& Reader::info() const { return impl_->info; }
const std::string& Reader::path() const { return impl_->path; }

Result<std::vector<TaskRow>> Reader::tasks() const {
  std::vector<TaskRow> all;
  auto read = each_task([&all](TaskRow&& row) { all.push_back(std::move(row)); });
  if (!read) return read.error();
  return all;
}

Result<void> Reader::each_task(const std::function<void(TaskRow&&)>& visit) const {
  const std::string sql = std::string(kTaskSql) + " ORDER BY id";
  return impl_->each_row("the tasks", sql.c_str(),
                         [&visit](const Statement& s) { visit(task_row(s)); });
}

Result<std::vector<WorkerRow>> Reader::workers() const {
  return impl_->rows<WorkerRow>(
      "the workers",
      "SELECT id, thread_id, running_ns, syscall_ns, spinning_ns, parked_ns, events, steals"
      " FROM worker ORDER BY id",
      [](const Statement& s) {
        return WorkerRow{.id = narrow(s.integer(0)),
                         .thread_id = unsigned_of(s.integer(1)),
                         .running_ns = s.integer(2),
                         .syscall_ns = s.integer(3),
                         .spinning_ns = s.integer(4),
                         .parked_ns = s.integer(5),
                         .events = unsigned_of(s.integer(6)),
                         .steals = unsigned_of(s.integer(7))};
      });
}

Result<std::vector<ObjectRow>> Reader::objects() const {
  const std::string sql = std::string(kObjectSql) + " ORDER BY id";
  return impl_->rows<ObjectRow>("the objects", sql.c_str(), object_row);
}

Result<std::vector<SiteRow>> Reader::sites() const {
  return impl_->rows<SiteRow>("the sites",
                              "SELECT id, file, line, function FROM site WHERE id < " +
                                  std::to_string(kFirstFrameSite) + " ORDER BY id",
                              [](const Statement& s) {
                                return SiteRow{.id = narrow(s.integer(0)),
                                               .file = s.text(1),
                                               .line = narrow(s.integer(2)),
                                               .function = s.text(3)};
                              });
}

Result<std::vector<StealRow>> Reader::steals() const {
  return impl_->rows<StealRow>(
      "the steals", "SELECT ns, thief, victim, count, task_id FROM steal ORDER BY ns, thief",
      [](const Statement& s) {
        return StealRow{.ns = s.integer(0),
                        .thief = worker_of(s, 1),
                        .victim = worker_of(s, 2),
                        .count = narrow(s.integer(3)),
                        .task_id = unsigned_of(s.integer(4))};
      });
}

namespace {

ParkRow park_row(const Statement& s) {
  return {.worker_id = worker_of(s, 0), .start_ns = s.integer(1), .end_ns = s.integer(2)};
}

LostRow lost_row(const Statement& s) {
  return {.worker_id = worker_of(s, 0),
          .start_ns = s.integer(1),
          .end_ns = s.integer(2),
          .events = unsigned_of(s.integer(3))};
}

}  // namespace

Result<std::vector<ParkRow>> Reader::parks(std::int64_t min_ns) const {
  return impl_->rows<ParkRow>("the parks",
                              "SELECT worker_id, start_ns, end_ns FROM park WHERE end_ns - "
                              "start_ns >= " +
                                  std::to_string(min_ns) + " ORDER BY start_ns, worker_id",
                              park_row);
}

Result<std::vector<ParkRow>> Reader::spins() const {
  return impl_->rows<ParkRow>(
      "the spins", "SELECT worker_id, start_ns, end_ns FROM spin ORDER BY start_ns, worker_id",
      park_row);
}

Result<std::vector<LostRow>> Reader::lost() const {
  return impl_->rows<LostRow>(
      "the losses",
      "SELECT worker_id, start_ns, end_ns, events FROM lost ORDER BY start_ns, worker_id",
      lost_row);
}

Result<std::vector<TimerRow>> Reader::timers() const {
  return impl_->rows<TimerRow>(
      "the timers",
      "SELECT kind, object_id, task_id, site_id, told_ns, due_ns, period_ns FROM timer"
      " ORDER BY told_ns, due_ns, task_id, object_id",
      [](const Statement& s) {
        return TimerRow{
            .kind = trace_format::parse_timer_kind(s.text(0)).value_or(TimerKind::Unknown),
            .object_id = unsigned_of(s.integer(1)),
            .task_id = unsigned_of(s.integer(2)),
            .site_id = narrow(s.integer(3)),
            .told_ns = s.integer(4),
            .due_ns = s.integer(5),
            .period_ns = s.integer(6)};
      });
}

Result<std::vector<LeakRow>> Reader::leaks() const {
  return impl_->rows<LeakRow>(
      "the leaks",
      "SELECT ns, group_id, kind, tier, task_id, holder_id, is_victim, dropped_by, dropped_ns,"
      " dropped_at, dropped_in, held_bytes, since_ns, reason, object_id, site_id FROM leak"
      " ORDER BY program_id, group_id, is_victim, rowid",
      [](const Statement& s) {
        return LeakRow{
            .ns = s.integer(0),
            .group_id = unsigned_of(s.integer(1)),
            .kind = trace_format::parse_leak_kind(s.text(2)).value_or(LeakKind::Leaked),
            .proved = s.text(3) != "suspected",
            .unwound = s.text(3) == "unwound",
            .task_id = unsigned_of(s.integer(4)),
            .holder_id = unsigned_of(s.integer(5)),
            .is_victim = s.integer(6) != 0,
            .dropped_by = unsigned_of(s.integer(7)),
            .dropped_ns = s.optional_integer(8),
            .dropped_at = std::string(s.text(9)),
            .dropped_in = std::string(s.text(10)),
            .held_bytes = unsigned_of(s.integer(11)),
            .since_ns = s.integer(12),
            .reason = trace_format::parse_block_reason(s.text(13)).value_or(BlockReason::None),
            .object_id = unsigned_of(s.integer(14)),
            .site_id = narrow(s.integer(15))};
      });
}

Result<std::vector<NameRow>> Reader::names() const {
  return impl_->rows<NameRow>("the names", "SELECT id, text FROM name ORDER BY id",
                              [](const Statement& s) {
                                return NameRow{.id = unsigned_of(s.integer(0)), .text = s.text(1)};
                              });
}

Result<std::vector<LabelRow>> Reader::labels() const {
  return impl_->rows<LabelRow>(
      "the labels", "SELECT id, key, value FROM label_set ORDER BY id, key",
      [](const Statement& s) {
        return LabelRow{.set_id = unsigned_of(s.integer(0)), .key = s.text(1), .value = s.text(2)};
      });
}

Result<std::vector<LabelSetId>> Reader::label_sets_with(std::string_view key) const {
  Statement s(impl_->database.get(), "SELECT id FROM label_set WHERE key = ? ORDER BY id");
  if (!s) return impl_->error("the labels");
  s.bind_text(1, key);
  std::vector<LabelSetId> ids;
  int code;
  while ((code = s.step()) == SQLITE_ROW) ids.push_back(unsigned_of(s.integer(0)));
  if (code != SQLITE_DONE) return impl_->error("the labels");
  return ids;
}

Result<std::vector<RegionRow>> Reader::regions(Times times) const {
  std::vector<RegionRow> found;
  auto read = each_region(times, [&found](const RegionRow& row) { found.push_back(row); });
  if (!read) return read.error();
  return found;
}

Result<void> Reader::each_region(Times times,
                                 const std::function<void(const RegionRow&)>& visit) const {
  return impl_->each_of_kinds(
      kRegionKinds, times, [&](const ChunkColumns& columns, std::size_t i, WorkerId worker_id) {
        if (!ends_region(columns.kinds[i])) return;
        const RegionRow row = region_at(columns, i, worker_id);
        const bool within =
            row.start_ns.value_or(times.from_ns) <= times.to_ns && columns.ns[i] >= times.from_ns;
        if (within) visit(row);
      });
}

Result<std::uint64_t> Reader::log_count() const {
  const auto counted =
      impl_->rows<std::uint64_t>("the logs", "SELECT count(*) FROM log",
                                 [](const Statement& s) { return unsigned_of(s.integer(0)); });
  if (!counted) return counted.error();
  return counted->front();
}

Result<std::vector<LabelTotals>> Reader::label_totals() const {
  return impl_->rows<LabelTotals>(
      "the labels",
      // Most recordings have none; then their millions of tasks need not be looked at.
      "SELECT key, count(DISTINCT value), count(*) FROM task JOIN label_set"
      " ON label_set.id = task.label_set_id WHERE EXISTS (SELECT 1 FROM label_set)"
      " GROUP BY key ORDER BY key",
      [](const Statement& s) {
        return LabelTotals{.key = s.text(0),
                           .values = unsigned_of(s.integer(1)),
                           .tasks = unsigned_of(s.integer(2))};
      });
}

Result<std::vector<LogRow>> Reader::logs(Times times) const {
  const std::string sql =
      "SELECT ns, worker_id, task_id, category, message FROM log WHERE ns BETWEEN " +
      std::to_string(times.from_ns) + " AND " + std::to_string(times.to_ns) +
      " ORDER BY ns, worker_id";
  return impl_->rows<LogRow>("the logs", sql.c_str(), [](const Statement& s) {
    return LogRow{.ns = s.integer(0),
                  .worker_id = worker_of(s, 1),
                  .task_id = unsigned_of(s.integer(2)),
                  .category = s.text(3),
                  .message = s.text(4)};
  });
}

Result<std::vector<SampleRow>> Reader::samples() const {
  return impl_->rows<SampleRow>(
      "the samples", "SELECT ns, worker_id, thread_id, task_id, stack_id FROM sample ORDER BY ns",
      [](const Statement& s) {
        return SampleRow{.ns = s.integer(0),
                         .worker_id = worker_of(s, 1),
                         .thread_id = unsigned_of(s.integer(2)),
                         .task_id = unsigned_of(s.integer(3)),
                         .stack_id = unsigned_of(s.integer(4))};
      });
}

Result<std::vector<CounterRow>> Reader::counters() const {
  return impl_->rows<CounterRow>(
      "the counters", "SELECT id, name, unit, samples, min, max, last FROM counter ORDER BY id",
      [](const Statement& s) {
        return CounterRow{.id = unsigned_of(s.integer(0)),
                          .name = s.text(1),
                          .unit = s.text(2),
                          .samples = unsigned_of(s.integer(3)),
                          .min = s.integer(4),
                          .max = s.integer(5),
                          .last = s.integer(6)};
      });
}

Result<std::vector<FindingRow>> Reader::findings() const {
  return impl_->rows<FindingRow>(
      "the findings",
      "SELECT id, kind, tier, severity, summary, detail, task_id, object_id, spawn_site_id,"
      " wait_site_id, count, first_ns, last_ns FROM finding ORDER BY id",
      [](const Statement& s) {
        return FindingRow{.id = s.integer(0),
                          .kind = s.text(1),
                          .tier = s.text(2),
                          .severity = s.text(3),
                          .summary = s.text(4),
                          .detail = s.text(5),
                          .task_id = unsigned_of(s.integer(6)),
                          .object_id = unsigned_of(s.integer(7)),
                          .spawn_site_id = narrow(s.integer(8)),
                          .wait_site_id = narrow(s.integer(9)),
                          .count = unsigned_of(s.integer(10)),
                          .first_ns = s.integer(11),
                          .last_ns = s.integer(12)};
      });
}

Result<std::vector<ChunkSummary>> Reader::chunks() const {
  return impl_->rows<ChunkSummary>(
      "the chunks",
      "SELECT id, worker_id, start_ns, end_ns, events, spans, longest_span_ns, running_ns,"
      " runnable_ns, blocked_ns, syscall_ns, sleeping_ns, program_id FROM chunk ORDER BY id",
      [](const Statement& s) {
        return ChunkSummary{.id = s.integer(0),
                            .worker_id = worker_of(s, 1),
                            .start_ns = s.integer(2),
                            .end_ns = s.integer(3),
                            .events = narrow(s.integer(4)),
                            .spans = narrow(s.integer(5)),
                            .program_id = narrow(s.integer(12)),
                            .longest_span_ns = s.integer(6),
                            .state_ns = state_times(s, 7)};
      });
}

Result<void> Reader::read_spans(std::int64_t chunk_id, std::vector<Span>& out) const {
  const auto worker_id = impl_->decode(chunk_id, kAllColumns & ~std::uint32_t{kArgColumn});
  if (!worker_id) return worker_id.error();
  const ChunkColumns& columns = impl_->columns;
  for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
    if (columns.span_ns[i] != kNoSpan) out.push_back(span_at(columns, i, *worker_id));
  }
  return {};
}

Result<std::size_t> Reader::read_spans_and_events(std::int64_t chunk_id,
                                                  std::span<const EventKind> kinds,
                                                  std::vector<Span>& spans,
                                                  std::vector<EventRow>& events,
                                                  RowRange rows) const {
  std::array<bool, 256> wanted{};
  for (const EventKind kind : kinds) wanted[static_cast<std::uint8_t>(kind)] = true;
  const auto worker_id = impl_->decode(chunk_id, kAllColumns);
  if (!worker_id) return worker_id.error();
  const ChunkColumns& columns = impl_->columns;
  const std::size_t last = std::min(columns.kinds.size(), rows.last);
  for (std::size_t i = rows.first; i < last; ++i) {
    if (columns.span_ns[i] != kNoSpan) spans.push_back(span_at(columns, i, *worker_id));
    if (wanted[static_cast<std::uint8_t>(columns.kinds[i])]) {
      events.push_back(event_at(columns, i, *worker_id, impl_->program_id));
    }
  }
  return last - std::min(last, rows.first);
}

Result<void> Reader::read_events(std::int64_t chunk_id, std::vector<EventRow>& out) const {
  const auto worker_id =
      impl_->decode(chunk_id, kTimeColumn | kTaskColumn | kObjectColumn | kSiteColumn | kArgColumn);
  if (!worker_id) return worker_id.error();
  const ChunkColumns& columns = impl_->columns;
  for (std::size_t i = 0; i < columns.kinds.size(); ++i) {
    if (is_event(columns.kinds[i]))
      out.push_back(event_at(columns, i, *worker_id, impl_->program_id));
  }
  return {};
}

Result<std::vector<EventRow>> Reader::events_of(EventKind kind) const {
  const auto chunks = impl_->chunks_with(kind);
  if (!chunks) return chunks.error();
  std::vector<EventRow> events;
  for (const std::int64_t chunk : *chunks) {
    const std::size_t before = events.size();
    if (auto read = read_events(chunk, events); !read) return read.error();
    const auto others =
        std::remove_if(events.begin() + static_cast<std::ptrdiff_t>(before), events.end(),
                       [kind](const EventRow& row) { return row.kind != kind; });
    events.erase(others, events.end());
  }
  return events;
}

Result<std::vector<ProgramRow>> Reader::programs() const { return impl_->programs(); }

Result<std::optional<Cut>> Reader::cut() const {
  std::optional<Cut> cut;
  auto read = impl_->each_row("the cut", "SELECT value FROM meta WHERE key = 'cut'",
                              [&](const Statement& s) { cut = parse_cut(s.text(0)); });
  if (!read) return read.error();
  return cut;
}

Result<std::vector<Reader::ChunkPlace>> Reader::chunks_between(std::int64_t first_id,
                                                               std::int64_t last_id) const {
  const std::string sql = "SELECT id, program_id, worker_id FROM chunk WHERE id > " +
                          std::to_string(first_id) + " AND id <= " + std::to_string(last_id) +
                          " ORDER BY id";
  return impl_->rows<ChunkPlace>("the chunks", sql.c_str(), [](const Statement& s) {
    return ChunkPlace{
        .id = s.integer(0), .program_id = narrow(s.integer(1)), .worker_id = worker_of(s, 2)};
  });
}

template <class T, class Id, class Make>
Result<std::vector<T>> Reader::Impl::rows_of(const char* what, const char* sql,
                                             std::span<const Id> ids, Make make) const {
  // Ids that are close to each other are found by walking, others by a look each.
  constexpr int kStepsMax = 32;
  std::vector<T> out;
  Statement s(database.get(), std::string(sql) + " WHERE id >= ? ORDER BY id");
  if (!s) return error(what);
  int code = SQLITE_DONE;
  int steps = kStepsMax;
  for (std::size_t at = 0; at < ids.size(); ++at) {
    const auto wanted = static_cast<std::int64_t>(ids[at]);
    for (steps = at == 0 ? kStepsMax : 0; steps < kStepsMax; ++steps) {
      if (code != SQLITE_ROW || s.integer(0) >= wanted) break;
      code = s.step();
    }
    if (steps == kStepsMax) {
      s.reset();
      code = s.bind(1, wanted).step();
    }
    if (code == SQLITE_DONE) break;
    if (code != SQLITE_ROW) return error(what);
    if (s.integer(0) == wanted) out.push_back(make(s));
  }
  return out;
}

Result<std::vector<TaskRow>> Reader::tasks_of(std::span<const TaskId> ids) const {
  return impl_->rows_of<TaskRow>("the tasks", kTaskSql, ids, task_row);
}

Result<std::vector<ObjectRow>> Reader::objects_of(std::span<const ObjectId> ids) const {
  return impl_->rows_of<ObjectRow>("the objects", kObjectSql, ids, object_row);
}

Result<void> Reader::idle_after(IdlePlaces& places, std::vector<ParkRow>& parks,
                                std::vector<ParkRow>& spins) const {
  const std::string sql = "SELECT worker_id, start_ns, end_ns, rowid, 0 FROM park WHERE rowid > " +
                          std::to_string(places.parks) +
                          " UNION ALL SELECT worker_id, start_ns, end_ns, rowid, 1 FROM spin"
                          " WHERE rowid > " +
                          std::to_string(places.spins) + " ORDER BY 5, 4";
  return impl_->each_row("the idle times", sql.c_str(), [&](const Statement& s) {
    const bool spin = s.integer(4) != 0;
    (spin ? spins : parks).push_back(park_row(s));
    (spin ? places.spins : places.parks) = s.integer(3);
  });
}

Result<std::vector<LostRow>> Reader::lost_after(std::int64_t& place) const {
  const std::string sql =
      "SELECT worker_id, start_ns, end_ns, events, rowid FROM lost"
      " WHERE rowid > " +
      std::to_string(place) + " ORDER BY rowid";
  return impl_->rows<LostRow>("the losses", sql.c_str(), [&](const Statement& s) {
    place = s.integer(4);
    return lost_row(s);
  });
}

bool Reader::query(std::string_view sql,
                   const std::function<void(const std::vector<Column>&)>& on_columns,
                   const RowCallback& on_row, QueryError& error) const {
  sqlite3* database = impl_->database.get();
  const auto fail = [&](const char* message, int offset) {
    error = {message, offset};
    return false;
  };
  sqlite3_set_authorizer(database, authorize, nullptr);
  sqlite3_stmt* compiled = nullptr;
  const char* tail = nullptr;
  const int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &compiled, &tail);
  sqlite3_set_authorizer(database, nullptr, nullptr);
  const std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)> owned(compiled,
                                                                         sqlite3_finalize);
  if (code == SQLITE_AUTH) return fail("only statements that read are allowed", -1);
  if (code != SQLITE_OK) return fail(sqlite3_errmsg(database), sqlite3_error_offset(database));
  if (compiled == nullptr) return fail("there is no SQL statement", -1);
  const auto used = static_cast<std::size_t>(tail - sql.data());
  const std::size_t more = sql.find_first_not_of(" \t\r\n;", used);
  if (more != std::string_view::npos) {
    return fail("only one statement at a time", static_cast<int>(more));
  }
  if (!sqlite3_stmt_readonly(compiled)) return fail("only statements that read are allowed", -1);

  const int width = sqlite3_column_count(compiled);
  std::vector<Column> columns;
  columns.reserve(static_cast<std::size_t>(width));
  for (int i = 0; i < width; ++i) columns.push_back({sqlite3_column_name(compiled, i), false});
  std::vector<const char*> values(static_cast<std::size_t>(width));
  bool first = true;
  int state;
  while ((state = sqlite3_step(compiled)) == SQLITE_ROW) {
    for (int i = 0; i < width; ++i) {
      const int type = sqlite3_column_type(compiled, i);
      const auto at = static_cast<std::size_t>(i);
      columns[at].numeric = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
      values[at] = type == SQLITE_BLOB
                       ? "(blob)"
                       : reinterpret_cast<const char*>(sqlite3_column_text(compiled, i));
    }
    if (first && on_columns) on_columns(columns);
    first = false;
    if (!on_row(columns, values)) return true;
  }
  if (state != SQLITE_DONE) return fail(sqlite3_errmsg(database), sqlite3_error_offset(database));
  if (first && on_columns) on_columns(columns);
  return true;
}

}  // namespace taskscope::store
