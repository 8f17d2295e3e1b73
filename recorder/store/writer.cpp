#include "recorder/store/writer.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "recorder/store/pending_tasks.h"
#include "recorder/store/schema.h"
#include "recorder/store/sqlite.h"

namespace taskscope::store {
namespace {

enum Insert {
  kMeta,
  kProgram,
  kSite,
  kDoneTask,
  kOtherTask,
  kWorker,
  kThread,
  kObject,
  kTimer,
  kLeak,
  kGcCycle,
  kGcPhase,
  kEscapeSite,
  kEscapeReason,
  kName,
  kLabel,
  kLog,
  kCounter,
  kSteal,
  kPark,
  kSpin,
  kLost,
  kModule,
  kStack,
  kFrame,
  kSample,
  kChunk,
  kBegin,
  kCommit,
  kInsertCount
};

constexpr std::size_t kPendingTasksMax = 4096;
// Stacks of samples that may be there without a sample before somebody looks.
constexpr std::uint64_t kUnusedStacksMax = 1024;

constexpr std::array<const char*, kInsertCount> kInsertSql = {
    "INSERT OR REPLACE INTO meta VALUES(?,?)",
    "INSERT OR REPLACE INTO program VALUES(?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT OR REPLACE INTO site VALUES(?,?,?,?,?)",
    "INSERT OR REPLACE INTO task SELECT id, NULL, parent_id, spawn_site_id, NULL, created_ns,"
    " ended_ns, 'done', running_ns, runnable_ns, blocked_ns, syscall_ns, sleeping_ns, wakeups,"
    " steals, NULL, NULL, NULL, program_id, label_set_id, spawn_stack_id FROM done_task",
    "INSERT OR REPLACE INTO task SELECT * FROM other_task",
    "INSERT OR REPLACE INTO worker VALUES(?,?,?,?,?,?,?,?,?)",
    "INSERT OR IGNORE INTO thread VALUES(?1,?1)",
    "INSERT INTO object VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
    " kind = coalesce(excluded.kind, kind), name = coalesce(excluded.name, name),"
    " site_id = coalesce(excluded.site_id, site_id),"
    " capacity = coalesce(excluded.capacity, capacity),"
    " created_ns = coalesce(created_ns, excluded.created_ns),"
    " destroyed_ns = coalesce(excluded.destroyed_ns, destroyed_ns),"
    " waits = coalesce(waits + excluded.waits, excluded.waits, waits),"
    " wait_ns = coalesce(wait_ns + excluded.wait_ns, excluded.wait_ns, wait_ns)",
    "INSERT INTO timer VALUES(?,?,?,?,?,?,?,?)",
    "INSERT INTO leak VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT INTO gc_cycle VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(id) DO UPDATE SET"
    " start_ns = coalesce(excluded.start_ns, start_ns),"
    " end_ns = coalesce(excluded.end_ns, end_ns), forced = coalesce(excluded.forced, forced),"
    " before_bytes = coalesce(excluded.before_bytes, before_bytes),"
    " goal_bytes = coalesce(excluded.goal_bytes, goal_bytes),"
    " live_bytes = coalesce(excluded.live_bytes, live_bytes),"
    " live_objects = coalesce(excluded.live_objects, live_objects),"
    " freed_bytes = coalesce(excluded.freed_bytes, freed_bytes),"
    " next_goal_bytes = coalesce(excluded.next_goal_bytes, next_goal_bytes),"
    " task_id = coalesce(excluded.task_id, task_id)",
    "INSERT INTO gc_phase VALUES(?,?,?,?,?,?,?)",
    "INSERT OR REPLACE INTO escape_site VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
    "INSERT OR REPLACE INTO escape_reason VALUES(?,?,?)",
    "INSERT OR REPLACE INTO name VALUES(?,?,?)",
    "INSERT OR REPLACE INTO label_set VALUES(?,?,?,?)",
    "INSERT INTO log VALUES(?,?,?,(SELECT text FROM name WHERE id = ?),?,?)",
    // The unit stands behind a tab.
    "INSERT OR REPLACE INTO counter SELECT ?1, iif(tab, substr(text, 1, tab - 1), text),"
    " iif(tab, substr(text, tab + 1), NULL), ?2, ?3, ?4, ?5, ?6 FROM (SELECT text,"
    " instr(text, char(9)) AS tab FROM (SELECT max(text) AS text FROM name WHERE id = ?1))",
    "INSERT INTO steal VALUES(?,?,?,?,?)",
    "INSERT INTO park VALUES(?,?,?)",
    "INSERT INTO spin VALUES(?,?,?)",
    "INSERT INTO lost VALUES(?,?,?,?)",
    "INSERT OR REPLACE INTO module VALUES(?,?,?,?,?,?,?)",
    "INSERT OR REPLACE INTO stack VALUES(?,?,?,?)",
    "INSERT OR REPLACE INTO frame VALUES(?,?,?,?,?,?,?)",
    "INSERT INTO sample VALUES(?,?,?,?,?,?)",
    "INSERT OR REPLACE INTO chunk(worker_id, start_ns, end_ns, events, spans, kind_mask,"
    " longest_span_ns, running_ns, runnable_ns, blocked_ns, syscall_ns, sleeping_ns, raw_bytes,"
    " data, id, program_id) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    "BEGIN",
    "COMMIT",
};

std::optional<std::int64_t> worker_or_null(WorkerId id) {
  return id == kNoWorker ? std::nullopt : std::optional<std::int64_t>(id);
}

std::int64_t count(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::optional<std::int64_t> if_known(Totals totals, std::int64_t value) {
  return totals == Totals::Known ? std::optional(value) : std::nullopt;
}

bool execute(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

}  // namespace

FileKind file_kind(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return FileKind::Missing;
  if (!S_ISREG(status.st_mode)) return FileKind::SomethingElse;
  if (status.st_size == 0) return FileKind::Empty;
  // The header is read without SQLite: the file may be anything.
  std::array<unsigned char, 100> header{};
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return FileKind::SomethingElse;
  const std::size_t bytes = std::fread(header.data(), 1, header.size(), file);
  std::fclose(file);
  if (bytes != header.size() || std::memcmp(header.data(), "SQLite format 3", 16) != 0) {
    return FileKind::SomethingElse;
  }
  std::int32_t application_id = 0;
  for (int i = 68; i < 72; ++i)
    application_id = application_id << 8 | header[static_cast<std::size_t>(i)];
  return application_id == kApplicationId ? FileKind::Recording : FileKind::SomethingElse;
}

struct Writer::Impl {
  std::string path;
  PendingTasks tasks;
  DatabaseHandle database;
  std::array<Statement, kInsertCount> inserts;
  Result<void> failure;
  bool in_transaction = false;
  std::int64_t last_chunk = 0;  // the highest id
  SiteId next_frame_site = kFirstFrameSite;
  std::int64_t drops = 0;  // how often chunks were dropped
  // Stacks of samples: those that the last look left, and those that came since.
  std::uint64_t used_stacks = 0;
  std::uint64_t new_stacks = 0;
  bool has_cut = false;

  // Sets of labels that only tasks still use, oldest first, until they have been dropped.
  struct EndedLabels {
    LabelSetId first = 0;
    LabelSetId end = 0;
    std::int64_t ns = 0;
  };
  std::vector<EndedLabels> ended_labels;
  bool drop_labels(std::int64_t before_ns);
  bool drop_stacks();

  Error error(const std::string& doing, int system_error) const {
    return Error{doing + " " + path + ": " + describe(database.get(), system_error) + "."};
  }

  // Notes the failure of `action`, which returns whether it went well.
  template <class Action>
  bool attempt(Action action) {
    errno = 0;
    if (action()) return true;
    const int system_error = errno;
    if (failure) failure = error("Cannot write", system_error);
    return false;
  }

  // The statement to bind, or null after a failure.
  Statement* insert(Insert which) {
    if (!failure) return nullptr;
    if (!in_transaction) {
      if (!run(inserts[kBegin])) return nullptr;
      in_transaction = true;
    }
    return &inserts[which];
  }

  bool run(Statement& statement) {
    return attempt([&] { return statement.run() == SQLITE_DONE; });
  }

  void write_rows(Insert which) {
    if (Statement* s = insert(which)) run(*s);
  }

  void write_tasks() {
    if (tasks.size() == 0) return;
    tasks.sort();
    if (tasks.has_done()) write_rows(kDoneTask);
    if (tasks.has_others()) write_rows(kOtherTask);
    tasks.clear();
  }

  void add_idle(Insert which, const ParkRow& row) {
    Statement* s = insert(which);
    if (s == nullptr) return;
    run(s->bind(1, worker_or_null(row.worker_id)).bind(2, row.start_ns).bind(3, row.end_ns));
  }
};

// Drops sets of labels that nothing after `before_ns` speaks of and no task has.
bool Writer::Impl::drop_labels(std::int64_t before_ns) {
  for (auto it = ended_labels.begin(); it != ended_labels.end();) {
    if (it->ns >= before_ns) {
      ++it;
      continue;
    }
    Statement unused(database.get(),
                     "DELETE FROM label_set WHERE id >= ?1 AND id < ?2 AND id NOT IN"
                     " (SELECT label_set_id FROM task WHERE label_set_id >= ?1"
                     " AND label_set_id < ?2)");
    if (!unused || unused.bind_id(1, it->first).bind_id(2, it->end).run() != SQLITE_DONE) {
      return false;
    }
    Statement left(database.get(), "SELECT 1 FROM label_set WHERE id >= ?1 AND id < ?2 LIMIT 1");
    if (!left) return false;
    const int code = left.bind_id(1, it->first).bind_id(2, it->end).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return false;
    it = code == SQLITE_ROW ? it + 1 : ended_labels.erase(it);
  }
  return true;
}

// Drops the stacks of samples that have gone, with their frames.
bool Writer::Impl::drop_stacks() {
  const std::string frame_sites = std::to_string(kFirstFrameSite);
  const bool done = execute(database.get(),
                            "DELETE FROM stack WHERE kind = 'sample' AND id NOT IN"
                            " (SELECT stack_id FROM sample WHERE stack_id IS NOT NULL);"
                            "DELETE FROM frame WHERE stack_id NOT IN (SELECT id FROM stack)") &&
                    execute(database.get(), ("DELETE FROM site WHERE id >= " + frame_sites +
                                             " AND id NOT IN (SELECT site_id FROM frame)")
                                                .c_str());
  Statement left(database.get(), "SELECT count(*) FROM stack WHERE kind = 'sample'");
  if (!done || !left || left.step() != SQLITE_ROW) return false;
  used_stacks = static_cast<std::uint64_t>(left.integer(0));
  new_stacks = 0;
  return true;
}

Writer::Writer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writer::Writer(Writer&&) noexcept = default;
Writer& Writer::operator=(Writer&&) noexcept = default;
Writer::~Writer() = default;

Result<Writer> Writer::create(const std::string& path) {
  // Spares SQLite its statistics of memory, which cost a lock for every allocation. Counts before
  // the process opens its first database, and is harmless later.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  sqlite3* database = nullptr;
  const int opened = sqlite3_open_v2(
      path.c_str(), &database,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  impl->database.reset(database);
  if (opened != SQLITE_OK) return impl->error("Cannot create", 0);
  sqlite3_busy_timeout(database, 2000);
  const std::string identity = "PRAGMA application_id=" + std::to_string(kApplicationId) +
                               "; PRAGMA user_version=" + std::to_string(kSchemaMajor);
  const std::string first_rows = "INSERT INTO meta (key, value) VALUES ('format', '" +
                                 std::string(kFormatText) +
                                 "'), ('source', 'taskscope'), ('complete', 0)";
  errno = 0;
  // The tables come before WAL mode, and all at once, so that the file itself says from the start
  // what it is. Without a journal on disk: nothing is lost if we are killed here, and a reader, who
  // may not write, could not roll one back.
  const bool ready = execute(database,
                             "PRAGMA page_size=8192; PRAGMA journal_mode=MEMORY;"
                             " PRAGMA synchronous=OFF; BEGIN") &&
                     execute(database, identity.c_str()) && execute(database, kSchemaSql) &&
                     execute(database, first_rows.c_str()) && execute(database, "COMMIT") &&
                     execute(database, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL") &&
                     impl->tasks.register_tables(database) == SQLITE_OK;
  if (!ready) return impl->error("Cannot create", errno);
  for (std::size_t i = 0; i < kInsertCount; ++i) {
    impl->inserts[i] = Statement(database, kInsertSql[i]);
    if (!impl->inserts[i]) return impl->error("Cannot create", 0);
  }
  return Writer(std::move(impl));
}

void Writer::put_meta(std::string_view key, std::string_view value) {
  Statement* s = impl_->insert(kMeta);
  if (s != nullptr) impl_->run(s->bind_text(1, key).bind_text(2, value));
}

void Writer::put_meta(std::string_view key, std::int64_t value) {
  Statement* s = impl_->insert(kMeta);
  if (s != nullptr) impl_->run(s->bind_text(1, key).bind(2, value));
}

void Writer::put_program(const ProgramRow& row, Totals totals) {
  Statement* s = impl_->insert(kProgram);
  if (s == nullptr) return;
  s->bind(1, std::int64_t{row.id}).bind(2, row.pid).bind_text(3, row.name);
  s->bind_name(4, row.command).bind(5, row.started_ns).bind(6, row.ended_ns);
  s->bind_name(7, row.exit_status).bind(8, if_known(totals, row.workers));
  s->bind(9, if_known(totals, count(row.tasks))).bind(10, if_known(totals, count(row.events)));
  impl_->run(s->bind(11, if_known(totals, count(row.lost_events))));
}

void Writer::put_site(const SiteRow& row) {
  Statement* s = impl_->insert(kSite);
  if (s == nullptr) return;
  s->bind(1, std::int64_t{row.id}).bind_text(2, row.file).bind(3, std::int64_t{row.line});
  impl_->run(s->bind_text(4, row.function).bind(5, std::int64_t{program_of_site(row.id)}));
}

SiteId Writer::add_frame_site(const SiteRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kSite);
  if (s == nullptr) return 0;
  const SiteId id = impl_->next_frame_site++;
  s->bind(1, std::int64_t{id}).bind_name(2, row.file);
  s->bind(3, row.line == 0 ? std::nullopt : std::optional<std::int64_t>(row.line));
  impl_->run(s->bind_text(4, row.function).bind(5, std::int64_t{program_id}));
  return id;
}

void Writer::put_task(TaskRow&& row, Totals totals) {
  if (!impl_->failure) return;
  impl_->tasks.put(std::move(row), totals == Totals::Known);
  if (impl_->tasks.size() == kPendingTasksMax) impl_->write_tasks();
}

void Writer::put_worker(const WorkerRow& row, Totals totals) {
  Statement* s = impl_->insert(kWorker);
  if (s == nullptr) return;
  s->bind(1, std::int64_t{row.id}).bind_id(2, row.thread_id);
  s->bind(3, if_known(totals, row.running_ns)).bind(4, if_known(totals, row.syscall_ns));
  s->bind(5, if_known(totals, row.spinning_ns)).bind(6, if_known(totals, row.parked_ns));
  s->bind(7, if_known(totals, count(row.events)));
  s->bind(8, if_known(totals, count(row.steals)));
  impl_->run(s->bind(9, std::int64_t{program_of_worker(row.id)}));
}

void Writer::put_thread(std::uint64_t os_id) {
  Statement* s = impl_->insert(kThread);
  if (s != nullptr) impl_->run(s->bind(1, count(os_id)));
}

void Writer::put_object(const ObjectRow& row, Totals totals) {
  Statement* s = impl_->insert(kObject);
  if (s == nullptr) return;
  s->bind_id(1, row.id);
  s->bind_name(2, row.kind == ObjectKind::Unknown ? std::string_view() : to_text(row.kind));
  s->bind_name(3, row.name).bind_id(4, row.site_id);
  s->bind(5, row.capacity ? std::optional(count(*row.capacity)) : std::nullopt);
  s->bind(6, row.created_ns).bind(7, row.destroyed_ns);
  s->bind(8, if_known(totals, count(row.waits)));
  s->bind(9, if_known(totals, row.wait_ns));
  impl_->run(s->bind(10, std::int64_t{program_of(row.id)}));
}

void Writer::add_timer(const TimerRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kTimer);
  if (s == nullptr) return;
  s->bind_text(1, to_text(row.kind)).bind_id(2, row.object_id).bind_id(3, row.task_id);
  s->bind_id(4, row.site_id).bind(5, row.told_ns).bind(6, row.due_ns);
  s->bind(7, row.period_ns == 0 ? std::nullopt : std::optional(row.period_ns));
  impl_->run(s->bind(8, std::int64_t{program_id}));
}

void Writer::add_leak(const LeakRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kLeak);
  if (s == nullptr) return;
  s->bind(1, row.ns).bind(2, static_cast<std::int64_t>(row.group_id));
  s->bind_text(3, trace_format::to_text(row.kind))
      .bind_text(4, row.unwound  ? "unwound"
                    : row.proved ? "proved"
                                 : "suspected");
  s->bind_id(5, row.task_id).bind_id(6, row.holder_id).bind(7, std::int64_t{row.is_victim});
  s->bind_id(8, row.dropped_by).bind(9, row.dropped_ns);
  s->bind_text(10, row.dropped_at).bind_text(11, row.dropped_in);
  s->bind(12, static_cast<std::int64_t>(row.held_bytes)).bind(13, row.since_ns);
  s->bind_text(14, to_text(row.reason)).bind_id(15, row.object_id).bind_id(16, row.site_id);
  impl_->run(s->bind(17, std::int64_t{program_id}));
}

void Writer::put_gc_cycle(const GcCycleRow& row) {
  Statement* s = impl_->insert(kGcCycle);
  if (s == nullptr) return;
  const auto known = [](const auto& value) {
    return value ? std::optional(static_cast<std::int64_t>(*value)) : std::nullopt;
  };
  s->bind_id(1, row.id).bind(2, row.start_ns).bind(3, row.end_ns).bind(4, known(row.forced));
  s->bind(5, known(row.before_bytes)).bind(6, known(row.goal_bytes));
  s->bind(7, known(row.live_bytes)).bind(8, known(row.live_objects));
  s->bind(9, known(row.freed_bytes)).bind(10, known(row.next_goal_bytes));
  impl_->run(s->bind_id(11, row.task_id).bind(12, std::int64_t{program_of(row.id)}));
}

void Writer::add_gc_phase(const GcPhaseRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kGcPhase);
  if (s == nullptr) return;
  s->bind_id(1, row.cycle_id).bind_text(2, to_text(row.phase));
  s->bind(3, row.start_ns).bind(4, row.end_ns).bind(5, worker_or_null(row.worker_id));
  impl_->run(s->bind_id(6, row.task_id).bind(7, std::int64_t{program_id}));
}

void Writer::put_escape_site(const EscapeSiteRow& row) {
  Statement* s = impl_->insert(kEscapeSite);
  if (s == nullptr) return;
  s->bind_id(1, row.id).bind_text(2, row.file).bind(3, std::int64_t{row.line});
  s->bind_text(4, row.function).bind_text(5, row.type).bind(6, count(row.stayed));
  s->bind(7, count(row.escaped)).bind(8, count(row.heap)).bind(9, count(row.bytes));
  s->bind(10, count(row.escaped_bytes)).bind(11, std::int64_t{row.learned});
  impl_->run(s->bind(12, std::int64_t{program_of(row.id)}));
  for (std::size_t reason = 0; reason < row.reasons.size(); ++reason) {
    if (row.reasons[reason] == 0) continue;
    s = impl_->insert(kEscapeReason);
    if (s == nullptr) return;
    s->bind_id(1, row.id).bind_text(2, to_text(static_cast<EscapeReason>(reason)));
    impl_->run(s->bind(3, count(row.reasons[reason])));
  }
}

void Writer::put_name(const NameRow& row) {
  Statement* s = impl_->insert(kName);
  if (s == nullptr) return;
  impl_->run(
      s->bind_id(1, row.id).bind_text(2, row.text).bind(3, std::int64_t{program_of(row.id)}));
}

void Writer::put_label(const LabelRow& row) {
  Statement* s = impl_->insert(kLabel);
  if (s == nullptr) return;
  s->bind_id(1, row.set_id).bind_text(2, row.key).bind_text(3, row.value);
  impl_->run(s->bind(4, std::int64_t{program_of(row.set_id)}));
}

void Writer::end_label_sets(LabelSetId first, LabelSetId end, std::int64_t ns) {
  impl_->ended_labels.push_back({first, end, ns});
}

void Writer::add_log(const LogRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kLog);
  if (s == nullptr) return;
  s->bind(1, row.ns).bind(2, worker_or_null(row.worker_id)).bind_id(3, row.task_id);
  s->bind_id(4, row.category_id).bind_text(5, row.message);
  impl_->run(s->bind(6, std::int64_t{program_id}));
}

