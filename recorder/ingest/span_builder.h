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
//   2. A task that runs or is in a call is the `running` of exactly one ring, or has no worker.
//   3. Times never fall, neither within a ring nor within a task.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "recorder/ingest/call_stacks.h"
#include "recorder/ingest/chunk_builder.h"
#include "recorder/ingest/id_table.h"
#include "recorder/ingest/label_sets.h"
#include "recorder/ingest/object_table.h"
#include "recorder/ingest/program_writer.h"
#include "recorder/store/chunk_codec.h"
#include "runtime/trace_format/codec.h"
#include "runtime/trace_format/event.h"

namespace taskscope::ingest {

class SpanBuilder {
 public:
  // Borrows the store's writer, which must outlive the builder. All of the program's events are
  // from `start_ns` on; what is older than them began there.
  explicit SpanBuilder(ProgramWriter writer, std::int64_t start_ns = 0);
  SpanBuilder(const SpanBuilder&) = delete;  // its parts refer to its writer
  SpanBuilder& operator=(const SpanBuilder&) = delete;

  // A new producer; the result names it in later calls.
  std::size_t add_ring(store::WorkerId worker_id);

  // Now: the event may be taken. Later: what makes it possible has not been taken yet.
  enum class Fit : std::uint8_t { Now, Later };
  Fit fit(std::size_t ring, const trace_format::Event& event);

  // Takes an event whose turn has come, or one that waited in vain.
  void take(std::size_t ring, const trace_format::Event& event, std::string_view text,
            std::int64_t ns);

  // An event without text and when it was.
  struct Due {
    trace_format::Record record;
    std::int64_t ns = 0;
    std::size_t ring = 0;
  };
  // Takes events of kinds without text one after another, up to the first whose turn has not come.
  // Returns how many. REQUIRES: no `by` or `resume` among them.
  std::size_t take_in_turn(std::span<const Due> events);

  // The ring's producer lost `events` from its last event up to `ns` and never said so itself.
  void lose(std::size_t ring, std::uint64_t events, std::int64_t ns);

  // Makes what is known so far part of the next commit: entities; chunks as they are, to be
  // replaced when they have grown (returns the number of rows packed); chunks for good.
  void store_new_entities();
  std::size_t show_chunks(ChunkBuilder::Show which);
  void flush_chunks();
  // So that what nobody uses any more can be dropped with what is older than `ns`.
  void forget_labels(std::int64_t ns) { label_sets_.forget(ns); }
  // What was before `ns` has been dropped.
  void forget_samples(std::int64_t ns) { call_stacks_.forget_samples(ns); }
  // Appends the chunks under way as they are in the file.
  void add_shown(std::vector<store::Cut::Part>& parts) const;

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
    std::uint64_t samples = 0;
    std::uint64_t lost_samples = 0;
    std::uint64_t bare_samples = 0;  // for whose stack there was no room

    Counts& operator+=(const Counts& other);
  };
  const Counts& counts() const { return counts_; }
  // What waits at `now_ns`; walks over all living tasks.
  std::vector<store::WaitingGroup> waiting_groups(std::int64_t now_ns);
  // Why the program asked first that the recording be kept; none if it did not.
  const std::optional<std::string>& snapshot_request() const { return snapshot_request_; }
  // When the last event was.
  std::int64_t last_ns() const;

 private:
  // Unborn: only heard of, its spawn is still to come. Unknown: something of it was lost.
  enum class State : std::uint8_t { Unborn, Unknown, Runnable, Running, Waiting, Syscall };
  static constexpr std::uint32_t kNoRing = 0xffff'ffff;
  static constexpr std::size_t kLookAhead = 4;  // events

  // A region that a task is in. `since_ns` kNoSpan: its beginning was lost.
  struct OpenRegion {
    store::NameId name_id = 0;
    std::int64_t since_ns = store::kNoSpan;
    store::SiteId site_id = 0;
  };

