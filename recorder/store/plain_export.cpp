#include "recorder/store/plain_export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "recorder/store/annotation_tables.h"
#include "recorder/store/new_file.h"
#include "recorder/store/reader.h"
#include "recorder/store/sqlite.h"
#include "recorder/store/virtual_tables.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::store {
namespace {

// `task`, `site` and so on become tables of the output, with the columns they have in the file.
constexpr const char* kTablesSql =
    "SELECT name, sql FROM recording.sqlite_schema"
    " WHERE type = 'table' AND name NOT IN ('chunk') AND name NOT LIKE 'sqlite_%' ORDER BY name";

// The virtual tables are connected under other names first: those of the rows are taken.
constexpr const char* kRowsSql = R"sql(
CREATE TABLE main.span(
  task_id INTEGER, worker_id INTEGER, thread_id INTEGER, state TEXT, reason TEXT,
  object_id INTEGER, start_ns INTEGER, end_ns INTEGER, woken_by INTEGER, stack_id INTEGER,
  site_id INTEGER, finished INTEGER, waker_kind TEXT);
CREATE TABLE main.event(
  ns INTEGER, worker_id INTEGER, thread_id INTEGER, task_id INTEGER, kind TEXT,
  object_id INTEGER, arg INTEGER, stack_id INTEGER, site_id INTEGER, reason TEXT, arg2 INTEGER);
CREATE TABLE main.region(
  task_id INTEGER, name TEXT, start_ns INTEGER, end_ns INTEGER, depth INTEGER, site_id INTEGER,
  worker_id INTEGER, name_id INTEGER);
CREATE TABLE main.counter_sample(ns INTEGER, counter_id INTEGER, value INTEGER, task_id INTEGER);
INSERT INTO main.region SELECT * FROM chunk_region;
INSERT INTO main.counter_sample SELECT * FROM chunk_counter_sample;
INSERT INTO main.span SELECT * FROM chunk_span;
INSERT INTO main.event SELECT * FROM chunk_event;
CREATE INDEX main.span_of_task ON span(task_id, start_ns);
)sql";

class Export {
 public:
  explicit Export(std::string path) : path_(std::move(path)) {}
  ~Export() {
    database_.reset();
    unlink(path_.c_str());
  }
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;

  Result<PlainExport> write(const std::string& recording) {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(
        path_.c_str(), &opened, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        nullptr);
    database_.reset(opened);
    if (code != SQLITE_OK) return failure();
    Statement attach(opened, "ATTACH ? AS recording");
    if (!attach || attach.bind_text(1, recording).run() != SQLITE_DONE) return failure();
    if (register_virtual_tables(opened, {"chunk_span", "chunk_event"}) != SQLITE_OK ||
        register_annotation_tables(opened, {"chunk_region", "chunk_counter_sample"}) != SQLITE_OK) {
      return failure();
    }
    // Nobody sees the output before it is whole, so a crash may leave half a file.
    if (!run("PRAGMA main.journal_mode=OFF; PRAGMA main.synchronous=OFF; BEGIN") ||
        !copy_tables() || !run(kRowsSql) || !run("COMMIT; DETACH recording")) {
      return failure();
    }
    return PlainExport{.spans = count("span"), .events = count("event")};
  }

  // The file gets its name: a second one, as the first always goes.
  Result<void> keep(const std::string& name) {
    database_.reset();
    const base::UniqueFd file(open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file || fsync(file.get()) != 0 || link(path_.c_str(), name.c_str()) != 0) {
      return Error{"Cannot write " + name + ": " + std::strerror(errno) + "."};
    }
    return {};
  }

 private:
  bool run(const char* sql) {
    return sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK;
  }
  bool copy_tables() {
    Statement tables(database_.get(), kTablesSql);
    std::string sql;
    int code;
    while ((code = tables.step()) == SQLITE_ROW) {
      const std::string name = tables.text(0);
      std::string declaration = tables.text(1);
      constexpr std::string_view kCreate = "CREATE TABLE ";
      if (declaration.rfind(kCreate, 0) != 0) continue;
      declaration.insert(kCreate.size(), "main.");
      sql += declaration + ";INSERT INTO main.\"" + name + "\" SELECT * FROM recording.\"" + name +
             "\";";
    }
    return code == SQLITE_DONE && run(sql.c_str());
  }
  std::uint64_t count(const std::string& table) {
    Statement counted(database_.get(), "SELECT count(*) FROM main." + table);
    return counted && counted.step() == SQLITE_ROW ? static_cast<std::uint64_t>(counted.integer(0))
                                                   : 0;
  }
  Error failure() const {
    return Error{"Cannot export to " + path_ + ": " + describe(database_.get()) + "."};
  }

  const std::string path_;
  DatabaseHandle database_;
};

}  // namespace

Result<PlainExport> export_plain(const std::string& recording, const std::string& output) {
  // Says best what is wrong with the recording, and recovers one whose recorder was killed.
  if (const auto reader = Reader::open(recording); !reader) return reader.error();
  struct stat status {};
  if (lstat(output.c_str(), &status) == 0) return exists_already(output);
  const std::string partial = output + ".partial";
  const base::UniqueFd made(open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!made) return Error{"Cannot create " + partial + ": " + std::strerror(errno) + "."};
  Export file(partial);
  auto written = file.write(recording);
  if (!written) return written;
  if (auto kept = file.keep(output); !kept) return kept.error();
  return written;
}

}  // namespace taskscope::store
