// Monitor: the thread that watches the workers from outside (Go's sysmon).
//
// It looks every 50 µs while something may be about to happen, less and less often (down to every
// 10 ms) while nothing does, and not at all while all workers are idle. What it sees to:
//   - a task that has run for 10 ms while others wait: its worker is asked for. The thread's signal
//     handler lets go of it, or the task itself does at its next call of the runtime;
//   - a worker that was let go of: gets another thread;
//   - a task in a call (blocking.h) while others wait: its worker is taken and gets another thread;
//   - descriptors, while all workers are too busy to look at them;
//   - the memory of stacks that nobody uses: of free ones, and below those of tasks that wait long.
//
// Owned by the scheduler. start() and stop() are called by the thread in ts::run, the rest by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/sched/parked_stacks.h"

namespace taskscope::sched {

class Scheduler;
class Worker;

class Monitor {
 public:
  explicit Monitor(Scheduler& scheduler) : scheduler_(scheduler), parked_stacks_(scheduler) {}
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  void start();
  void stop();

  // Makes it look now. Async-signal-safe.
  void wake();
  bool runs() const { return thread_.joinable(); }
  // Makes it look now unless it soon does anyway: there is a call to watch.
  void wake_if_dozing() {
    if (rest_.load(std::memory_order_seq_cst) != Rest::None) wake_from_rest();
  }
  // Asks the task that runs on the worker to give it up.
  static void ask_for(Worker& worker);
  // A worker is no longer idle.
  void wake_if_asleep() {
    if (rest_.load(std::memory_order_seq_cst) == Rest::Asleep) wake_from_rest();
  }

  // For tests: whether it sleeps until somebody ends the idleness of all workers.
  bool is_asleep() const { return rest_.load(std::memory_order_seq_cst) == Rest::Asleep; }
  ParkedStacks& parked_stacks() { return parked_stacks_; }

 private:
  // None: looks often; Dozing: sleeps for milliseconds; Asleep: until it is woken.
  enum class Rest : std::uint8_t { None, Dozing, Asleep };

  // What was seen of a worker, and since when it is so.
  struct Seen {
    std::uint32_t slice = 0;
    std::uint64_t calls = 0;
    std::int64_t since_ns = 0;
  };

  void loop();
  void age_stacks(std::int64_t now_ns);
  void tell_modules(std::int64_t now_ns);
  // When there is something to do again though all workers stay idle; 0: never.
  std::int64_t sleep_deadline_ns() const;
  // No longer than `period_ns`.
  void doze(std::int64_t period_ns);
  // While all workers are idle. To `deadline_ns` at the latest, for ever if that is 0.
  void sleep(std::int64_t deadline_ns);
  void end_rest();
  bool all_idle() const;
  void wake_from_rest();
  // Returns true if something happens that should be looked at again soon.
  bool look(std::int64_t now_ns);
  bool look_at(Worker& worker, Seen& seen, std::int64_t now_ns);
  bool others_wait() const;
  void poll_if_nobody_does(std::int64_t now_ns);

  // Constant after construction.
  Scheduler& scheduler_;

  // Owned by the thread in ts::run.
  std::thread thread_;

  // Owned by the monitor's thread.
  std::vector<Seen> seen_;
  std::int64_t polled_ns_ = 0;
  std::int64_t stacks_aged_ns_ = 0;
  std::int64_t modules_told_ns_ = 0;
  std::int64_t idle_since_ns_ = 0;  // all workers, or the last time that this was not so
  ParkedStacks parked_stacks_;

  // Atomic: 1 asks it to look now; release, pairs with its acquire.
  std::atomic<std::uint32_t> woken_{0};
  // Atomic: seq_cst. The monitor says that it rests, then looks whether all are idle; who ends the
  // idleness of a worker does so, then looks whether the monitor rests.
  std::atomic<Rest> rest_{Rest::None};
  // Atomic: set once, before the last wake().
  std::atomic<bool> ends_{false};
};

}  // namespace taskscope::sched
