#include "runtime/sync/lock_core.h"

#include "runtime/base/clock.h"
#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope::sync {
namespace {

// Who has waited longer makes it starving.
constexpr std::int64_t kStarvingNs = 1'000'000;

// Appends `list` to `to`, both by `next`.
sched::Waiter* join(sched::Waiter* to, sched::Waiter* list) {
  if (to == nullptr) return list;
  sched::Waiter* last = to;
  while (last->next != nullptr) last = last->next;
  last->next = list;
  return to;
}

// `list` without `waiter`, if that is in it.
sched::Waiter* without(sched::Waiter* list, const sched::Waiter& waiter) {
  sched::Waiter** link = &list;
  while (*link != nullptr && *link != &waiter) link = &(*link)->next;
  if (*link != nullptr) *link = waiter.next;
  return list;
}

// Tells a list of waiters that they have it; how many they are.
std::uint32_t grant(sched::Waiter* list) {
  std::uint32_t count = 0;
  for (; list != nullptr; list = list->next, ++count) list->success = true;
  return count;
}

}  // namespace

struct LockCore::Waiting : sched::Waiter {
  std::int64_t since_ns = 0;
  bool starves() const { return base::monotonic_ns() - since_ns > kStarvingNs; }
};

trace_format::BlockReason LockCore::wait_reason(Mode mode) const {
  if (mode == Mode::Together) return trace_format::BlockReason::RwMutexRead;
  return is_rwmutex() ? trace_format::BlockReason::RwMutexWrite : trace_format::BlockReason::Mutex;
}

LockCore::~LockCore() {
  // Whoever waits for what is gone is told nothing by what is left of it.
  traced_.holder.store(0, std::memory_order_relaxed);
  traced_.noted_readers.store(0, std::memory_order_relaxed);
  sched::trace_object_end(traced_);
}

// ---- Who has it --------------------------------------------------------------------------------

namespace {

// Whether `guard` stands in the frames of the calling task above this one: no further away than
// where the next stack's guard pages begin at the latest.
[[gnu::noinline]] bool stands_in_own_block(const void* guard) {
  constexpr std::uintptr_t kNear = 4096;
  const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  return reinterpret_cast<std::uintptr_t>(guard) - here < kNear;
}

}  // namespace

void LockCore::note_guard_there(const void* guard) {
  const trace_format::TaskId self = sched::current_task_id();
  if (self == 0 || !stands_in_own_block(guard)) return;
  traced_.holder.store(self | kByGuard, std::memory_order_relaxed);
}

std::uint64_t LockCore::note_reader_there(const void* guard) {
  const trace_format::TaskId self = sched::current_task_id();
  if (self == 0 || !stands_in_own_block(guard)) return 0;
  const std::uint64_t noted = instrument::TracedLock::kNotedReader | self;
  traced_.noted_readers.fetch_add(noted, std::memory_order_relaxed);
  return noted;
}

// ---- Taking it ---------------------------------------------------------------------------------

