// How fast the recorder works, without the program that it records: recorder_bench EVENTS FILE
//
// Makes the rings of a simulated program, then times what happens to them, in CPU time of the one
// thread that does it all: records to file (merge, spans, encoding, SQLite), chunks back to
// columns, and a query that counts and sums within one hundredth of the time. Prints a JSON object.
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "recorder/ingest/merge.h"
#include "recorder/ingest/recording_end.h"
#include "recorder/store/chunk_codec.h"
#include "recorder/store/reader.h"
#include "recorder/store/sqlite.h"
#include "runtime/base/check.h"
#include "runtime/trace_format/codec.h"

namespace {

using namespace taskscope;
using trace_format::EventKind;
using trace_format::Record;

constexpr std::size_t kWorkers = 4;
constexpr std::size_t kPairs = 500;
constexpr std::int64_t kReadEveryNs = 2'000'000;  // as the recorder, while events come
constexpr std::int64_t kCommitEveryNs = 200'000'000;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Pairs of tasks that hand something to and fro over a channel, now and then with a child that
// lives shortly; workers prefer what they made runnable themselves and steal when they have none.
class Program {
 public:
  explicit Program(std::size_t events) : rings_(kWorkers), workers_(kWorkers) {
    tasks_.resize(1);
    for (std::size_t i = 0; i < 2 * kPairs; ++i) spawn(workers_[i % kWorkers], i % kWorkers, true);
    while (count_ < events) step();
  }
  const std::vector<std::vector<Record>>& rings() const { return rings_; }
  std::size_t events() const { return count_; }

 private:
  struct Task {
    std::uint32_t sequence = 0;
    bool waiting = false;
    bool lasting = false;
    bool woke = false;
  };
  struct Worker {
    std::int64_t now_ns = 1;
    std::uint64_t current = 0;
    std::uint64_t next = 0;  // made runnable last: goes first, but not always
    std::deque<std::uint64_t> queue;
  };

  std::int64_t below(std::uint64_t limit) { return static_cast<std::int64_t>(random_() % limit); }

  void put(std::size_t w, EventKind kind, std::uint64_t id, std::uint32_t aux) {
    rings_[w].push_back(
        trace_format::encode({.ticks = static_cast<std::uint64_t>(workers_[w].now_ns),
                              .id = id,
                              .aux = aux,
                              .kind = kind}));
    ++count_;
  }

  void spawn(Worker& worker, std::size_t w, bool lasting) {
    const std::uint64_t id = tasks_.size();
    tasks_.push_back({.lasting = lasting});
    put(w, EventKind::Spawn, id, lasting ? 1 : 2);
    worker.queue.push_back(id);
  }

  // The earliest worker does one thing, so that causes never come after their effects.
  void step() {
    const auto earliest =
        std::min_element(workers_.begin(), workers_.end(),
                         [](const Worker& a, const Worker& b) { return a.now_ns < b.now_ns; });
    const auto w = static_cast<std::size_t>(earliest - workers_.begin());
    Worker& worker = *earliest;
    if (worker.current == 0) return next_task(worker, w);
    const std::uint64_t id = worker.current;
    Task& task = tasks_[id];
    worker.now_ns += 40 + below(60) * below(20);
    if (!task.lasting) {
      put(w, EventKind::Exit, id, 0);
      worker.current = 0;
      return;
    }
    const std::uint64_t partner = ((id - 1) ^ 1) + 1;
    if (!task.woke && tasks_[partner].waiting) {
      tasks_[partner].waiting = false;
      put(w, EventKind::Ready, partner, ++tasks_[partner].sequence);
      if (worker.next != 0) worker.queue.push_back(worker.next);
      worker.next = partner;
      task.woke = true;
      return;
    }
    if (below(16) == 0) return spawn(worker, w, false);
    task.woke = false;
    worker.current = 0;
    if (!tasks_[partner].waiting) {
      task.waiting = true;
      put(w, EventKind::Block, 1 + (id - 1) / 2,
          trace_format::pack_reason_site(trace_format::BlockReason::ChanRecv, 3 + id % 2));
    } else {
      put(w, EventKind::Yield, 0, 0);
      worker.queue.push_back(id);
    }
  }

