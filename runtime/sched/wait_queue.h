// WaitQueue: the tasks that wait on one object, first come, first served.
//
// An intrusive list of Waiters, which live on the stacks of the parked tasks. Guarded by the lock
// of the object that embeds it. Objects may outlive the run in which their waiters were abandoned:
// a queue that was filled in an earlier run counts as empty.
//
// A wait that one of several may end (select, a context, a deadline) has one Waiter in the queue of
// each object, and all of them share a Claim. Whoever takes the claim ends the wait; for everyone
// else those waiters are not there. After such a wait its task takes the others out of their
// queues, each under its object's lock.
//
// Invariants (under the object's lock):
//   1. waiter.queued exactly while the waiter is in the list, if it has a claim.
//   2. A waiter that a function here returns is the caller's: no one else will ready its task.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "runtime/sched/park.h"

namespace taskscope::sched {

struct Waiter;

// Decides who ends a wait. Any thread.
class Claim {
 public:
  // True for the first who calls, once and for ever. Acq_rel: what the waiting task wrote before it
  // parked is visible to the winner; the task itself is told through ready().
  bool take(Waiter& by) {
    Waiter* nobody = nullptr;
    return winner_.compare_exchange_strong(nobody, &by, std::memory_order_acq_rel,
                                           std::memory_order_relaxed);
  }
  // Null while the wait goes on.
  Waiter* winner() const { return winner_.load(std::memory_order_acquire); }

 private:
  // Atomic: null until the wait is ended.
  std::atomic<Waiter*> winner_{nullptr};
};

struct Waiter {
  Task* task = nullptr;
  void* slot = nullptr;    // the primitive's: where a value is taken from or put
  Claim* claim = nullptr;  // null: only the object may end the wait
  bool success = false;    // the primitive's: how the wait ended
  bool queued = false;
  Waiter* next = nullptr;
  Waiter* previous = nullptr;
};

class WaitQueue {
 public:
  // False: certainly nobody. Cheaper than empty(), for quick ways.
  bool maybe_any() const { return first_ != nullptr; }
  bool empty() const { return first_ == nullptr || run_ != current_run(); }

  void push(Waiter& waiter) {
    const std::uint32_t run = current_run();
    if (run_ != run) {
      first_ = last_ = nullptr;
      run_ = run;
    }
    if (first_ == nullptr) any_claims_ = false;
    any_claims_ |= waiter.claim != nullptr;
    waiter.next = nullptr;
    waiter.previous = last_;
    waiter.queued = true;
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
  }

  // From now on another object may end the wait, too. REQUIRES: the waiter is in the list.
  void share(Waiter& waiter, Claim& claim) {
    waiter.claim = &claim;
    any_claims_ = true;
  }

  // In front of all others: for one that has waited its turn already.
  void push_front(Waiter& waiter) {
    if (empty()) return push(waiter);
    any_claims_ |= waiter.claim != nullptr;
    waiter.next = first_;
    waiter.previous = nullptr;
    waiter.queued = true;
    first_->previous = &waiter;
    first_ = &waiter;
  }

  // The longest waiter, or null. Its wait may have been ended by another object.
  Waiter* front() const { return empty() ? nullptr : first_; }

  // Takes the longest waiter out. False if its wait was ended by another object.
  // REQUIRES: front() is not null.
  bool claim_front() {
    Waiter& waiter = *first_;
    first_ = waiter.next;
    (first_ == nullptr ? last_ : first_->previous) = nullptr;
    waiter.queued = false;
    return waiter.claim == nullptr || waiter.claim->take(waiter);
  }

  // The longest waiter whose wait goes on, or null. Another object may end it at any moment.
  Waiter* front_waiting() {
    while (Waiter* const waiter = front()) {
      if (waiter->claim == nullptr || waiter->claim->winner() == nullptr) return waiter;
      claim_front();
    }
    return nullptr;
  }

  // The longest waiter whose wait is the caller's to end, or null.
  Waiter* pop() {
    while (Waiter* const waiter = front()) {
      if (claim_front()) return waiter;
    }
    return nullptr;
  }

  // All of them, as a list by `next`.
  Waiter* pop_all() {
    if (empty()) return nullptr;
    // Each lies in memory of its own that may be cold, and without claims nobody looks at it again.
    if (!any_claims_) {
      last_ = nullptr;
      return std::exchange(first_, nullptr);
    }
    Waiter* first = nullptr;
    Waiter** end = &first;
    while (Waiter* const waiter = pop()) {
      *end = waiter;
      end = &waiter->next;
    }
    *end = nullptr;
    return first;
  }

  // Takes `waiter` out wherever it stands, if it still does. REQUIRES: it has a claim, or stands
  // there.
  void remove(Waiter& waiter) {
    if (!waiter.queued) return;
    waiter.queued = false;
    (waiter.previous == nullptr ? first_ : waiter.previous->next) = waiter.next;
    (waiter.next == nullptr ? last_ : waiter.next->previous) = waiter.previous;
  }

  // All of them, for who looks when nobody can change the queue. Ends where `visit` says false.
  template <class Visit>
  void visit(Visit visit) const {
    if (empty()) return;
    for (const Waiter* waiter = first_; waiter != nullptr && visit(*waiter);) waiter = waiter->next;
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::uint32_t run_ = 0;
  bool any_claims_ = false;  // some waiter that was queued since it was empty last has one
};

// Readies a list by `next`. The waiters may be gone as soon as their task is ready.
inline void ready_all(Waiter* waiters) {
  while (waiters != nullptr) {
    Waiter* const next = waiters->next;
    // Of a million tasks, none is in the cache.
    if (next != nullptr) {
      __builtin_prefetch(next->next);
      __builtin_prefetch(next->task, 1);
    }
    ready(waiters->task);
    waiters = next;
  }
}

}  // namespace taskscope::sched