bool LockCore::take_if_allowed() {
  std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
  while (may_write(state)) {
    if (traced_.state.compare_exchange_weak(state, state | kLocked, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      note_holder(sched::current_task_id());
      return true;
    }
  }
  return false;
}

bool LockCore::count_reader_with_worker() {
  unlock_together();
  sched::checkpoint_id();
  return count_reader();
}

bool LockCore::lock_contended(Mode mode, channel::DoneChannel done, const char* file,
                              const char* function, std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  if (mode == Mode::Alone && take_if_allowed()) return true;
  Waiting self;
  sched::WaitQueue& queue = mode == Mode::Alone ? writers_ : readers_;
  for (bool woken = false;; woken = true) {
    lock_.lock();
    if (take_or_announce(mode, self, woken)) {
      sched::Waiter* const along = woken && mode == Mode::Together ? admit_readers() : nullptr;
      lock_.unlock();
      sched::ready_all(along);
      break;
    }
    if (self.task == nullptr) {
      self.task = sched::current_task_for(mode == Mode::Together ? "rwmutex read lock"
                                          : is_rwmutex()         ? "rwmutex lock"
                                                                 : "mutex lock");
      self.since_ns = base::monotonic_ns();
    }
    self.claim = nullptr;
    // A woken task that came too late has waited its turn already.
    woken ? queue.push_front(self) : queue.push(self);
    if (mode == Mode::Together && !woken) {
      // Whoever left meanwhile has woken nobody: this momentary reader was still there.
      sched::Waiter* const others = leave();
      if (!self.queued) {
        lock_.unlock();
        sched::ready_all(without(others, self));
        if (self.success) return true;
        continue;
      }
      // Under the lock, because it must stay closed until this task is parked. Rare: see above.
      sched::ready_all(others);
    }
    if (!channel::park_unless(
            done, {.reason = wait_reason(mode), .object = &traced_, .site = {file, function, line}},
            lock_, queue, self)) {
      sched::Waiter* const others = withdraw();
      lock_.unlock();
      sched::ready_all(others);
      sched::throw_if_unwound();
      return false;
    }
    if (self.success) break;  // handed over
  }
  if (mode == Mode::Alone) {
    note_holder(sched::current_task_id());
  }
  return true;
}

// In one step, so that whoever has it either has given it back before or sees kWaiters when he
// does. True: it was taken.
bool LockCore::take_or_announce(Mode mode, Waiting& self, bool woken) {
  if (woken) woken_writer_ = false;
  const std::uint32_t starving = woken && self.starves() ? kStarving : 0;
  std::uint32_t state = traced_.state.load(std::memory_order_acquire);
  for (;;) {
    bool taken;
    std::uint32_t next = woken ? with_queues(state & ~kWoken) : state;
    if (mode == Mode::Alone) {
      taken = may_write(state);
      next |= taken ? kLocked : kWaiters | kWriterWaits | starving;
    } else if (woken) {
      // It has waited its turn: a writer that waits does not keep it from joining.
      taken = (state & (kLocked | kStarving)) == 0;
      next = taken ? next + kReader : next | kWaiters | starving;
    } else {
      // It is counted. Nobody but it can take that away: what it sees stays so.
      taken = may_read(state - kReader);
      if (taken) return true;
      next |= kWaiters;
    }
    if (traced_.state.compare_exchange_weak(state, next, std::memory_order_acq_rel,
                                            std::memory_order_acquire)) {
      return taken;
    }
  }
}

// After a waiter has left its queue without having got anything.
sched::Waiter* LockCore::withdraw() {
  change([&](std::uint32_t state) { return with_queues(state); });
  if (!writers_.empty() || woken_writer_ || readers_.empty()) return nullptr;
  // Perhaps it was the writer that kept them from joining the readers that have it.
  std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
  while (state >= kReader && (state & kLocked) == 0) {
    if (traced_.state.compare_exchange_weak(state, state + kReader, std::memory_order_acquire,
                                            std::memory_order_relaxed)) {
      sched::Waiter* const admitted = admit_readers();
      return join(admitted, leave());
    }
  }
  return nullptr;
}

// ---- Giving it back ----------------------------------------------------------------------------

void LockCore::unlock_contended() TASKSCOPE_NO_ANALYSIS {
  std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
  if ((state & kLocked) == 0) {
    sched::panic(is_rwmutex() ? "unlock of unlocked RWMutex" : "unlock of unlocked mutex", traced_);
  }
  for (;;) {
    while (!must_wake(state, kLocked)) {
      if (traced_.state.compare_exchange_weak(state, state & ~kLocked, std::memory_order_release,
                                              std::memory_order_relaxed)) {
        return;
      }
    }
    lock_.lock();
    state = traced_.state.load(std::memory_order_relaxed);
    if (must_wake(state, kLocked)) break;
    // The waiters have given up. It must not be given back with lock_ held: invariant 6.
    lock_.unlock();
  }
  const trace_format::TaskId holder = traced_.holder_task();
  if (holder != 0 && holder != sched::current_task_id()) {
    traced_.passed_around.store(true, std::memory_order_relaxed);
  }
  sched::Waiter* const woken = pass_on(kLocked);
  lock_.unlock();
  sched::ready_all(woken);
}

void LockCore::unlock_together_contended(std::uint32_t before) TASKSCOPE_NO_ANALYSIS {
  if (before < kReader || (before & kLocked) != 0) {
    traced_.state.fetch_add(kReader, std::memory_order_relaxed);  // for whoever catches this
    sched::panic("unlock_shared of unlocked RWMutex", traced_);
  }
  if (!must_wake(before, kReader)) return;
  lock_.lock();
  // Somebody may have taken it in passing; then it is his to wake.
  const bool free = must_wake(traced_.state.load(std::memory_order_relaxed), 0);
  sched::Waiter* const woken = free ? pass_on(0) : nullptr;
  lock_.unlock();
  sched::ready_all(woken);
}

// A reader gives back what it has, or seemed to have.
sched::Waiter* LockCore::leave() {
  const std::uint32_t before = traced_.state.fetch_sub(kReader, std::memory_order_acq_rel);
  return must_wake(before, kReader) ? pass_on(0) : nullptr;
}

// Gives back `share`, kLocked or nothing, and lets somebody go on who waits.
sched::Waiter* LockCore::pass_on(std::uint32_t share) {
  const std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
  return (state & kStarving) != 0 ? hand_over(share) : wake_one(share);
}

sched::Waiter* LockCore::wake_one(std::uint32_t share) {
  bool writer = share != kLocked;
  sched::Waiter* woken = (writer ? writers_ : readers_).pop();
  if (woken == nullptr) {
    writer = !writer;
    woken = (writer ? writers_ : readers_).pop();
  }
  woken_writer_ = woken != nullptr && writer;
  change([&](std::uint32_t state) {
    return with_queues(state - share) | (woken != nullptr ? kWoken : 0);
  });
  if (woken != nullptr) woken->next = nullptr;
  return woken;
}

sched::Waiter* LockCore::hand_over(std::uint32_t share) {
  sched::Waiter* owners = share == kLocked ? readers_.pop_all() : nullptr;
  std::uint32_t shares = grant(owners) * kReader;
  if (owners == nullptr && (owners = writers_.pop()) != nullptr) {
    owners->next = nullptr;
    grant(owners);
    shares = kLocked;
  } else if (owners == nullptr) {
    owners = readers_.pop_all();
    shares = grant(owners) * kReader;
  }
  const bool over = owners != nullptr && !static_cast<Waiting*>(owners)->starves();
  change([&](std::uint32_t state) {
    const std::uint32_t next = with_queues(state - share + shares);
    return over ? next & ~kStarving : next;
  });
  return owners;
}

// All readers that wait join the caller, which has it as a reader.
sched::Waiter* LockCore::admit_readers() {
  if (readers_.empty()) return nullptr;
  sched::Waiter* const readers = readers_.pop_all();
  const std::uint32_t shares = grant(readers) * kReader;
  change([&](std::uint32_t state) { return with_queues(state + shares); });
  return readers;
}

// Release: for who takes it next without waiting. Acquire: for who is handed it, after all who had
// it before.
template <class F>
void LockCore::change(F next) {
  std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
  while (!traced_.state.compare_exchange_weak(state, next(state), std::memory_order_acq_rel,
                                              std::memory_order_relaxed)) {
  }
}

// `state` with the flags that say what is in the queues.
std::uint32_t LockCore::with_queues(std::uint32_t state) const {
  const bool writers = !writers_.empty();
  const bool any = writers || !readers_.empty();
  state &= ~(kWaiters | kWriterWaits | (any ? 0 : kStarving));
  return state | (any ? kWaiters : 0) | (writers || woken_writer_ ? kWriterWaits : 0);
}

}  // namespace taskscope::sync