void Writer::put_counter(const CounterRow& row, Totals totals) {
  Statement* s = impl_->insert(kCounter);
  if (s == nullptr) return;
  s->bind_id(1, row.id).bind(2, if_known(totals, count(row.samples)));
  s->bind(3, if_known(totals, row.min)).bind(4, if_known(totals, row.max));
  s->bind(5, if_known(totals, row.last));
  impl_->run(s->bind(6, std::int64_t{program_of(row.id)}));
}

void Writer::add_steal(const StealRow& row) {
  Statement* s = impl_->insert(kSteal);
  if (s == nullptr) return;
  s->bind(1, row.ns).bind(2, worker_or_null(row.thief)).bind(3, std::int64_t{row.victim});
  impl_->run(s->bind(4, std::int64_t{row.count}).bind_id(5, row.task_id));
}

void Writer::add_park(const ParkRow& row) { impl_->add_idle(kPark, row); }
void Writer::add_spin(const ParkRow& row) { impl_->add_idle(kSpin, row); }

void Writer::add_lost(const LostRow& row) {
  Statement* s = impl_->insert(kLost);
  if (s == nullptr) return;
  s->bind(1, worker_or_null(row.worker_id)).bind(2, row.start_ns).bind(3, row.end_ns);
  impl_->run(s->bind(4, count(row.events)));
}

