// Task: everything the scheduler keeps of one task, but not its stack.
//
// Tasks live in the run's TaskArena at fixed addresses that are reused but never unmapped while the
// run lasts. A task gets a stack when it first runs and loses it when it ends, so a task that never
// blocks runs on the hottest stack of its worker, and a million queued tasks need no stacks at all.
//
//   from     → to        by
//   Free     → Runnable  Scheduler::submit (spawn)
//   Runnable → Running   Worker::resume
//   Running  → Runnable  yield
//   Running  → Blocked   park, sleep
//   Blocked  → Runnable  ready
//   Running  → Free      the end of the body
//
// Exactly one party owns a task's fields at any time: its worker while it runs, the queue or the
// object it is in otherwise. They pass it on through that queue's or object's own synchronisation.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/site.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/stack/context.h"
#include "runtime/stack/stack_pool.h"
#include "runtime/trace_format/event.h"

namespace taskscope::sched {

using trace_format::BlockReason;
using trace_format::TaskId;

enum class TaskState : std::uint8_t { Free, Runnable, Running, Blocked };

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

struct Task {
  // A closure up to this size lives in the task itself.
  static constexpr std::size_t kInlineClosureBytes = 64;

  stack::Context context;
  ExceptionState exceptions;
  Task* link = nullptr;  // the next in whatever list it is in
  stack::StackId stack = stack::kNoStack;
  std::uint32_t seq = 0;  // number of its last Run or Ready event, modulo 2^24

  TaskId id = 0;
  TaskId parent = 0;
  base::Site spawn_site;
  char* name = nullptr;  // owned (malloc); null: none was given

  WaitSpec wait;                   // of its last wait; meaningful while Blocked
  std::int64_t wait_since_ns = 0;  // CLOCK_MONOTONIC_COARSE

  void (*body)(void* closure) = nullptr;  // runs the closure, then destroys it
  void* closure = nullptr;

  // Atomic: written by the owner, relaxed; dumps look at it from outside.
  std::atomic<TaskState> state{TaskState::Free};

  alignas(std::max_align_t) std::byte inline_closure[kInlineClosureBytes];
};

}  // namespace taskscope::sched
