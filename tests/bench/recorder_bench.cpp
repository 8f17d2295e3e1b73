// How fast the recorder works and how small its files are, without the program that it records.
// Prints one JSON object.
//
//   recorder_bench store EVENTS FILE [TASKS]  records to file: merge, spans, encoding, SQLite; with
//                                             TASKS of so many tasks that last, else of few that
//                                             last and many that do not
//   recorder_bench read FILE                  chunks back to columns; a query that counts and sums
//                                             within one hundredth of the time
//
// Speeds are per second of processor time of the one thread that does it all.
#include <sys/resource.h>
#include <time.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "recorder/ingest/merge.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/store_pace.h"
#include "recorder/store/chunk_codec.h"
#include "recorder/store/reader.h"
#include "recorder/store/sqlite.h"
#include "runtime/base/check.h"
#include "tests/bench/made_up_program.h"

namespace {

using namespace taskscope;

constexpr std::int64_t kReadEveryNs = 2'000'000;  // as the recorder, while events come

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

int store_events(std::size_t events, const std::string& path,
                 const bench::MadeUpProgram::Shape& shape) {
  bench::MadeUpProgram program(shape);
  ingest::ClockMap clock(base::TickSource::Hardware, {}, 0);
  double seconds = -cpu_seconds();
  auto writer = store::Writer::create(path);
  TASKSCOPE_CHECK(writer.has_value());
  ingest::SpanBuilder builder(*writer);
  ingest::Merge merge(builder, clock);
  ingest::SpanBuilder* const builders[] = {&builder};
  ingest::StorePace pace;
  for (std::size_t w = 0; w < program.kWorkers; ++w) {
    merge.add_ring(static_cast<store::WorkerId>(w));
  }
  seconds += cpu_seconds();
  for (std::int64_t now_ns = kReadEveryNs; program.events() < events; now_ns += kReadEveryNs) {
    program.run_until(now_ns);
    seconds -= cpu_seconds();
    for (std::size_t w = 0; w < program.kWorkers; ++w) merge.append(w, program.rings()[w]);
    clock.add_anchor({.ticks = static_cast<std::uint64_t>(now_ns) * program.kTicksPerNs,
                      .monotonic_ns = now_ns});
    merge.advance();
    TASKSCOPE_CHECK(pace.store(now_ns, builders, *writer).has_value());
    seconds += cpu_seconds();
    for (auto& ring : program.rings()) ring.clear();
  }
  seconds -= cpu_seconds();
  merge.drain();
  TASKSCOPE_CHECK(builder.counts().events == program.events());
  TASKSCOPE_CHECK(builder.counts().misfits == 0);
  TASKSCOPE_CHECK(ingest::complete(builder, *writer, {}).has_value());
  seconds += cpu_seconds();
  const auto reader = store::Reader::open(path);
  TASKSCOPE_CHECK(reader.has_value());
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto made = static_cast<double>(program.events());
  std::printf(
      "{\"ingest_events_per_s\": %.0f, \"bytes_per_event\": %.4f, \"memory_mb\": %.1f, "
      "\"tasks\": %zu}\n",
      made / seconds, static_cast<double>(reader->info().bytes) / made,
      static_cast<double>(used.ru_maxrss) / 1024, program.tasks());
  return 0;
}

// Events per second.
double decode(const std::string& path, std::uint32_t columns) {
  sqlite3* opened = nullptr;
  TASKSCOPE_CHECK(sqlite3_open(path.c_str(), &opened) == SQLITE_OK);
  const store::DatabaseHandle database(opened);
  store::Statement chunks(opened, "SELECT data FROM chunk");
  store::ChunkColumns out;
  std::size_t rows = 0;
  const double start = cpu_seconds();
  while (chunks.step() == SQLITE_ROW) {
    TASKSCOPE_CHECK(store::decode_chunk(chunks.blob(0), columns, out).has_value());
    rows += out.kinds.size();
  }
  return static_cast<double>(rows) / (cpu_seconds() - start);
}

// Milliseconds.
double query(const store::Reader& reader) {
  const std::int64_t middle_ns = reader.info().duration_ns / 2;
  const std::string sql =
      "SELECT count(*), sum(end_ns - start_ns) FROM span WHERE state = 'blocked'"
      " AND end_ns BETWEEN " +
      std::to_string(middle_ns) + " AND " +
      std::to_string(middle_ns + reader.info().duration_ns / 100);
  std::string counted;
  store::Reader::QueryError error;
  const double start = cpu_seconds();
  const bool done = reader.query(
      sql, {},
      [&](const auto&, const std::vector<const char*>& values) {
        counted = values[0];
        return true;
      },
      error);
  const double seconds = cpu_seconds() - start;
  TASKSCOPE_CHECK(done);
  TASKSCOPE_CHECK(counted != "0");
  return seconds * 1e3;
}

int read_events(const std::string& path) {
  const auto reader = store::Reader::open(path);
  if (!reader) {
    std::fprintf(stderr, "%s\n", reader.error().message.c_str());
    return 1;
  }
  const auto chunks = reader->chunks();
  TASKSCOPE_CHECK(chunks.has_value());
  double spans = 0;
  for (const store::ChunkSummary& chunk : *chunks) spans += chunk.spans;
  constexpr std::uint32_t kSpanOnly = store::kTimeColumn | store::kSpanColumn;
  std::printf(
      "{\"decode_events_per_s\": %.0f, \"decode_spans_per_s\": %.0f, "
      "\"query_ms_per_10m\": %.3f}\n",
      decode(path, store::kAllColumns), decode(path, kSpanOnly), query(*reader) * 1e7 / spans);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const auto number = [&](int at) {
    std::size_t value = 0;
    if (argc > at) std::from_chars(argv[at], argv[at] + std::strlen(argv[at]), value);
    return value;
  };
  bench::MadeUpProgram::Shape shape;
  if (argc == 5) shape = {.pairs = number(4) / 2, .children = false};
  const bool known = (argc == 4 || argc == 5) && number(2) >= 100'000 && shape.pairs > 0;
  if (what == "store" && known) return store_events(number(2), argv[3], shape);
  if (what == "read" && argc == 3) return read_events(argv[2]);
  std::fprintf(stderr,
               "usage: recorder_bench store EVENTS FILE [TASKS] (at least 100000 events)\n"
               "       recorder_bench read FILE\n");
  return 2;
}