  void next_task(Worker& worker, std::size_t w) {
    if (worker.next != 0) {
      if (below(4) == 0) {
        worker.queue.push_back(worker.next);
      } else {
        worker.queue.push_front(worker.next);
      }
      worker.next = 0;
    }
    if (worker.queue.empty()) {
      Worker& victim = workers_[static_cast<std::size_t>(below(kWorkers))];
      worker.now_ns += 300;
      if (victim.queue.size() < 2) return;
      worker.queue.push_back(victim.queue.back());
      victim.queue.pop_back();
    }
    worker.current = worker.queue.front();
    worker.queue.pop_front();
    put(w, EventKind::Run, worker.current, ++tasks_[worker.current].sequence);
  }

  std::mt19937 random_{1};
  std::vector<std::vector<Record>> rings_;
  std::vector<Worker> workers_;
  std::vector<Task> tasks_;
  std::size_t count_ = 0;
};

double store_all(const Program& program, const std::string& path) {
  const double start = cpu_seconds();
  auto writer = store::Writer::create(path);
  TASKSCOPE_CHECK(writer.has_value());
  ingest::SpanBuilder builder(*writer);
  const ingest::ClockMap clock;
  ingest::Merge merge(builder, clock);
  for (std::size_t w = 0; w < kWorkers; ++w) merge.add_ring(static_cast<store::WorkerId>(w));
  std::vector<std::size_t> at(kWorkers);
  std::int64_t commit_ns = kCommitEveryNs;
  for (std::int64_t now_ns = kReadEveryNs; builder.counts().events < program.events();
       now_ns += kReadEveryNs) {
    for (std::size_t w = 0; w < kWorkers; ++w) {
      const std::vector<Record>& ring = program.rings()[w];
      const std::size_t first = at[w];
      while (at[w] < ring.size() &&
             trace_format::decode(ring[at[w]]).ticks < static_cast<std::uint64_t>(now_ns)) {
        ++at[w];
      }
      merge.append(w, std::span(ring).subspan(first, at[w] - first));
    }
    merge.advance();
    if (now_ns < commit_ns) continue;
    commit_ns += kCommitEveryNs;
    builder.store_new_entities();
    TASKSCOPE_CHECK(writer->commit().has_value());
  }
  TASKSCOPE_CHECK(builder.counts().misfits == 0);
  TASKSCOPE_CHECK(ingest::complete(builder, *writer, {}).has_value());
  return cpu_seconds() - start;
}

double decode(const std::string& path, std::uint32_t columns, std::size_t events) {
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
  const double seconds = cpu_seconds() - start;
  TASKSCOPE_CHECK(rows >= events);
  return seconds;
}

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
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t events = 0;
  if (argc == 3) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), events);
  if (events < 100'000) {
    std::fprintf(stderr, "usage: recorder_bench EVENTS FILE (at least 100000 events)\n");
    return 2;
  }
  const Program program(events);
  const auto made = static_cast<double>(program.events());
  const std::string path = argv[2];
  const double ingest_s = store_all(program, path);
  const auto reader = store::Reader::open(path);
  TASKSCOPE_CHECK(reader.has_value());
  constexpr std::uint32_t kSpanOnly = store::kTimeColumn | store::kSpanColumn;
  std::printf(
      "{\"ingest_events_per_s\": %.0f, \"decode_events_per_s\": %.0f, "
      "\"decode_spans_per_s\": %.0f, \"bytes_per_event\": %.4f, "
      "\"query_ms_per_10m\": %.3f}\n",
      made / ingest_s, made / decode(path, store::kAllColumns, program.events()),
      made / decode(path, kSpanOnly, program.events()),
      static_cast<double>(reader->info().bytes) / made, query(*reader) * 1e3 * 1e7 / made);
}
