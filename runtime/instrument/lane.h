// Lane: the tracer of one worker, one function per event of events.def.
//
// Every function writes one record with one timestamp; those of a task's state change take the
// ticks as an argument, so that leaving one task and entering the next share one reading. Who may
// call: the thread that drives the worker; for the `ext` lane, whoever holds its lock.
//
// A recorder that attaches finds workers in the middle of things: they get their lanes one after
// another, all silent, and one flag opens them all at once (Shared::open). Each lane notices at its
// next look(). What one lane wrote is seen by another only through the program's own hand-overs, so
// whoever takes over a task from an open lane sees the flag too.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "runtime/base/clock.h"
#include "runtime/base/site.h"
#include "runtime/instrument/module_list.h"
#include "runtime/instrument/name_table.h"
#include "runtime/instrument/ring_writer.h"
#include "runtime/instrument/site_table.h"
#include "runtime/instrument/stack_table.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/trace_format/alive.h"
#include "runtime/trace_format/event.h"
#include "runtime/trace_format/pending_timer.h"

namespace taskscope::instrument {

class Lane {
 public:
  using EventKind = trace_format::EventKind;
  using TaskId = trace_format::TaskId;
  using ObjectId = trace_format::ObjectId;
  using SiteId = trace_format::SiteId;
  using NameId = trace_format::NameId;
  using StackId = trace_format::StackId;

  // Shared by all lanes of one recording.
  struct Shared {
    base::TickSource tick_source = base::TickSource::Hardware;
    std::uint16_t session = 0;  // which recording of this process: 1 to kSessionMax
    // Atomic: set once, release, when the recording begins; pairs with the acquire in look().
    std::atomic<bool> open{true};
    SiteTable sites;
    NameTable names;
    bool tells_stacks = false;  // of calls, at spawns and blocks
    StackTable stacks;
    ModuleList modules;
    // Relaxed: only uniqueness matters.
    std::atomic<ObjectId> next_object{1};
  };