void Writer::put_module(const ModuleRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kModule);
  if (s == nullptr) return;
  s->bind_id(1, row.id).bind_text(2, row.path).bind_name(3, row.build_id);
  s->bind(4, count(row.bias)).bind(5, count(row.first)).bind(6, count(row.end));
  impl_->run(s->bind(7, std::int64_t{program_id}));
}

void Writer::put_stack(const StackRow& row) {
  Statement* s = impl_->insert(kStack);
  if (s == nullptr) return;
  if (row.kind == StackKind::Sample) ++impl_->new_stacks;
  s->bind_id(1, row.id).bind_text(2, to_text(row.kind)).bind_text(3, row.addresses);
  impl_->run(s->bind(4, std::int64_t{program_of(row.id)}));
}

void Writer::put_frame(const FrameRow& row) {
  Statement* s = impl_->insert(kFrame);
  if (s == nullptr) return;
  s->bind_id(1, row.stack_id).bind(2, std::int64_t{row.depth}).bind_id(3, row.site_id);
  s->bind(4, count(row.address)).bind_id(5, row.module_id);
  impl_->run(s->bind(6, std::int64_t{row.inlined}).bind(7, std::int64_t{row.runtime}));
}

void Writer::add_sample(const SampleRow& row, ProgramId program_id) {
  Statement* s = impl_->insert(kSample);
  if (s == nullptr) return;
  s->bind(1, row.ns).bind(2, worker_or_null(row.worker_id)).bind_id(3, row.thread_id);
  s->bind_id(4, row.task_id).bind_id(5, row.stack_id);
  impl_->run(s->bind(6, std::int64_t{program_id}));
}

