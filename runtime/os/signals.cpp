#include "runtime/os/signals.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/base/os_error.h"
#include "runtime/base/spin.h"
#include "runtime/base/unique_fd.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/own_labels.h"
#include "runtime/sched/park.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/process.h"
#include "runtime/sched/trace_signal.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/wait_group.h"

namespace taskscope::os {
namespace {

constexpr int kSignals = 65;  // numbers 1 to 64
constexpr std::size_t kHeld = 16;

using SignalSet = std::uint64_t;
SignalSet bit(int number) { return SignalSet{1} << (number - 1); }

// What the handler reaches. Lock-free atomics, the only thing that it may use.
constinit std::atomic<SignalSet> g_pending{0};
constinit std::atomic<int> g_event{-1};
// Handlers under way: the descriptor is not closed under one.
constinit std::atomic<std::uint32_t> g_handling{0};

// Async-signal-safe, on whatever thread the signal is delivered to.
void on_signal(int number) {
  const int error = base::os_error();
  g_handling.fetch_add(1);
  g_pending.fetch_or(bit(number));
  const std::uint64_t one = 1;
  const int event = g_event.load();
  if (event >= 0) static_cast<void>(!write(event, &one, sizeof one));
  g_handling.fetch_sub(1);
  base::set_os_error(error);
}

struct Subscriber {
  Chan<int> chan;
  SignalSet wanted = 0;
};

// The subscriptions of one run.
class RunSignals {
 public:
  RunSignals() = default;
  RunSignals(const RunSignals&) = delete;
  RunSignals& operator=(const RunSignals&) = delete;

  Receiver<int> subscribe(SignalSet wanted, const Site& site) {
    const std::scoped_lock order(changes_);
    const Chan<int> chan = make_chan<int>("signals", kHeld, site);
    if (!watching_) start_watching(site);
    {
      const base::LockGuard guard(lock_);
      subscribers_.push_back({.chan = chan, .wanted = wanted});
    }
    for (int number = 1; number < kSignals; ++number) {
      if ((wanted & bit(number)) != 0) take_over(number);
    }
    return chan;
  }

  bool unsubscribe(const Receiver<int>& subscription, const Site& site) {
    const std::scoped_lock order(changes_);
    Subscriber ended;
    bool last = false;
    {
      const base::LockGuard guard(lock_);
      const auto found = std::find_if(
          subscribers_.begin(), subscribers_.end(),
          [&](const Subscriber& each) { return Receiver<int>(each.chan) == subscription; });
      if (found == subscribers_.end()) return false;
      ended = std::move(*found);
      subscribers_.erase(found);
      last = subscribers_.empty();
    }
    for (int number = 1; number < kSignals; ++number) {
      if ((ended.wanted & bit(number)) != 0) give_back(number);
    }
    if (last) stop_watching(site);
    ended.chan.close(site);
    return true;
  }

  // The run is over, and its tasks with it.
  void end_of_run() {
    for (int number = 1; number < kSignals; ++number) {
      if (std::exchange(takers_[at(number)], 0) != 0) {
        sigaction(number, &before_[at(number)], nullptr);
      }
    }
    disconnect_handler();
  }

 private:
  static std::size_t at(int number) { return static_cast<std::size_t>(number); }

  void take_over(int number) {
    if (takers_[at(number)]++ != 0) return;
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    TASKSCOPE_CHECK(sigaction(number, &action, &before_[at(number)]) == 0);
  }
  void give_back(int number) {
    if (--takers_[at(number)] == 0) sigaction(number, &before_[at(number)], nullptr);
  }
  static void disconnect_handler() {
    g_event.store(-1);
    // A handler is a few instructions long.
    while (g_handling.load() != 0) base::spin_pause();
    g_pending.store(0);
  }

  void start_watching(const Site& site) {
    base::UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) sched::fatal(net::os_failure(base::os_error(), "watch", "signals").message);
    const int fd = event.get();
    event_ = net::DescriptorRef(net::Descriptor::make(std::move(event), "signals", {}, site));
    g_event.store(fd);
    watching_ = true;
    watcher_.go(
        "signals", [this] { watch(); }, site);
  }
  void stop_watching(const Site& site) {
    disconnect_handler();
    event_->close(site);
    watcher_.wait(site);
    event_ = {};
    watching_ = false;
  }

