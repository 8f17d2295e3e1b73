// Task: everything the scheduler keeps of one task, but not its stack.
//
// Tasks live in the run's TaskArena at fixed addresses that are reused but never unmapped while the
// run lasts. A task gets a stack when it first runs and loses it when it ends; one that never
// blocks hands its stack to the next fresh task, so a million queued tasks need no stacks at all.
//
//   from     → to        by
//   Free     → Runnable  submit (spawn)
//   Runnable → Running   enter
//   Running  → Runnable  yield, and rejoin of a task that lost its worker
//   Running  → Blocked   park, sleep
//   Running  → InCall    begin_call
//   InCall   → Running   end_call, when it still has its worker
//   InCall   → Runnable  rejoin at the end of a call
//   InCall   → Blocked   park inside a call
//   Blocked  → Runnable  ready
//   Running  → Free      the end of the body
//
// Exactly one party owns a task's fields at any time: its thread while it runs, the queue or the
// object it is in otherwise. They pass it on through that queue's or object's own synchronisation.
//
// The fields stand in the order of their heat: a task that never blocks touches the first two cache
// lines only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/sanitizer.h"
#include "runtime/base/site.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/spawn_paths.h"
#include "runtime/sched/task_stack.h"
#include "runtime/stack/context.h"
#include "runtime/trace_format/event.h"

namespace taskscope::sched {

using trace_format::BlockReason;
using trace_format::TaskId;

enum class TaskState : std::uint8_t { Free, Runnable, Running, InCall, Blocked };

// What the C++ runtime keeps per thread about exceptions in flight (the Itanium ABI's
// __cxa_eh_globals). It is the task's, not the thread's: a task may block inside a catch block.
struct ExceptionState {
  void* caught = nullptr;
  unsigned int uncaught = 0;
};

// Why and where a task waits. `object` may be null (sleep, nil channels).
struct WaitSpec {
  BlockReason reason = BlockReason::None;
  instrument::TracedObject* object = nullptr;
  base::Site site;
};

struct WaitArms;  // park.h

// The same of a parked task, packed.
struct ParkedWait {
  ParkedWait() = default;
  // `arms` may be null; else it stays where it is while the task is parked.
  ParkedWait(const WaitSpec& wait, const WaitArms* several)
      : object(wait.object),
        arms(several),
        site_file(wait.site.file),
        site_function(wait.site.function),
        site_line(wait.site.line),
        reason(wait.reason) {}
  base::Site site() const { return {site_file, site_function, site_line}; }

  instrument::TracedObject* object = nullptr;
  const WaitArms* arms = nullptr;
  const char* site_file = nullptr;
  const char* site_function = nullptr;
  std::uint32_t site_line = 0;
  BlockReason reason = BlockReason::None;
  bool unwound = false;  // ended by force: see unwind() in park.h
};

// Runs the closure that lies in `memory`, or whose address lies there, then destroys it.
using TaskBody = void (*)(void* memory);

// The slow way from a path to the next, for a task of the active run (go.cpp).
const SpawnPath* find_spawn_path(const SpawnPath& from, const base::Site& site);

struct alignas(64) Task {
  // A closure up to this size lives in the task itself.
  static constexpr std::size_t kInlineClosureBytes = 48;

  // REQUIRES: it has been submitted.
  const base::Site& spawn_site() const { return spawn_path->site; }
  // First its parent's path, then one step from there. `by` may be null.
  void set_spawned_by(const Task* by, const SpawnPaths& paths) {
    spawn_path = by == nullptr ? &paths.root() : by->spawn_path;
    generation = by == nullptr ? 0 : by->generation + 1;
  }
  TASKSCOPE_UNSANITIZED void set_spawn_site(const base::Site& site) {
    const SpawnStep* const step = spawn_path->first_step(site.line);
    spawn_path = step->is_at(site) ? step->to : find_spawn_path(*spawn_path, site);
  }
  // The closure is elsewhere: only its address lies here. `bytes`: of the block that is the task's
  // alone, 0: it is not known to be.
  void set_closure_address(void* closure, std::size_t bytes) {
    *reinterpret_cast<void**>(closure_memory) = closure;
    closure_bytes = static_cast<std::uint32_t>(bytes);
  }
  void* closure_address() const { return *reinterpret_cast<void* const*>(closure_memory); }

  // Has the memory of what a task that never waits touches fetched, to be written.
  void prefetch() const {
    __builtin_prefetch(&link, 1);
    __builtin_prefetch(&closure_memory, 1);
  }

  // The first line: what spawning, running and ending touch.
  Task* link = nullptr;  // the next in whatever list it is in
  TaskBody body = nullptr;
  TaskId id = 0;
  TaskId parent = 0;
  const SpawnPath* spawn_path = nullptr;
  std::uint32_t generation = 0;     // how many ancestors it has
  std::uint32_t seq = 0;            // number of its last Run or Ready event, modulo 2^24
  std::uint32_t closure_bytes = 0;  // of its closure, if that is in a block of its own
  TaskStack stack;
  // Atomic: written by the owner, Blocked with release: the monitor and dumps look at it from
  // outside.
  std::atomic<TaskState> state{TaskState::Free};
  // Of its open regions, as the recording `told` has seen them begin, modulo 256. Its own, but
  // while it is told of.
  std::uint8_t region_depth = 0;
  // Atomic: the recording that has heard of the task (Tracing::introduce).
  std::atomic<std::uint16_t> told{0};
  // The arena that it allocates in, 0: none (memory/arena.h). Its own.
  std::uint32_t arena = 0;

  // The second.
  alignas(std::max_align_t) std::byte closure_memory[kInlineClosureBytes];
  char* name = nullptr;  // and its labels; null: neither (task_texts.h)
  stack::Context context;

  // The third: only tasks that wait.
  ExceptionState exceptions;
  ParkedWait wait;  // its last; meaningful while Blocked
  // Atomic: written by the owner before it is Blocked; the monitor looks. CLOCK_MONOTONIC_COARSE.
  std::atomic<std::int64_t> wait_since_ns{0};
};
static_assert(TASKSCOPE_ASAN || TASKSCOPE_TSAN || sizeof(Task) == 192);

// As std::copy_n, from the front. ThreadSanitizer sees into memcpy, which that becomes, and not
// into the locks around it, because the scheduler is compiled without: a loop stays what it is.
inline void copy_pointers(Task* const* from, std::size_t count, Task** to) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = from[i];
    if (TASKSCOPE_TSAN) asm volatile("" ::: "memory");
  }
}

}  // namespace taskscope::sched
