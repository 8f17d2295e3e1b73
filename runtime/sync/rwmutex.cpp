#include "runtime/sync/rwmutex.h"

#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope {
namespace {

std::uint64_t length(const sched::Waiter* list) {
  std::uint64_t count = 0;
  for (; list != nullptr; list = list->next) ++count;
  return count;
}

}  // namespace

RWMutex::~RWMutex() { sched::trace_object_end(traced_); }

sched::Waiter* RWMutex::settle() {
  for (;;) {
    std::uint64_t state = state_.load(std::memory_order_acquire);
    if ((state & kHeld) != 0) return nullptr;
    if (writers_.front_waiting() == nullptr) {
      // Nobody keeps the readers out any more.
      sched::Waiter* const readers = readers_.pop_all();
      const std::uint64_t count = length(readers);
      while (!state_.compare_exchange_weak(state, (state & ~kWanted) + count,
                                           std::memory_order_acq_rel)) {
      }
      return readers;
    }
    if ((state & kReaders) != 0) return nullptr;
    sched::Waiter* const writer = writers_.pop();
    if (writer == nullptr) continue;  // it gave up meanwhile
    writer->next = nullptr;
    const bool more = !writers_.empty() || !readers_.empty();
    // An addition: readers that are counted from now on are momentary ones.
    state_.fetch_add(more ? kHeld : kHeld - kWanted, std::memory_order_acquire);
    return writer;
  }
}

// ---- Writers -----------------------------------------------------------------------------------

bool RWMutex::lock_contended(channel::DoneChannel done, const char* file, const char* function,
                             std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  std::uint64_t state = state_.load(std::memory_order_relaxed);
  // In one step, so that whoever has it either has left before or sees kWanted when he does.
  while (!state_.compare_exchange_weak(state, state == 0 ? kHeld : state | kWanted,
                                       std::memory_order_acquire, std::memory_order_relaxed)) {
  }
  if (state == 0) {
    lock_.unlock();
    return true;
  }
  sched::Waiter self{.task = sched::current_task_for("rwmutex lock")};
  writers_.push(self);
  if (channel::park_unless(done,
                           {.reason = trace_format::BlockReason::RwMutex,
                            .object = &traced_,
                            .site = {file, function, line}},
                           lock_, writers_, self)) {
    return true;
  }
  sched::Waiter* const woken = settle();
  lock_.unlock();
  sched::ready_all(woken);
  return false;
}

void RWMutex::unlock_contended(std::uint64_t state) TASKSCOPE_NO_ANALYSIS {
  if ((state & kHeld) == 0) sched::panic("unlock of unlocked RWMutex");
  lock_.lock();
  // Readers that came meanwhile go first; if there are none, the next writer.
  sched::Waiter* woken = readers_.pop_all();
  if (woken == nullptr) {
    // Release pairs with the acquire of whoever locks next without waiting; those who wait are
    // ordered by lock_ and ready().
    state_.fetch_sub(kHeld, std::memory_order_release);
    woken = settle();
  } else {
    const std::uint64_t wanted = writers_.empty() ? kWanted : 0;
    state_.fetch_add(length(woken) - kHeld - wanted, std::memory_order_release);
  }
  lock_.unlock();
  sched::ready_all(woken);
}

// ---- Readers -----------------------------------------------------------------------------------

bool RWMutex::keep_or_uncount(sched::Waiter*& woken) {
  for (;;) {
    std::uint64_t state = state_.load(std::memory_order_acquire);
    if ((state & kHeld) == 0 && writers_.front_waiting() == nullptr) {
      woken = settle();
      return true;
    }
    if (!state_.compare_exchange_weak(state, (state - 1) | kWanted, std::memory_order_relaxed)) {
      continue;
    }
    // A writer may have waited for nobody but this reader.
    woken = settle();
    if ((state_.load(std::memory_order_relaxed) & (kHeld | kWanted)) != 0) return false;
    // All writers have given up just now.
    if ((state_.fetch_add(1, std::memory_order_acquire) & kHeld) == 0) return true;
  }
}

bool RWMutex::lock_shared_contended(channel::DoneChannel done, const char* file,
                                    const char* function,
                                    std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  sched::Waiter* woken = nullptr;
  lock_.lock();
  if (keep_or_uncount(woken)) {
    lock_.unlock();
    sched::ready_all(woken);
    return true;
  }
  sched::Waiter self{.task = sched::current_task_for("rwmutex read lock")};
  readers_.push(self);
  // Under the lock, because it must stay closed until this task is parked. Rare: see above.
  sched::ready_all(woken);
  if (channel::park_unless(done,
                           {.reason = trace_format::BlockReason::RwMutex,
                            .object = &traced_,
                            .site = {file, function, line}},
                           lock_, readers_, self)) {
    return true;
  }
  woken = settle();
  lock_.unlock();
  sched::ready_all(woken);
  return false;
}

void RWMutex::unlock_shared_contended(std::uint64_t before) TASKSCOPE_NO_ANALYSIS {
  if ((before & kHeld) != 0 || (before & kReaders) == 0) {
    state_.fetch_add(1, std::memory_order_relaxed);  // as it was, for whoever catches this
    sched::panic("unlock_shared of RWMutex that is not locked for reading");
  }
  if ((before & kReaders) != 1) return;
  // The last reader that a writer waits for.
  lock_.lock();
  sched::Waiter* const woken = settle();
  lock_.unlock();
  sched::ready_all(woken);
}

}  // namespace taskscope