  Lane(RingWriter writer, Shared& shared)
      : writer_(writer),
        shared_(shared),
        hardware_ticks_(shared.tick_source == base::TickSource::Hardware) {
    if (shared.tells_stacks) stack_cache_ = std::make_unique<StackCache>();
    if (shared.open.load(std::memory_order_acquire)) {
      session_ = shared.session;
    } else {
      writer_.mute();
    }
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  std::uint64_t now() const {
    return hardware_ticks_ ? base::hardware_ticks()
                           : static_cast<std::uint64_t>(base::monotonic_ns());
  }

  // False while the lane is silent because its recording has not begun. Before the first event of
  // whatever changes.
  bool look() {
    if (session_ != kSilent) return true;
    if (!shared_.open.load(std::memory_order_acquire)) return false;
    writer_.unmute();
    session_ = shared_.session;
    return true;
  }
  // Which recording; kSilent before the look() that found it open.
  std::uint16_t session() const { return session_; }
  static constexpr std::uint16_t kSilent = 0xffff;
  static constexpr std::uint16_t kSessionMax = 0x7ffe;

  // What a task older than the recording was doing when that began; before its first event. If it
  // runs on this lane's worker, `here`. False if there is no room.
  bool alive(TaskId task, const trace_format::AliveText& text, std::string_view name, bool here);
  // A timer older than the recording, that ends waits for `object`.
  void timer(ObjectId object, const trace_format::PendingTimer& timer) {
    write_text(EventKind::Timer, object, trace_format::format_pending_timer(timer));
  }
  // Nobody knows what runs here: an event that would say so could not be written.
  void forget_current() { current_ = {}; }

  // The states of tasks. The task of yield, block and exit is the one that the last run() named.
  void spawn(std::uint64_t ticks, TaskId task, SiteId site) {
    write(EventKind::Spawn, ticks, task, site);
  }
  void run(std::uint64_t ticks, TaskId task, std::uint32_t seq) {
    write(EventKind::Run, ticks, task, seq & trace_format::kSeqMask);
    current_ = {task, seq};
  }
  void yield(std::uint64_t ticks) {
    write(EventKind::Yield, ticks, 0, 0);
    current_ = {};
  }
  void block(std::uint64_t ticks, ObjectId object, trace_format::BlockReason reason, SiteId site) {
    write(EventKind::Block, ticks, object, trace_format::pack_reason_site(reason, site));
    current_ = {};
  }
  // Where the spawn or block that follows was called. 0: nobody knows.
  void at_stack(std::uint64_t ticks, StackId stack) {
    if (stack != 0) write(EventKind::AtStack, ticks, stack, 0);
  }
  // What the block that follows is for, too: an arm of a select. 0: no object.
  void arm(std::uint64_t ticks, ObjectId object, trace_format::ArmOperation operation) {
    write(EventKind::Arm, ticks, object, static_cast<std::uint32_t>(operation));
  }
  // The arm that ended the wait of the task that runs.
  void chosen(ObjectId object, trace_format::ArmOperation operation) {
    write(EventKind::Chosen, now(), object, static_cast<std::uint32_t>(operation));
  }
  void ready(TaskId task, std::uint32_t seq) {
    write(EventKind::Ready, now(), task, seq & trace_format::kSeqMask);
  }
  void exit(std::uint64_t ticks, TaskId task) {
    write(EventKind::Exit, ticks, task, 0);
    current_ = {};
  }
  // The task loses its worker and goes on without one.
  void preempt(TaskId task) {
    write(EventKind::Preempt, now(), task, 0);
    current_ = {};
  }
  void handoff(TaskId task) {
    write(EventKind::Handoff, now(), task, 0);
    current_ = {};
  }
  // The next event is that of a task without a worker. For the `ext` lane.
  void by(TaskId task, std::uint32_t run_seq) { by(now(), task, run_seq); }
  void by(std::uint64_t ticks, TaskId task, std::uint32_t run_seq) {
    // Room for both or none: a lone `by` would be taken for the next event's.
    if (!writer_.reserve(2, ticks, current_)) return;
    write(EventKind::By, ticks, task, run_seq & trace_format::kSeqMask);
  }
  // The next event is the ready of a task whose descriptor is ready. For the `ext` lane.
  void poll_wake_next() {
    const std::uint64_t ticks = now();
    if (!writer_.reserve(2, ticks, current_)) return;  // as for a `by`
    write(EventKind::PollWake, ticks, 1, 0);
  }
  void syscall(std::uint64_t ticks, SiteId site) { write(EventKind::Syscall, ticks, 0, site); }
  void syscall_end() { write(EventKind::SyscallEnd, now(), 0, 0); }
  void panic(TaskId task, std::string_view message) { write_text(EventKind::Panic, task, message); }
  void snapshot(TaskId task, std::string_view why) { write_text(EventKind::Snapshot, task, why); }
  void finding(TaskId task, std::string_view text) { write_text(EventKind::Finding, task, text); }
  void deadlock(std::uint64_t blocked_tasks) {
    write(EventKind::Deadlock, now(), blocked_tasks, 0);
  }

  // Workers.
  void worker_start(std::uint64_t os_thread) {
    if (write(EventKind::WorkerStart, now(), os_thread, 0)) started_ = true;
  }
  // Whether a thread is known for this lane's worker.
  bool started() const { return started_; }
  void worker_stop() { write(EventKind::WorkerStop, now(), 0, 0); }
  void worker_park() { write(EventKind::WorkerPark, now(), 0, 0); }
  void worker_unpark() { write(EventKind::WorkerUnpark, now(), 0, 0); }
  void worker_wake(trace_format::WorkerId worker) {
    write(EventKind::WorkerWake, now(), worker, 0);
  }
  void worker_spin() { write(EventKind::WorkerSpin, now(), 0, 0); }
  void worker_count(std::uint64_t count) { write(EventKind::WorkerCount, now(), count, 0); }
  void thread_park(std::uint64_t os_thread) { write(EventKind::ThreadPark, now(), os_thread, 0); }
  void thread_wake(std::uint64_t os_thread) { write(EventKind::ThreadWake, now(), os_thread, 0); }
  void timer_fire(std::uint64_t timers) { write(EventKind::TimerFire, now(), timers, 0); }
  void poll_wake(std::uint64_t tasks) { write(EventKind::PollWake, now(), tasks, 0); }
  void queue_length(std::uint64_t here, std::uint64_t global) {
    const auto aux = global < trace_format::kAuxMask ? global : trace_format::kAuxMask;
    write(EventKind::QueueLength, now(), here, static_cast<std::uint32_t>(aux));
  }
  void steal(TaskId first, trace_format::WorkerId victim, std::uint32_t count) {
    write(EventKind::Steal, now(), first, trace_format::pack_victim_count(victim, count));
  }

  // What programs say about themselves. `depth`: of the regions that this recording has seen the
  // task enter, this one included, modulo 256; 0: it entered this one before.
  void region_begin(NameId name, std::uint8_t depth, SiteId site) {
    write(EventKind::RegionBegin, now(), name, trace_format::pack_depth_site(depth, site));
  }
  void region_end(NameId name, std::uint8_t depth) {
    write(EventKind::RegionEnd, now(), name, trace_format::pack_depth_site(depth, 0));
  }
  void log(NameId category, std::string_view message) {
    write_text(EventKind::Log, category, message);
  }
  void signal(int number) {
    write(EventKind::Signal, now(), static_cast<std::uint64_t>(number), 0);
  }
  // One label of a task, KEY<tab>VALUE, or that it has lost it: KEY.
  void label(TaskId task, std::string_view text) { write_text(EventKind::Label, task, text); }
  // What collected memory does; the texts of gc_text.h.
  void collected(EventKind kind, std::uint64_t id, std::string_view text) {
    write_text(kind, id, text);
  }
  void counter(NameId name, std::int64_t value) {
    if (!trace_format::fits_value(value)) [[unlikely]] {
      return static_cast<void>(write_text(EventKind::CounterText, name, std::to_string(value)));
    }
    write(EventKind::Counter, now(), trace_format::pack_value(value), name);
  }

  // Names and objects.
  void task_name(TaskId task, std::string_view name) {
    write_text(EventKind::TaskName, task, name);
  }
  // The id of a place, its definition written if this recording does not have it yet.
  SiteId site(const base::Site& site) {
    const SiteId id = site_cache_.find(site);
    return id != 0 ? id : define_site(site);
  }
  // The id of a name, the same; 0 for an empty one.
  NameId name(std::string_view text) {
    const std::size_t hash = std::hash<std::string_view>()(text);
    const NameId id = name_cache_.find(text, hash);
    return id != 0 || text.empty() ? id : define_name(text, hash);
  }
  // Whether the recorder wants to know stacks of calls.
  bool tells_stacks() const { return stack_cache_ != nullptr; }
  // The id of a stack, the same; 0 if there are too many. REQUIRES: tells_stacks().
  StackId stack(const StackOfCalls& stack) {
    const StackCache::Slot& slot = stack_cache_->slot(stack.hash);
    return slot.hash == stack.hash ? slot.id : define_stack(stack);
  }
  // Tells of modules that were loaded since the last time. Not in a signal handler.
  void tell_modules();
  // What a processor was just doing, in a signal handler, too; the text of stack_text.h.
  bool sample(TaskId task, std::string_view text) {
    return write_text(EventKind::Sample, task, text);
  }
  // The id of an object, announced if this recording does not know it yet; 0 if there is no room
  // for the announcement. The object stays alive meanwhile.
  ObjectId object(TracedObject& object) {
    const ObjectId id = object.id_in(session_);
    return id != 0 ? id : announce(object);
  }
  // Ends and closes are written for announced objects only: the others nobody ever waited for.
  void close(const TracedObject& object, const base::Site& place) {
    const ObjectId id = object.id_in(session_);
    if (id == 0) return;
    const SiteId where = site(place);  // before the clock is read: it may write a record of its own
    write(EventKind::Close, now(), id, where);
  }
  void object_end(const TracedObject& object) {
    const ObjectId id = object.id_in(session_);
    if (id != 0) write(EventKind::ObjectEnd, now(), id, 0);
  }

  const RingWriter& writer() const { return writer_; }

 private:
  bool write(EventKind kind, std::uint64_t ticks, std::uint64_t id, std::uint32_t aux) {
    return writer_.write({.ticks = ticks, .id = id, .aux = aux, .kind = kind}, current_);
  }
  bool write_text(EventKind kind, std::uint64_t id, std::string_view text) {
    return writer_.write_text({.ticks = now(), .id = id, .kind = kind}, text, current_);
  }
  SiteId define_site(const base::Site& site);
  NameId define_name(std::string_view text, std::size_t hash);
  StackId define_stack(const StackOfCalls& stack);
  ObjectId announce(TracedObject& object);

  // Owned by the worker's thread.
  RingWriter writer_;
  CurrentTask current_;
  std::uint16_t session_ = kSilent;
  bool started_ = false;
  SiteCache site_cache_;
  NameCache name_cache_;
  std::unique_ptr<StackCache> stack_cache_;  // null: nobody wants to know stacks

  // Constant after construction.
  Shared& shared_;
  const bool hardware_ticks_;
};

}  // namespace taskscope::instrument
