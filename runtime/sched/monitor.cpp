#include "runtime/sched/monitor.h"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::sched {
namespace {

constexpr std::int64_t kShortestNs = 50'000;
constexpr std::int64_t kLongestNs = 10'000'000;
// Sleeps for longer are worth a system call to whoever needs the monitor earlier.
bool is_long(std::int64_t period_ns) { return period_ns > 4 * kShortestNs; }
// How long a task may run while others wait. Go's value: long against a switch, short for people.
constexpr std::int64_t kSliceNs = 10'000'000;
// Each task that has lost its worker because it computes keeps a thread. So many are enough to
// share the processors among; beyond that a task keeps its worker until it waits.
constexpr int kPreemptedMax = 1'000;
// How often all workers are seen idle before the monitor sleeps for good: waking it costs whoever
// ends the idleness a system call, too much for a program that sleeps a little all the time.
constexpr int kIdleLooks = 10;
// How often stacks that nobody needed give memory back: half of it each time, and all of it once
// nothing has run for so long. Touching a page again costs 1.8 us: a burst each second keeps them.
constexpr std::int64_t kStackAgeNs = 2'000'000'000;
// How often the trace is told of code that was loaded, while samples are taken.
constexpr std::int64_t kModulesToldNs = 500'000'000;

}  // namespace

void Monitor::start() {
  seen_.resize(Scheduler::kWorkersMax);
  parked_stacks_.start();
  try {
    thread_ = std::thread([this] { loop(); });
  } catch (const std::system_error& error) {
    fatal(std::string("ts::run cannot start its monitor thread: ") + error.what());
  }
}

void Monitor::stop() {
  ends_.store(true, std::memory_order_seq_cst);
  wake();
  thread_.join();
}

void Monitor::wake() {
  // Release pairs with the acquire in end_rest().
  woken_.store(1, std::memory_order_release);
  base::futex_wake(woken_, 1);
}

void Monitor::wake_from_rest() {
  if (rest_.exchange(Rest::None, std::memory_order_seq_cst) != Rest::None) wake();
}

void Monitor::loop() {
  std::int64_t period_ns = kShortestNs;
  int idle_looks = 0;
  while (!ends_.load(std::memory_order_seq_cst)) {
    const std::int64_t now = base::monotonic_ns();
    idle_looks = all_idle() ? idle_looks + 1 : 0;
    if (idle_looks <= 1) idle_since_ns_ = now;
    const bool gives_back = parked_stacks_.step(now);
    // First: a call that begins after this look must find it.
    if (is_long(2 * period_ns)) rest_.store(Rest::Dozing, std::memory_order_seq_cst);
    if (look(now) || gives_back) {
      period_ns = kShortestNs;
    } else {
      period_ns = std::min(2 * period_ns, kLongestNs);
    }
    age_stacks(now);
    tell_modules(now);
    if (idle_looks > kIdleLooks && !gives_back) {
      sleep(sleep_deadline_ns());
    } else {
      doze(period_ns);
    }
  }
}

void Monitor::age_stacks(std::int64_t now_ns) {
  if (now_ns - stacks_aged_ns_ < kStackAgeNs) return;
  stacks_aged_ns_ = now_ns;
  const bool nothing_ran = now_ns - idle_since_ns_ >= kStackAgeNs;
  scheduler_.stacks().age(nothing_ran ? stack::StackPool::Keep::Little
                                      : stack::StackPool::Keep::Recent);
}

void Monitor::tell_modules(std::int64_t now_ns) {
  if (!scheduler_.tracing().sampler().running()) return;
  if (now_ns - modules_told_ns_ < kModulesToldNs) return;
  modules_told_ns_ = now_ns;
  scheduler_.tracing().tell_modules();
}

