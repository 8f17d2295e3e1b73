// Writes a recording: rows and chunks in, one SQLite file out.
//
// Owns the file's only writing connection; one thread at a time. Rows wait in a transaction until
// commit(), some thousands of tasks before it in memory (pending_tasks.h); what was committed
// survives a kill of this process (WAL, synchronous NORMAL). The first failure sticks: later calls
// do nothing, failure() says what happened, and everything committed before stays readable. Putting
// a row with a known id replaces it, except for objects (see there).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "recorder/store/chunk_encoder.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::store {

// What replaces an existing file needs to know about it.
enum class FileKind : std::uint8_t { Missing, Empty, Recording, SomethingElse };
FileKind file_kind(const std::string& path);

// Whether the totals of a row (times, counts, a task's state) are known. They are not while the
// entity lives: NotYet leaves them NULL until the row is put again, so that a recording whose
// recorder was killed knows the entity but claims nothing.
enum class Totals : std::uint8_t { Known, NotYet };

// What was taken out of a recording to keep it short.
struct Dropped {
  std::uint64_t events = 0;
  std::uint64_t tasks = 0;
  std::int64_t kept_from_ns = 0;  // from here on everything is there; some of before may be too
  std::int64_t rows_from_ns = 0;  // logs and samples of before are gone; not after kept_from_ns
};

class Writer {
 public:
  // Creates the tables in `path`, which is missing or empty.
  static Result<Writer> create(const std::string& path);
  Writer(Writer&&) noexcept;
  Writer& operator=(Writer&&) noexcept;
  ~Writer();

  void put_meta(std::string_view key, std::string_view value);
  void put_meta(std::string_view key, std::int64_t value);
  // Whose totals are not known yet has none.
  void put_program(const ProgramRow& row, Totals totals);
  void put_site(const SiteRow& row);
  // That of a frame: it is given a number that no program has (kFirstFrameSite); returns that.
  SiteId add_frame_site(const SiteRow& row, ProgramId program_id);
  void put_task(TaskRow&& row, Totals totals);
  void put_worker(const WorkerRow& row, Totals totals);
  void put_thread(std::uint64_t os_id);
  // Adds waits and wait_ns to those of the row that is there; what is known replaces unknown.
  void put_object(const ObjectRow& row, Totals totals);
  void add_timer(const TimerRow& row, ProgramId program_id);
  void add_leak(const LeakRow& row, ProgramId program_id);
  // What the row does not know stays as it was.
  void put_gc_cycle(const GcCycleRow& row);
  void add_gc_phase(const GcPhaseRow& row, ProgramId program_id);
  void put_escape_site(const EscapeSiteRow& row);
  void put_name(const NameRow& row);
  void put_label(const LabelRow& row);
  // Sets with ids from `first` up to `end` are not used any more by what is after `ns`, but by the
  // tasks that have them.
  void end_label_sets(LabelSetId first, LabelSetId end, std::int64_t ns);
  // The category is looked up among the names that are there.
  void add_log(const LogRow& row, ProgramId program_id);
  // Its name and unit are looked up among the names that are there.
  void put_counter(const CounterRow& row, Totals totals);
  void add_steal(const StealRow& row);
  void add_park(const ParkRow& row);
  void add_spin(const ParkRow& row);
  void add_lost(const LostRow& row);
  void put_module(const ModuleRow& row, ProgramId program_id);
  void put_stack(const StackRow& row);
  void put_frame(const FrameRow& row);
  void add_sample(const SampleRow& row, ProgramId program_id);
  // A new row if `row_id` is 0, else the same chunk as it is now. Returns the row's id; of use only
  // until chunks are dropped.
  std::int64_t put_chunk(std::int64_t row_id, const ChunkEncoder::Packed& chunk,
                         ProgramId program_id, WorkerId worker_id);

  // Makes the next commit one that has all of the cut; its last chunk and drops are those of now.
  void put_cut(Cut cut);
  std::int64_t last_chunk() const;  // the highest id of those that are there; 0: none is

  // Takes out the chunks whose last event is before `ns`, and what had ended before the oldest
  // event that is left; and, now and then, stacks that no sample has any more. Commits.
  Result<Dropped> drop_before(std::int64_t ns);
  // The `ns` for drop_before() that frees about `bytes`, oldest chunks first; never the newest one.
  std::int64_t cut_that_frees(std::uint64_t bytes);
  // Of the file's pages, without those that are free to be used again.
  std::uint64_t used_bytes();

  Result<void> commit();
  // Commits, folds the WAL into the file, leaves WAL mode unless somebody reads the file, and
  // closes: one file remains, beside which only empty ones may lie. Waits for readers in the middle
  // of something, and fails if one stays there for seconds.
  Result<void> finish();

  bool failed() const;
  Result<void> failure() const;

 private:
  struct Impl;
  explicit Writer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Replaces the findings of a finished recording.
Result<void> write_findings(const std::string& path, std::span<const FindingRow> findings);

}  // namespace taskscope::store