std::int64_t Writer::put_chunk(std::int64_t row_id, const ChunkEncoder::Packed& chunk,
                               ProgramId program_id, WorkerId worker_id) {
  Statement* s = impl_->insert(kChunk);
  if (s == nullptr) return 0;
  const ChunkSummary& summary = chunk.statistics.summary;
  s->bind(1, worker_or_null(worker_id)).bind(2, summary.start_ns).bind(3, summary.end_ns);
  s->bind(4, std::int64_t{summary.events}).bind(5, std::int64_t{summary.spans});
  s->bind(6, count(chunk.statistics.kind_mask)).bind(7, summary.longest_span_ns);
  for (std::size_t i = 0; i < kSpanStates; ++i) {
    s->bind(8 + static_cast<int>(i), summary.state_ns[i]);
  }
  s->bind(13, std::int64_t{chunk.raw_bytes}).bind_blob(14, chunk.blob);
  s->bind(15, row_id == 0 ? std::nullopt : std::optional(row_id));
  s->bind(16, std::int64_t{program_id});
  impl_->run(*s);
  const std::int64_t put = sqlite3_last_insert_rowid(impl_->database.get());
  impl_->last_chunk = std::max(impl_->last_chunk, put);
  return put;
}

std::int64_t Writer::last_chunk() const { return impl_->last_chunk; }