std::int64_t Monitor::sleep_deadline_ns() const {
  const bool aged = stacks_aged_ns_ >= idle_since_ns_ + kStackAgeNs;
  const std::int64_t stacks = aged ? 0 : std::max(idle_since_ns_, stacks_aged_ns_) + kStackAgeNs;
  const std::int64_t parked = parked_stacks_.due_ns(idle_since_ns_);
  return stacks == 0 || parked == 0 ? std::max(stacks, parked) : std::min(stacks, parked);
}

void Monitor::doze(std::int64_t period_ns) {
  if (!is_long(period_ns)) rest_.store(Rest::None, std::memory_order_seq_cst);
  base::futex_wait_until(woken_, 0, base::monotonic_ns() + period_ns);
  end_rest();
}

void Monitor::sleep(std::int64_t deadline_ns) {
  rest_.store(Rest::Asleep, std::memory_order_seq_cst);
  if (all_idle()) {
    if (deadline_ns == 0) {
      base::futex_wait(woken_, 0);
    } else {
      base::futex_wait_until(woken_, 0, deadline_ns);
    }
  }
  end_rest();
}

void Monitor::end_rest() {
  rest_.store(Rest::None, std::memory_order_seq_cst);
  // Acquire pairs with the release in wake(): what it is woken for is visible.
  woken_.exchange(0, std::memory_order_acquire);
}

// With work queued they are idle for want of a thread only (Scheduler::leave_idle).
bool Monitor::all_idle() const {
  return scheduler_.idle().count() == scheduler_.worker_count() && !scheduler_.any_work();
}

bool Monitor::look(std::int64_t now_ns) {
  poll_if_nobody_does(now_ns);
  // What Worker::offer_next() kept back.
  scheduler_.count_search(true);
  if (scheduler_.any_work()) scheduler_.wake_one_if_useful(nullptr);
  bool again_soon = false;
  const auto workers = scheduler_.workers();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    again_soon |= look_at(*workers[i], seen_[i], now_ns);
  }
  return again_soon;
}

bool Monitor::look_at(Worker& worker, Seen& seen, std::int64_t now_ns) {
  const std::uint32_t slice = worker.slice();
  if (slice != seen.slice || seen.since_ns == 0) {
    seen.slice = slice;
    seen.since_ns = now_ns;
  }
  const bool slice_is_over = now_ns - seen.since_ns >= kSliceNs;
  switch (worker.status()) {
    case WorkerStatus::Running:
      if (slice_is_over && others_wait() && scheduler_.preempted() < kPreemptedMax) {
        ask_for(worker);
      }
      return false;
    case WorkerStatus::Preempted:
      worker.set_status(WorkerStatus::Running);
      worker.withdraw(Worker::kPreempt);
      worker.end_slice();
      seen.since_ns = now_ns;
      scheduler_.hand_on(worker);
      return true;
    case WorkerStatus::InCall: {
      const std::uint64_t calls = worker.calls();
      const bool same_call = std::exchange(seen.calls, calls) == calls;
      // A call that nobody waits for may take as long as it likes.
      if (!others_wait() && !scheduler_.anything_unwatched()) return false;
      if ((same_call || slice_is_over) && worker.take_from_call()) {
        scheduler_.hand_on_from_call(worker);
      }
      return true;
    }
    case WorkerStatus::Idle:
    case WorkerStatus::Retired:
      return false;
  }
  return false;
}

bool Monitor::others_wait() const {
  return scheduler_.any_work() || scheduler_.timers().earliest_ns() <= scheduler_.timers().now_ns();
}

void Monitor::poll_if_nobody_does(std::int64_t now_ns) {
  Poller& poller = scheduler_.poller();
  if (now_ns - polled_ns_ < kLongestNs || !poller.active() || poller.someone_sleeps()) return;
  polled_ns_ = now_ns;
  scheduler_.ready_polled(poller.poll(0));
}

void Monitor::ask_for(Worker& worker) {
  worker.ask(Worker::kPreempt);
  if (const Thread* thread = worker.thread()) send_preempt_signal(thread->os_id());
}

}  // namespace taskscope::sched
