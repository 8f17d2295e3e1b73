// A file that says it is a recording: opening it, reading every chunk and table and two queries
// give an error or an answer, never a crash, a hang or an endless result.
#include <stdlib.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/memory_tables.h"
#include "recorder/store/reader.h"
#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"

namespace {

using taskscope::store::Reader;

void query(const Reader& reader, const char* sql) {
  int rows = 0;
  Reader::QueryError error;
  static_cast<void>(reader.query(
      sql, {},
      [&rows](const auto& columns, const auto& values) {
        TASKSCOPE_CHECK(columns.size() == values.size());
        return ++rows < 1000;
      },
      error));
}

void read_all(const Reader& reader) {
  static_cast<void>(reader.tasks().has_value());
  static_cast<void>(reader.workers().has_value());
  static_cast<void>(reader.objects().has_value());
  static_cast<void>(reader.sites().has_value());
  static_cast<void>(reader.steals().has_value());
  static_cast<void>(reader.parks().has_value());
  static_cast<void>(reader.spins().has_value());
  static_cast<void>(reader.lost().has_value());
  static_cast<void>(reader.timers().has_value());
  static_cast<void>(reader.leaks().has_value());
  static_cast<void>(taskscope::store::gc_cycles(reader).has_value());
  static_cast<void>(taskscope::store::gc_phases(reader).has_value());
  static_cast<void>(taskscope::store::escape_sites(reader).has_value());
  static_cast<void>(reader.findings().has_value());
  static_cast<void>(reader.names().has_value());
  static_cast<void>(reader.regions({}).has_value());
  static_cast<void>(reader.logs({}).has_value());
  static_cast<void>(reader.counters().has_value());
  static_cast<void>(reader.labels().has_value());
  static_cast<void>(reader.label_totals().has_value());
  static_cast<void>(reader.cut().has_value());
  static_cast<void>(reader.programs().has_value());
  static_cast<void>(reader.chunks_between(1, 3).has_value());
  constexpr std::array<std::uint64_t, 3> kIds = {1, 2, 500};
  static_cast<void>(reader.tasks_of(kIds).has_value());
  static_cast<void>(reader.objects_of(kIds).has_value());
  Reader::IdlePlaces places;
  std::vector<taskscope::store::ParkRow> parks;
  static_cast<void>(reader.idle_after(places, parks, parks).has_value());
  std::int64_t place = 0;
  static_cast<void>(reader.lost_after(place).has_value());
  const auto chunks = reader.chunks();
  if (chunks) {
    std::vector<taskscope::store::Span> spans;
    std::vector<taskscope::store::EventRow> events;
    for (std::size_t i = 0; i < chunks->size() && i < 100; ++i) {
      static_cast<void>(reader.read_spans((*chunks)[i].id, spans).has_value());
      static_cast<void>(reader.read_events((*chunks)[i].id, events).has_value());
    }
  }
  query(reader,
        "SELECT state, reason, count(*), sum(end_ns - start_ns) FROM span WHERE end_ns > 10"
        " GROUP BY state, reason");
  query(reader, "SELECT name, count(*), sum(end_ns - start_ns) FROM region GROUP BY name");
  query(reader, "SELECT * FROM counter_sample JOIN counter ON counter.id = counter_id, label");
  query(reader, "SELECT * FROM event WHERE kind = 'run' AND task_id = 2 ORDER BY ns LIMIT 20");
}

// A file that is gone with the process. SQLite wants one with a name.
class InputFile {
 public:
  InputFile() : file_(mkstemp(path_.data())) { TASKSCOPE_CHECK(file_); }
  ~InputFile() { unlink(path_.c_str()); }
  void fill(const std::uint8_t* data, std::size_t size) {
    TASKSCOPE_CHECK(ftruncate(file_.get(), 0) == 0);
    TASKSCOPE_CHECK(pwrite(file_.get(), data, size, 0) == static_cast<ssize_t>(size));
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/taskscope-fuzz-XXXXXX";
  taskscope::base::UniqueFd file_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static InputFile file;
  file.fill(data, size);
  const auto reader = Reader::open(file.path());
  if (reader) read_all(*reader);
  return 0;
}
