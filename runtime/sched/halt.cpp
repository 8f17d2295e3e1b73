#include "runtime/sched/halt.h"

#include <sched.h>
#include <ucontext.h>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/sanitizer.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {
namespace {

constexpr std::int64_t kAnswerNs = 200'000'000;
constexpr int kLockTries = 10'000;

// Atomic: numbers the halts of the process; relaxed.
constinit std::atomic<std::uint32_t> g_rounds{0};

const void* stack_pointer_of(const ucontext_t& context) {
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(context.uc_mcontext.gregs[REG_RSP]);
#else
  return reinterpret_cast<const void*>(context.uc_mcontext.sp);
#endif
}

// Never for ever: in a handler the lock may be the interrupted thread's own.
bool try_to_lock(base::Lock& lock) TASKSCOPE_NO_ANALYSIS {
  for (int i = 0; i < kLockTries; ++i) {
    if (lock.try_lock()) return true;
    sched_yield();
  }
  return false;
}

void open(base::Lock& lock) TASKSCOPE_NO_ANALYSIS { lock.unlock(); }

}  // namespace

void HaltNote::note(std::uint32_t in_round, void* context, HaltCalls which) {
  registers = context;
  base::annotate_acquire(this);  // ThreadSanitizer takes the tasks of one thread for several
  if (context != nullptr) {
    stack_pointer = stack_pointer_of(*static_cast<const ucontext_t*>(context));
    if (which == HaltCalls::Noted) calls = debug::capture_interrupted_stack(context);
  } else {
    stack_pointer = __builtin_frame_address(0);
    if (which == HaltCalls::Noted) calls = debug::capture_stack();
  }
  round = in_round;
  base::annotate_release(this);
}

void halt_if_asked(Thread& thread, void* context) {
  HaltNote& note = thread.halt_note();
  std::uint32_t asked = HaltNote::kAsked;
  // Acquire pairs with the release in ask(); release with the acquire of who waits.
  if (!note.state.compare_exchange_strong(asked, HaltNote::kStopping, std::memory_order_acquire,
                                          std::memory_order_relaxed)) {
    return;
  }
  note.note(note.asked_round, context, note.asked_calls);
  note.state.store(HaltNote::kStopped, std::memory_order_release);
  base::futex_wake(note.state, 1);
  while (note.state.load(std::memory_order_acquire) == HaltNote::kStopped) {
    base::futex_wait(note.state, HaltNote::kStopped);
  }
}

Halt::Halt(Scheduler& scheduler, void* context, HaltCalls calls)
    : scheduler_(scheduler),
      round_(g_rounds.fetch_add(1, std::memory_order_relaxed) + 1),
      locked_(try_to_lock(scheduler.threads_lock())) {
  if (Thread* self = current_thread()) self->halt_note().note(round_, context, calls);
  if (!locked_) return;
  ask(calls);
  wait_for_answers();
}

void Halt::ask(HaltCalls calls) {
  const Thread* const self = current_thread();
  scheduler_.each_listed_thread([&](Thread& thread) {
    if (&thread == self || thread.os_id() == 0) return;
    thread.halt_note().asked_round = round_;
    thread.halt_note().asked_calls = calls;
    thread.halt_note().state.store(HaltNote::kAsked, std::memory_order_release);
    send_preempt_signal(thread.os_id());
  });
}

void Halt::wait_for_answers() {
  const std::int64_t deadline_ns = base::monotonic_ns() + kAnswerNs;
  scheduler_.each_listed_thread([&](Thread& thread) {
    std::atomic<std::uint32_t>& state = thread.halt_note().state;
    for (;;) {
      std::uint32_t seen = state.load(std::memory_order_acquire);
      if (seen == HaltNote::kRunning || seen == HaltNote::kStopped) return;
      const bool late = base::monotonic_ns() >= deadline_ns;
      if (late && seen == HaltNote::kAsked) {
        if (state.compare_exchange_strong(seen, HaltNote::kRunning)) return;
        continue;
      }
      base::futex_wait_until(state, seen, late ? base::monotonic_ns() + kAnswerNs : deadline_ns);
    }
  });
}

void Halt::release() {
  if (!locked_) return;
  locked_ = false;
  scheduler_.each_listed_thread([](Thread& thread) {
    std::atomic<std::uint32_t>& state = thread.halt_note().state;
    if (state.load(std::memory_order_relaxed) != HaltNote::kStopped) return;
    state.store(HaltNote::kRunning, std::memory_order_release);
    base::futex_wake(state, 1);
  });
  open(scheduler_.threads_lock());
}

std::vector<const HaltNote*> Halt::notes() const {
  std::vector<const HaltNote*> notes;
  std::size_t threads = 1;
  if (locked_) scheduler_.each_listed_thread([&](Thread&) { ++threads; });
  notes.reserve(threads);
  notes_into(notes);
  return notes;
}

bool Halt::notes_into(std::vector<const HaltNote*>& notes) const {
  bool enough = true;
  const auto add = [&](const HaltNote& note) {
    if (note.round != round_) return;
    enough = enough && notes.size() < notes.capacity();
    if (enough) notes.push_back(&note);
  };
  if (locked_) {
    scheduler_.each_listed_thread([&](Thread& thread) { add(thread.halt_note()); });
  } else if (Thread* self = current_thread()) {
    add(self->halt_note());
  }
  return enough;
}

}  // namespace taskscope::sched
