// Reads a recording: entities as rows, spans chunk by chunk, and SQL with the virtual tables.
//
// Owns one read-only SQLite connection. A Reader belongs to one thread at a time; other threads
// open their own (that is cheap). It never writes, except that opening a recording whose recorder
// was killed lets SQLite recover its WAL. Every blob is hostile until decoded: damage is reported
// as an Error that names the chunk, never followed.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::store {

class Reader {
 public:
  // Fails with one sentence if the file is missing, empty, not SQLite, not a recording, of a newer
  // major version, or damaged.
  static Result<Reader> open(const std::string& path);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;
  ~Reader();

  const RecordingInfo& info() const;
  const std::string& path() const;

  // Whole tables, ordered by id (by time where there is no id).
  Result<std::vector<TaskRow>> tasks() const;
  // The tasks one after another, for those who do not keep them all.
  Result<void> each_task(const std::function<void(TaskRow&&)>& visit) const;
  Result<std::vector<WorkerRow>> workers() const;
  Result<std::vector<ObjectRow>> objects() const;
  Result<std::vector<SiteRow>> sites() const;
  Result<std::vector<StealRow>> steals() const;
  Result<std::vector<ParkRow>> parks(std::int64_t min_ns = 0) const;  // at least so long
  Result<std::vector<ParkRow>> spins() const;
  Result<std::vector<LostRow>> lost() const;
  Result<std::vector<TimerRow>> timers() const;
  // Those of a group stand together.
  Result<std::vector<LeakRow>> leaks() const;
  Result<std::vector<FindingRow>> findings() const;
  Result<std::vector<NameRow>> names() const;
  Result<std::vector<CounterRow>> counters() const;
  Result<std::vector<LabelTotals>> label_totals() const;  // by key
  Result<std::uint64_t> log_count() const;
  Result<std::vector<LabelRow>> labels() const;                                 // by set, by key
  Result<std::vector<LabelSetId>> label_sets_with(std::string_view key) const;  // by id

  // What the program said of itself. Both bounds are within.
  struct Times {
    std::int64_t from_ns = std::numeric_limits<std::int64_t>::min();
    std::int64_t to_ns = std::numeric_limits<std::int64_t>::max();
  };
  // That reach into the times, chunk by chunk in the order of their ends; one that was left open
  // reaches to where that became known.
  Result<std::vector<RegionRow>> regions(Times times) const;
  // The same one after another, for those who do not keep them all.
  Result<void> each_region(Times times, const std::function<void(const RegionRow&)>& visit) const;
  Result<std::vector<LogRow>> logs(Times times) const;
  // What processors worked on, by time. None without samples.
  Result<std::vector<SampleRow>> samples() const;
  Result<std::vector<ChunkSummary>> chunks() const;  // ordered by id

  // Appends the spans that the chunk's events closed, in the order of their ends.
  Result<void> read_spans(std::int64_t chunk_id, std::vector<Span>& out) const;
  // Both with one look at the chunk: its spans, and its events of these kinds. Of its rows from
  // `rows.first` up to `rows.last`; returns how many it has of these.
  struct RowRange {
    std::size_t first = 0;
    std::size_t last = static_cast<std::size_t>(-1);
  };
  Result<std::size_t> read_spans_and_events(std::int64_t chunk_id, std::span<const EventKind> kinds,
                                            std::vector<Span>& spans, std::vector<EventRow>& events,
                                            RowRange rows) const;
  // Appends the chunk's events in time order.
  Result<void> read_events(std::int64_t chunk_id, std::vector<EventRow>& out) const;

  // All events of one kind, chunk by chunk; cheap for kinds that few chunks have.
  Result<std::vector<EventRow>> events_of(EventKind kind) const;

  // Of a recording under way, what has come since; each call looks at the file as it is then. The
  // cut: none before the first, nor when the recording is complete.
  Result<std::optional<Cut>> cut() const;
  // Where the chunks after `first_id` up to `last_id` came from, by id.
  struct ChunkPlace {
    std::int64_t id = 0;
    ProgramId program_id = 1;
    WorkerId worker_id = kNoWorker;
  };
  Result<std::vector<ChunkPlace>> chunks_between(std::int64_t first_id, std::int64_t last_id) const;
  // Those of these tasks that are there. REQUIRES: `ids` ascend.
  Result<std::vector<TaskRow>> tasks_of(std::span<const TaskId> ids) const;
  // Those of these objects that are there.
  Result<std::vector<ObjectRow>> objects_of(std::span<const ObjectId> ids) const;
  // Rows that were added after the last call with this `place`, which begins as 0; as added.
  struct IdlePlaces {
    std::int64_t parks = 0;
    std::int64_t spins = 0;
  };
  Result<void> idle_after(IdlePlaces& places, std::vector<ParkRow>& parks,
                          std::vector<ParkRow>& spins) const;  // both of one moment
  Result<std::vector<LostRow>> lost_after(std::int64_t& place) const;
  Result<std::vector<ProgramRow>> programs() const;

  // Runs one SQL statement that only reads. `on_row` gets the values as text (nullptr for NULL)
  // and returns false to stop. Errors carry SQLite's message and the offset in the SQL when known.
  struct Column {
    std::string name;
    bool numeric = false;  // type of the value in the row at hand
  };
  struct QueryError {
    std::string message;
    int offset = -1;  // byte in the SQL, -1: unknown
  };
  using RowCallback =
      std::function<bool(const std::vector<Column>&, const std::vector<const char*>&)>;
  // True and an untouched `error` on success. `on_columns` comes before the first row, once.
  bool query(std::string_view sql,
             const std::function<void(const std::vector<Column>&)>& on_columns,
             const RowCallback& on_row, QueryError& error) const;

 private:
  struct Impl;
  explicit Reader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskscope::store