void Writer::put_cut(Cut cut) {
  impl_->has_cut = true;
  cut.drops = impl_->drops;
  cut.last_chunk = impl_->last_chunk;
  put_meta("cut", to_text(cut));
}

Result<Dropped> Writer::drop_before(std::int64_t ns) {
  if (auto stored = commit(); !stored) return stored.error();
  sqlite3* database = impl_->database.get();
  Dropped dropped;
  const bool done = impl_->attempt([&] {
    Statement events(database, "SELECT coalesce(sum(events), 0) FROM chunk WHERE end_ns < ?");
    if (!events || events.bind(1, ns).step() != SQLITE_ROW) return false;
    dropped.events = static_cast<std::uint64_t>(events.integer(0));
    events.reset();
    if (dropped.events == 0) return true;
    if (!execute(database,
                 "CREATE TEMP TABLE IF NOT EXISTS dropped(program_id INTEGER, worker_id INTEGER,"
                 " end_ns INTEGER, PRIMARY KEY(program_id, worker_id)); BEGIN")) {
      return false;
    }
    // A ring's events are in order, so what is left of it has none before the last that goes. Its
    // spans may reach back far; for that alone nothing has to stay.
    for (const char* sql :
         {"INSERT OR REPLACE INTO temp.dropped SELECT program_id, coalesce(worker_id, -1),"
          " max(end_ns) FROM chunk WHERE end_ns < ? GROUP BY 1, 2",
          "DELETE FROM chunk WHERE end_ns < ?"}) {
      Statement chunks(database, sql);
      if (!chunks || chunks.bind(1, ns).run() != SQLITE_DONE) return false;
    }
    Statement start(database,
                    "SELECT coalesce(min(max(coalesce(dropped.end_ns, start_ns), start_ns)), ?1)"
                    " FROM chunk"
                    " LEFT JOIN temp.dropped AS dropped ON dropped.program_id = chunk.program_id"
                    " AND dropped.worker_id = coalesce(chunk.worker_id, -1)");
    if (!start || start.bind(1, ns).step() != SQLITE_ROW) return false;
    const std::int64_t first_ns = std::min(start.integer(0), ns);
    start.reset();
    dropped.kept_from_ns = ns;
    dropped.rows_from_ns = first_ns;
    for (const char* sql :
         {"DELETE FROM timer WHERE due_ns < ? AND period_ns IS NULL",
          "DELETE FROM log WHERE ns < ?", "DELETE FROM sample WHERE ns < ?",
          "DELETE FROM steal WHERE ns < ?", "DELETE FROM park WHERE end_ns < ?",
          "DELETE FROM spin WHERE end_ns < ?", "DELETE FROM lost WHERE end_ns < ?",
          "DELETE FROM gc_cycle WHERE end_ns < ?", "DELETE FROM gc_phase WHERE end_ns < ?",
          "DELETE FROM object WHERE destroyed_ns < ?", "DELETE FROM task WHERE ended_ns < ?"}) {
      Statement rows(database, sql);
      if (!rows || rows.bind(1, first_ns).run() != SQLITE_DONE) return false;
    }
    dropped.tasks = static_cast<std::uint64_t>(sqlite3_changes64(database));
    if (!impl_->drop_labels(first_ns)) return false;
    // A look reads all samples, so there is one whenever the stacks have doubled.
    const bool look = impl_->new_stacks >= std::max(impl_->used_stacks, kUnusedStacksMax);
    if (look && !impl_->drop_stacks()) return false;
    ++impl_->drops;
    Statement last(database, "SELECT coalesce(max(id), 0) FROM chunk");
    if (!last || last.step() != SQLITE_ROW) return false;
    impl_->last_chunk = last.integer(0);
    last.reset();
    return execute(database, "COMMIT");
  });
  if (!done) return impl_->failure.error();
  return dropped;
}