  // What few tasks have.
  struct Details {
    std::string name;
    std::string panic_message;
    std::vector<OpenRegion> regions;  // the innermost last
    LabelSets::Reference labels;
  };

  struct Task {
    // What nearly every event of it needs, in the space of one cache line.
    store::TaskId id = 0;
    State state = State::Unborn;
    store::BlockReason reason = store::BlockReason::None;  // of the wait, if it waits
    bool stored = false;
    bool panicked = false;
    bool created_known = false;
    std::uint32_t sequence = 0;
    std::uint32_t ring = 0;          // where it runs, if it runs; kNoRing: without a worker
    store::SiteId wait_site_id = 0;  // of the wait or the call
    std::uint32_t wakeups = 0;
    std::int64_t since_ns = 0;  // in its state
    store::ObjectId object_id = 0;
    ObjectTable::Object* object = nullptr;       // that it waits on, while it waits
    ObjectTable::Object* last_object = nullptr;  // that it waited on last; see wait_begins

    store::StateTimes state_ns{};
    std::uint64_t thread_id = 0;  // that it runs on, if it has no worker
    store::TaskId parent_id = 0;
    std::int64_t created_ns = 0;
    store::SiteId spawn_site_id = 0;
    std::uint32_t steals = 0;
    trace_format::StackId stack_id = 0;        // of its wait
    trace_format::StackId spawn_stack_id = 0;  // of who spawned it
    std::unique_ptr<Details> details;          // most tasks have none

    bool on_thread() const { return state == State::Running || state == State::Syscall; }
    bool workerless() const { return on_thread() && ring == kNoRing; }
  };

  // What a worker without a task does.
  enum class Idle : std::uint8_t { No, Parked, Spinning };

  struct Ring {
    ChunkBuilder chunks;
    store::WorkerRow totals;
    Task* running = nullptr;
    store::TaskId acting = 0;  // the task without a worker whose event comes next; 0: none
    Idle idle = Idle::No;
    std::int64_t idle_since_ns = 0;
    trace_format::StackId next_stack = 0;  // of the next spawn or block
  };

  Task& task_of(store::TaskId id);
  static Details& details_of(Task& task);
  Details& details_of(store::TaskId id) { return details_of(task_of(id)); }
  void count_birth(Task& task);
  store::TaskRow row_of(const Task& task) const;
  static std::int64_t not_before(const Ring& ring, const Task& task, std::int64_t ns) {
    return std::max({ns, ring.chunks.last_ns(), task.since_ns});
  }
  // Whose events the ring's are: of what runs there, or for one event of a task without a worker.
  Task* actor_of(const Ring& ring) {
    return ring.acting == 0 ? ring.running : tasks_.find(ring.acting);
  }
  static bool is_outside(const Ring& ring) { return ring.totals.id == store::kNoWorker; }
  std::size_t outside_ring();

  // Ends the task's state at `ns` and returns its length, or kNoSpan if the state is not known.
  std::int64_t close_state(Task& task, std::int64_t ns);
  std::int64_t leave_thread(Task& task, std::int64_t ns);
  void close_with(Ring& ring, Task& task, store::StoredRow& row);
  store::StoredRow open_span_row(const Task& task) const;
  void mend(Ring& ring, Task& task, State wanted, std::int64_t& ns);
  void mend_other(Ring& ring, Task& task, std::int64_t& ns);
  void start_running(std::size_t ring_index, Task& task, std::uint32_t sequence, std::int64_t ns);
  void add(Ring& ring, const store::StoredRow& row);
  void add_as(store::EventKind kind, Ring& ring, const store::StoredRow& row);

