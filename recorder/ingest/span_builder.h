// Turns events, in a legal order, into rows: each event with the span it closes, and the totals of
// tasks, workers and objects.
//
// Knows every live task and forgets it when it ends, so memory follows what lives, not what was.
// The order of events is the caller's (merge.h); fit() tells whether an event's turn has come.
// Events that cannot fit because others were lost are taken all the same and counted: a state then
// lasts until the next thing that is known of its task, and time of which nothing is known belongs
// to no span. One thread at a time.
//
// Invariants:
//   1. The spans of a task follow each other without gap or overlap while nothing of it was lost.
//   2. A running task is the `running` of exactly one ring.
//   3. Times never fall, neither within a ring nor within a task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "recorder/ingest/chunk_builder.h"
#include "recorder/ingest/id_table.h"
#include "recorder/ingest/object_table.h"
#include "recorder/store/chunk_codec.h"
#include "recorder/store/writer.h"
#include "runtime/trace_format/event.h"

namespace taskscope::ingest {

class SpanBuilder {
 public:
  // Borrows the writer, which must outlive the builder.
  explicit SpanBuilder(store::Writer& writer);

  // A new producer; the result names it in later calls.
  std::size_t add_ring(store::WorkerId worker_id);

  // Now: the event may be taken. Later: what makes it possible has not been taken yet.
  enum class Fit : std::uint8_t { Now, Later };
  Fit fit(std::size_t ring, const trace_format::Event& event);

  // Takes an event whose turn has come, or one that waited in vain.
  void take(std::size_t ring, const trace_format::Event& event, std::string_view text,
            std::int64_t ns);

  // The ring's producer lost `events` from its last event up to `ns` and never said so itself.
  void lose(std::size_t ring, std::uint64_t events, std::int64_t ns);

  // Makes what is known so far part of the next commit. Chunks keep growing unless told to be
  // written as they are.
  void store_new_entities();
  void flush_chunks();

  // Ends every open span at `end_ns` or at the last event, whichever is later, and writes all that
  // is left. Nothing may be taken afterwards. Returns the recording's end.
  std::int64_t finish(std::int64_t end_ns);

  struct Counts {
    std::uint64_t events = 0;
    std::uint64_t tasks = 0;
    std::uint64_t tasks_live = 0;
    std::uint64_t lost_events = 0;
    std::uint64_t misfits = 0;  // events that did not fit what came before them
    std::uint32_t workers = 0;
    std::uint32_t threads = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  // Unborn: only heard of, its spawn is still to come. Unknown: something of it was lost.
  enum class State : std::uint8_t { Unborn, Unknown, Runnable, Running, Waiting };

  struct Texts {
    std::string name;
    std::string panic_message;
  };

  struct Task {
    State state = State::Unborn;
    bool stored = false;
    bool panicked = false;
    bool created_known = false;
    store::BlockReason reason = store::BlockReason::None;  // of the wait, if it waits
    store::SiteId wait_site_id = 0;
    store::ObjectId object_id = 0;
    ObjectTable::Object* object = nullptr;  // that it waits on, while it waits
    std::uint32_t sequence = 0;
    std::uint32_t ring = 0;     // where it runs, if it runs
    std::int64_t since_ns = 0;  // in its state
    store::TaskId id = 0;
    store::TaskId parent_id = 0;
    std::int64_t created_ns = 0;
    store::SiteId spawn_site_id = 0;
    std::uint32_t wakeups = 0;
    std::uint32_t steals = 0;
    store::StateTimes state_ns{};
    std::unique_ptr<Texts> texts;  // most tasks have none
  };

  struct Ring {
    ChunkBuilder chunks;
    store::WorkerRow totals;
    Task* running = nullptr;
    std::int64_t parked_since_ns = -1;  // -1: awake
  };

  Task& task_of(store::TaskId id);
  Texts& texts_of(store::TaskId id);
  void count_birth(Task& task);
  store::TaskRow row_of(const Task& task) const;
  std::int64_t not_before(const Ring& ring, const Task& task, std::int64_t ns) const;

  // Ends the task's state at `ns` and returns its length, or kNoSpan if the state is not known.
  std::int64_t close_state(Task& task, std::int64_t ns);
  std::int64_t leave_ring(Task& task, std::int64_t ns);
  void mend(Ring& ring, Task& task, State wanted, std::int64_t& ns);
  void start_running(std::size_t ring_index, Task& task, std::uint32_t sequence, std::int64_t ns);
  void add(Ring& ring, const store::StoredRow& row);

  void take_spawn(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_run(std::size_t ring_index, const trace_format::Event& event, std::int64_t ns);
  void take_ready(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_yield_or_block(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_exit(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_resume(std::size_t ring_index, const trace_format::Event& event, std::int64_t ns);
  void count_loss(const Ring& ring, std::uint64_t events, std::int64_t ns);
  void take_other(Ring& ring, const trace_format::Event& event, std::string_view text,
                  std::int64_t ns);
  void take_worker_event(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_text(const trace_format::Event& event, std::string_view text);
  void end_task(Ring& nobody, Task& task, std::int64_t end_ns);

  store::Writer* writer_;
  store::ChunkEncoder encoder_;
  std::vector<std::unique_ptr<Ring>> rings_;
  IdTable<Task> tasks_;
  Task* last_task_ = nullptr;  // looked up last: whether an event fits, then the event itself
  ObjectTable objects_;
  std::vector<store::TaskId> new_tasks_;
  std::unordered_set<std::uint64_t> threads_;
  Counts counts_;
};

}  // namespace taskscope::ingest