  // The task that passes signals on. It holds nothing of its own: the end of the run abandons it.
  void watch() {
    sched::replace_own_labels(nullptr);  // nor is it of the task that happened to start it
    for (;;) {
      std::uint64_t count = 0;
      const net::Attempt got =
          event_->perform(net::PollMode::Read, {.site = Site::here()},
                          [&count](int fd) { return ::read(fd, &count, sizeof count); });
      if (!got.ok()) return;
      const SignalSet arrived = g_pending.exchange(0);
      tell(arrived);
      pass_on(arrived);
    }
  }
  // In the trace, before anybody can act on it.
  static void tell(SignalSet arrived) {
    for (int number = 1; number < kSignals; ++number) {
      if ((arrived & bit(number)) != 0) sched::trace_signal(number);
    }
  }
  // Under the lock: who is no longer in the list may have a closed channel.
  void pass_on(SignalSet arrived) {
    const base::LockGuard guard(lock_);
    for (const Subscriber& each : subscribers_) {
      for (int number = 1; number < kSignals; ++number) {
        if ((arrived & each.wanted & bit(number)) != 0) each.chan.try_send(number);
      }
    }
  }

  // Puts subscribe and unsubscribe in order.
  Mutex changes_{"signals"};
  // Guarded by changes_.
  bool watching_ = false;
  net::DescriptorRef event_;
  WaitGroup watcher_{"signals"};
  std::array<std::uint32_t, kSignals> takers_{};
  std::array<struct sigaction, kSignals> before_{};

  // Guarded by lock_.
  base::Lock lock_;
  std::vector<Subscriber> subscribers_ TASKSCOPE_GUARDED_BY(lock_);
};

// Process-wide, as signals are.
struct Current {
  base::Lock lock;
  std::unique_ptr<RunSignals> run TASKSCOPE_GUARDED_BY(lock);
};
Current& current() {
  static Current instance;
  return instance;
}

void end_of_run() {
  std::unique_ptr<RunSignals> run;
  {
    Current& mine = current();
    const base::LockGuard guard(mine.lock);
    run = std::move(mine.run);
  }
  if (run) run->end_of_run();
}

RunSignals& signals_of_run() {
  Current& mine = current();
  const base::LockGuard guard(mine.lock);
  if (!mine.run) {
    mine.run = std::make_unique<RunSignals>();
    sched::at_end_of_run(end_of_run);
  }
  return *mine.run;
}

// Some numbers nobody may handle, and libc keeps some for itself: with glibc 32 and 33, whose
// handlers it does not even tell.
bool can_be_handled(int number) {
  struct sigaction now {};
  return number < kSignals && number != SIGKILL && number != SIGSTOP &&
         sigaction(number, nullptr, &now) == 0;
}

// What else a signal is for; null if it is free.
const char* taken_for(int number) {
  switch (number) {
    case sched::kPreemptSignal:
      return "the scheduler preempts tasks with it";
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
      return "it says that a task has failed, which cannot go on";
    default:
      return nullptr;
  }
}

}  // namespace
}  // namespace taskscope::os

namespace taskscope {

Receiver<int> signals(std::initializer_list<int> numbers, Site site) {
  static_cast<void>(sched::current_task_for("ts::signals"));
  os::SignalSet wanted = 0;
  for (const int number : numbers) {
    if (!os::can_be_handled(number)) {
      sched::panic(("signal " + std::to_string(number) + " cannot be handled").c_str());
    }
    if (const char* const taken = os::taken_for(number)) {
      sched::panic(("signal " + std::to_string(number) + " cannot be handled: " + taken).c_str());
    }
    wanted |= os::bit(number);
  }
  return os::signals_of_run().subscribe(wanted, site);
}

bool stop_signals(const Receiver<int>& subscription, Site site) {
  static_cast<void>(sched::current_task_for("ts::stop_signals"));
  return os::signals_of_run().unsubscribe(subscription, site);
}

}  // namespace taskscope