std::int64_t Writer::cut_that_frees(std::uint64_t bytes) {
  Statement chunks(impl_->database.get(), "SELECT end_ns, length(data) FROM chunk ORDER BY end_ns");
  std::uint64_t freed = 0;
  while (chunks && freed < bytes && chunks.step() == SQLITE_ROW) {
    freed += static_cast<std::uint64_t>(chunks.integer(1));
    if (freed >= bytes) return chunks.integer(0) + 1;
  }
  Statement newest(impl_->database.get(), "SELECT max(end_ns) FROM chunk");
  return newest && newest.step() == SQLITE_ROW ? newest.integer(0) : 0;
}

std::uint64_t Writer::used_bytes() {
  Statement pages(impl_->database.get(),
                  "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count,"
                  " pragma_freelist_count, pragma_page_size");
  if (!pages || pages.step() != SQLITE_ROW) return 0;
  return static_cast<std::uint64_t>(pages.integer(0));
}

Result<void> Writer::commit() {
  impl_->write_tasks();
  if (impl_->failure && impl_->in_transaction) {
    impl_->in_transaction = false;
    impl_->run(impl_->inserts[kCommit]);
  }
  return impl_->failure;
}

Result<void> Writer::finish() {
  if (auto stored = commit(); !stored) return stored;
  for (Statement& statement : impl_->inserts) statement = {};
  sqlite3* database = impl_->database.get();
  if (impl_->drops > 0) impl_->attempt([&] { return impl_->drop_stacks(); });
  // All of it is there now.
  if (impl_->has_cut) {
    impl_->attempt([&] { return execute(database, "DELETE FROM meta WHERE key = 'cut'"); });
  }
  const bool folded = impl_->attempt([&] {
    const int code =
        sqlite3_wal_checkpoint_v2(database, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    return code == SQLITE_OK;
  });
  // Somebody who reads it keeps it in WAL mode, which does no harm: nothing is left in the WAL.
  if (folded) {
    impl_->attempt([&] {
      return execute(database, "PRAGMA journal_mode=DELETE") ||
             (sqlite3_errcode(database) & 0xff) == SQLITE_BUSY;
    });
  }
  impl_->database.reset();
  return impl_->failure;
}

bool Writer::failed() const { return !impl_->failure; }
Result<void> Writer::failure() const { return impl_->failure; }

Result<void> write_findings(const std::string& path, std::span<const FindingRow> findings) {
  sqlite3* opened = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  const DatabaseHandle database(opened);
  const auto failed = [&] {
    return Error{"Cannot write the findings into " + path + ": " + describe(opened) + "."};
  };
  sqlite3_busy_timeout(opened, 2000);
  const char* const begin =
      "BEGIN IMMEDIATE; DELETE FROM finding;"
      " UPDATE task SET leak_tier = NULL WHERE leak_tier IS NOT NULL";
  if (code != SQLITE_OK || !execute(opened, begin)) return failed();
  Statement s(opened, "INSERT INTO finding VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)");
  Statement tier(opened, "UPDATE task SET leak_tier = ? WHERE id = ?");
  for (const FindingRow& row : findings) {
    s.bind_id(1, row.id).bind_text(2, row.kind).bind_text(3, row.tier).bind_text(4, row.severity);
    s.bind_text(5, row.summary).bind_name(6, row.detail).bind_id(7, row.task_id);
    s.bind_id(8, row.object_id).bind_id(9, row.spawn_site_id).bind_id(10, row.wait_site_id);
    s.bind(11, count(row.count)).bind(12, row.first_ns).bind(13, row.last_ns);
    if (s.run() != SQLITE_DONE) return failed();
    for (const TaskId task : row.kind == "leak" ? row.task_ids : std::vector<TaskId>()) {
      tier.bind_text(1, row.tier).bind_id(2, task);
      if (tier.run() != SQLITE_DONE) return failed();
    }
  }
  if (!execute(opened, "COMMIT")) return failed();
  return {};
}

}  // namespace taskscope::store
