// Cond: tasks wait for something to become true that a lock protects. Go's sync.Cond.
//
//   ts::Cond not_empty("not empty");
//   ts::go([&] {
//     { std::scoped_lock lock(mutex); queue.push_back(1); }
//     not_empty.signal();  // wakes one; broadcast() wakes all
//   });
//   std::unique_lock lock(mutex);
//   while (queue.empty()) not_empty.wait(lock);   // or not_empty.wait(lock, [&] { … });
//   if (!not_empty.wait(ctx, lock, [&] { return queue.size() > 1; })) not_empty.broadcast();
//
// wait() unlocks the lock, waits for a signal or a broadcast, and locks again; a signal that comes
// after it was entered is never missed. There are no spurious wake-ups, but another task may be
// faster, so what is waited for is to be asked for again. signal() wakes the longest waiter; both
// may be called with or without the lock, by any thread.
#pragma once

#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class Cond {
 public:
  // Not explicit, so that it may be left out where a struct with one is initialised.
  Cond(Site site = Site::here()) : Cond(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit Cond(const char* name, Site site = Site::here())
      : traced_(trace_format::ObjectKind::Cond, site, 0, name) {}
  Cond(const Cond&) = delete;
  Cond& operator=(const Cond&) = delete;
  ~Cond();

  // `lock` is a Mutex, an RWMutex, or a std::unique_lock of one. REQUIRES: it is locked.
  template <class Lock>
  void wait(Lock& lock, Site site = Site::here()) {
    static_cast<void>(wait_without(lock, nullptr, site));
  }
  template <class Lock, class Predicate>
  requires(std::is_invocable_r_v<bool, Predicate&>) void wait(Lock& lock, Predicate predicate,
                                                              Site site = Site::here()) {
    while (!predicate()) wait(lock, site);
  }
  // False if `context` was done first, or already. The lock is locked again either way.
  template <channel::Cancellable C, class Lock>
  [[nodiscard]] bool wait(const C& context, Lock& lock, Site site = Site::here()) {
    return wait_without(lock, context.done_core(), site);
  }

  // False if `context` was done before `predicate` became true.
  template <channel::Cancellable C, class Lock, class Predicate>
  requires(std::is_invocable_r_v<bool, Predicate&>)
      [[nodiscard]] bool wait(const C& context, Lock& lock, Predicate predicate,
                              Site site = Site::here()) {
    while (!predicate()) {
      if (!wait(context, lock, site)) return predicate();
    }
    return true;
  }

  // Wakes the longest waiter, if there is one.
  void signal();
  // Wakes all that wait.
  void broadcast();

 private:
  // `self` is in the queue from enter() on; its task parks in wait_entered() unless it was
  // signalled in between.
  void enter(sched::Waiter& self);
  bool wait_entered(sched::Waiter& self, channel::DoneChannel done, const Site& site);
  // However the wait ends, `lock` is locked again.
  template <class Lock>
  bool wait_without(Lock& lock, channel::DoneChannel done, const Site& site) {
    struct Locker {
      ~Locker() { lock.lock(); }
      Lock& lock;
    };
    sched::Waiter self;
    enter(self);
    lock.unlock();
    const Locker locker{lock};
    return wait_entered(self, done, site);
  }

  // Guarded by lock_. A waiter's task is null until it parks, its success set by the signal.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