  // Of a task whose end has been taken already, out of turn.
  bool is_gone(store::TaskId id) const {
    return !ended_out_of_turn_.empty() && ended_out_of_turn_.contains(id);
  }
  void take_too_late(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_spawn(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_alive(std::size_t ring_index, const trace_format::Event& event, std::string_view text,
                  std::int64_t ns);
  Task* next_of(const trace_format::Event& event, State wanted);
  void take_run(std::size_t ring_index, const trace_format::Event& event, std::int64_t ns);
  void take_run_of(std::size_t ring_index, Ring& ring, Task& task, const trace_format::Event& event,
                   std::int64_t ns);
  void take_ready(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_ready_of(Ring& ring, Task& task, const trace_format::Event& event, std::int64_t ns);
  void take_yield_or_block(store::EventKind kind, Ring& ring, const trace_format::Event& event,
                           std::int64_t ns);
  void take_arm(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_exit(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_call(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_worker_loss(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_by(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_resume(std::size_t ring_index, const trace_format::Event& event, std::int64_t ns);
  void count_loss(const Ring& ring, std::uint64_t events, std::int64_t ns);
  void take_region_begin(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_region_end(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void leave_regions_open(Ring& ring, Task& task, std::size_t depth, std::int64_t ns);
  void take_counter(Ring& ring, const trace_format::Event& event, std::string_view text,
                    std::int64_t ns);
  void take_label(Ring& ring, const trace_format::Event& event, std::string_view text,
                  std::int64_t ns);
  static void inherit_labels(const Task& parent, Task& child);
  void take_log(Ring& ring, const trace_format::Event& event, std::string_view text,
                std::int64_t ns);
  store::StoredRow row_of_actor(Ring& ring, store::EventKind kind, std::int64_t ns);
  void take_stack_event(Ring& ring, const trace_format::Event& event, std::string_view text,
                        std::int64_t ns);
  void take_finding(std::string_view text, std::int64_t ns);
  void take_memory_event(const Ring& ring, const trace_format::Event& event, std::string_view text,
                         std::int64_t ns);
  bool take_gc_cycle(const Ring& ring, const trace_format::Event& event, std::string_view text,
                     std::int64_t ns);
  bool take_gc_phase(const Ring& ring, const trace_format::Event& event, std::string_view text,
                     std::int64_t ns);
  bool take_escape_site(const trace_format::Event& event, std::string_view text);
  void take_timer(Ring& ring, const trace_format::Event& event, std::string_view text,
                  std::int64_t ns);
  void take_other(Ring& ring, const trace_format::Event& event, std::string_view text,
                  std::int64_t ns);
  static store::StoredRow row_of_other(const trace_format::Event& event, std::int64_t ns);
  void take_worker_event(Ring& ring, const trace_format::Event& event, std::int64_t ns);
  void take_object_event(const trace_format::Event& event, std::int64_t ns);
  void see_thread(std::uint64_t os_id);
  void begin_idle(Ring& ring, Idle idle, std::int64_t ns);
  void end_idle(Ring& ring, std::int64_t ns);
  void take_text(const trace_format::Event& event, std::string_view text);
  void end_task(Ring& nobody, Task& task, std::int64_t end_ns);

  ProgramWriter writer_;
  std::int64_t start_ns_;
  store::ChunkCompressor compressor_;
  std::vector<std::unique_ptr<Ring>> rings_;
  std::size_t outside_ring_ = kNoRing;  // of the threads that are no worker's
  IdTable<Task> tasks_;
  Task* last_task_ = nullptr;  // looked up last: whether an event fits, then the event itself
  // Tasks that ended while they did not run, as far as is known: what they did before may still
  // come, and must not bring them to life again. Only losses make it grow.
  std::unordered_set<store::TaskId> ended_out_of_turn_;
  ObjectTable objects_;
  LabelSets label_sets_;
  CallStacks call_stacks_;
  bool has_stacks_ = false;
  struct Counter {
    store::CounterRow row;
    std::int64_t last_ns = 0;  // when it was `row.last`
  };
  std::unordered_map<store::NameId, Counter> counters_;
  std::vector<store::TaskId> new_tasks_;
  std::unordered_set<std::uint64_t> threads_;
  std::optional<std::string> snapshot_request_;
  Counts counts_;
};

}  // namespace taskscope::ingest
