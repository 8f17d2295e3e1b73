// IdlePool: the workers that have nothing to run, and the threads that have no worker.
//
// The two go separately: a worker taken by a task that had lost its own leaves the thread behind
// that slept with it; a thread whose task lost the worker comes without one. They are matched again
// when work turns up. Both are last in, first out, because what ran last is warmest, and a thread
// is given the worker that it had before where that is possible.
//
// Owned by the scheduler; any thread may call. Nobody sleeps or wakes here: that is the callers'
// business, after the lock has been opened.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/base/lock.h"

namespace taskscope::sched {

class Thread;
class Worker;

class IdlePool {
 public:
  // A worker and the thread to drive it; the thread is null if none is idle.
  struct Pair {
    Worker* worker = nullptr;
    Thread* thread = nullptr;
  };

  explicit IdlePool(std::size_t workers_max) { workers_.reserve(workers_max); }

  // A thread that gives its worker up. Seq_cst: step S1 of the wake-up recipe (scheduler.h). False,
  // and nothing is done, if the worker was asked to retire: so after remove() a worker that is to
  // retire is never in here, and count() is of workers that count.
  bool add(Thread& thread, Worker& worker);
  // A worker without a thread; the same.
  bool add(Worker& worker);
  // A thread without a worker.
  void add(Thread& thread);

  // An idle worker and a thread for it; no worker if none is idle.
  Pair take_pair();
  // An idle worker for a thread that is not idle.
  Worker* take_worker();
  // A thread for a worker that is not idle; null if all are busy.
  Thread* take_thread();
  // Takes out `thread` itself and a worker for it; null if there is none, or if the thread has
  // been taken already: then somebody is about to wake it.
  Worker* take_back(Thread& thread) {
    return take_back_if(thread, [](std::size_t) { return true; });
  }
  // The same if `check` agrees, which is told the number of idle workers; no worker goes to work
  // meanwhile. It must be short and must not use the pool.
  template <class Check>
  Worker* take_back_if(Thread& thread, Check check) {
    const base::LockGuard guard(lock_);
    if (!is_pooled(thread) || workers_.empty() || !check(workers_.size())) return nullptr;
    return pull_back(thread);
  }
  // False if it is not idle.
  bool remove(Worker& worker);
  bool remove(Thread& thread);

  // In the child of a fork: its threads are the parent's.
  void forget();

  // Calls `use` with each idle worker, which is the caller's meanwhile. It must be short and must
  // not use the pool.
  template <class Use>
  void visit(Use use) {
    const base::LockGuard guard(lock_);
    for (Worker* worker : workers_) use(*worker);
  }

  // Idle workers. Seq_cst: step S2 of the recipe.
  std::uint32_t count() const { return static_cast<std::uint32_t>(version()); }
  // Another number whenever a worker comes or goes.
  std::uint64_t version() const { return version_.load(std::memory_order_seq_cst); }

 private:
  static bool is_pooled(const Thread& thread);
  Worker* pull_back(Thread& thread) TASKSCOPE_REQUIRES(lock_);
  Worker* pop_worker() TASKSCOPE_REQUIRES(lock_);
  bool push_worker(Worker& worker) TASKSCOPE_REQUIRES(lock_);
  void push_thread(Thread& thread) TASKSCOPE_REQUIRES(lock_);
  void erase(Thread& thread) TASKSCOPE_REQUIRES(lock_);
  void publish() TASKSCOPE_REQUIRES(lock_);

  // Guarded by lock_.
  base::Lock lock_;
  std::vector<Worker*> workers_ TASKSCOPE_GUARDED_BY(lock_);
  std::vector<Thread*> threads_ TASKSCOPE_GUARDED_BY(lock_);

  // Atomic: the size of workers_ in the lower half, its changes in the upper; written under the
  // lock.
  alignas(64) std::atomic<std::uint64_t> version_{0};
};

}  // namespace taskscope::sched
