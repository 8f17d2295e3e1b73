// LeakWatch: looks for tasks that can never go on (leak_search.h), and says so once for each.
//
// While the run is recorded it looks when tasks have waited for more than a second: every five
// seconds, less often if a look takes long or finds nothing new, and once more when the main task
// has ended. What it finds goes into the recording as `finding` events. TASKSCOPE_LEAKS says what
// else: `report` nothing (the default), `unwind` that tasks of which it is proved end by
// ts::Unwinding, so that what they hold is given back, `abort` that a program of which something is
// proved ends with it and status 2, both recorded or not, and `off` that nobody looks.
//
// A look holds all threads while the process is copied, as a dump of all tasks does (dump.h).
//
// Owned by the scheduler. start() may be called by any thread that keeps the run alive, stop() and
// look_at_end() by the thread in ts::run.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/sched/drop_place.h"
#include "runtime/sched/leak_search.h"

namespace taskscope {

// Tasks that wait for each other, or for nobody, and can never go on. Proved.
struct Leak {
  trace_format::LeakKind kind = trace_format::LeakKind::Leaked;
  std::vector<std::uint64_t> tasks;
  std::size_t victims = 0;  // other tasks that wait, in the end, for these
  std::string text;  // `task 5 "reader" waits in chan recv at FILE:LINE …`, a line for each
};

// Which tasks can never go on now, however long they have waited:
//
//   for (const ts::Leak& leak : ts::find_leaks()) log(leak.text);
//
// Holds all threads for milliseconds while the process is copied; the copy takes 0.3 s for each GiB
// of memory to look through. Proofs about locks are of those that were taken while the run was
// recorded. Any thread; a task that calls is in a blocking call meanwhile.
std::vector<Leak> find_leaks();

// Ends what can never go on, and what waits for that:
//
//   while (ts::unwind_leaks() != 0) ts::yield();
//
// Looks as find_leaks() does, and ends the tasks that could never go on by ts::Unwinding; of those
// that might still wake each other one, as that may be enough. Returns how many: 0 when nothing is
// left to be done. The main task, and one that waits in a destructor during an exception, stay.
std::size_t unwind_leaks();

namespace sched {

class Scheduler;

class LeakWatch {
 public:
  explicit LeakWatch(Scheduler& scheduler);
  LeakWatch(const LeakWatch&) = delete;
  LeakWatch& operator=(const LeakWatch&) = delete;

  // If there is somebody to tell: a recorder, or `abort`.
  void start();
  void stop();
  bool runs() const { return runs_.load(std::memory_order_relaxed); }

  // REQUIRES: all threads of the run have stopped, and this one.
  void look_at_end();

  // All of them, proved and suspected. REQUIRES: the run goes on.
  std::vector<LeakedTask> look(std::int64_t waited_ns);
  std::vector<Leak> describe(const std::vector<LeakedTask>& found) const;
  // Ends those that are proved. How many.
  std::size_t unwind(const std::vector<LeakedTask>& found) const;

  // In the child of a fork.
  void forget();

 private:
  enum class Threads : std::uint8_t { Running, Stopped };
  enum class Policy : std::uint8_t { Report, Unwind, Abort, Off };

  void loop();
  bool somebody_listens() const;
  bool anybody_waits_long(std::int64_t now_ns) const;
  std::vector<LeakedTask> look_in_copy(Threads threads, std::int64_t waited_ns);
  bool look_once(Threads threads, std::int64_t waited_ns, std::vector<LeakedTask>& found);
  // What is new of it goes into the recording. How many tasks that is.
  std::size_t tell(const std::vector<LeakedTask>& found);
  void tell_of_group(const std::vector<const LeakedTask*>& group, std::int64_t now_ns);
  Task* find(const LeakedTask& leaked) const;
  bool only_our_threads(bool running) const;

  // Constant after construction.
  Scheduler& scheduler_;
  Policy policy_ = Policy::Report;

  // Guarded by lock_, which is held while a thread is started or stopped.
  base::Lock lock_;
  std::thread thread_ TASKSCOPE_GUARDED_BY(lock_);

  // Held while tasks are unwound: who comes second finds them awake.
  mutable base::Lock unwinding_;

  // Owned by the watch's thread, and later by that in ts::run. As task ids.
  std::unordered_set<TaskId> told_;
  std::uint64_t groups_told_ = 0;

  mutable DropPlaces places_;

  // Atomic: relaxed, the thread is up or soon will be.
  std::atomic<bool> runs_{false};
  // Atomic: 1 asks it to end; release, pairs with the acquire of its loop. A futex.
  std::atomic<std::uint32_t> ends_{0};
};

}  // namespace sched
}  // namespace taskscope
