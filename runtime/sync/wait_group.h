// WaitGroup: waits for a number of things to be done. Go's semantics.
//
//   ts::WaitGroup group("pages");
//   for (const std::string& url : urls) group.go([&] { load(url); });
//   group.wait();
//
//   group.add(2);  // for what was not started by go(): each calls done()
//   ts::go([&] { load_tables(); group.done(); });
//   ts::go([&] { load_tables(); group.done(); });
//   if (!group.wait(ctx)) log("ctx was done first");
//
// add() and done() are one atomic addition; only a wait that must wait and the done() that ends it
// take the lock. May be used again when its count has come down to zero and all its waits have
// returned: an add() from zero before that is misuse, and a panic where it is seen, in add() or in
// a wait(). Threads that are no task's may call add() and done(), and wait() when the count is
// zero.
//
// Invariants: state_ is count << 32 | kWaiters if waiters_ is not empty; that flag changes under
// lock_ only, and is not set when the count is 0 and lock_ is free.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/go.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class WaitGroup {
 public:
  // Not explicit, so that it may be left out where a struct with one is initialised.
  WaitGroup(Site site = Site::here()) : WaitGroup(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit WaitGroup(const char* name, Site site = Site::here())
      : traced_(trace_format::ObjectKind::WaitGroup, site, 0, name) {}
  WaitGroup(const WaitGroup&) = delete;
  WaitGroup& operator=(const WaitGroup&) = delete;
  ~WaitGroup();

  // Adds `delta`, which may be negative, to the count. Panics if the count would be negative.
  void add(std::int32_t delta = 1) {
    // Acq_rel: what was done before the last done() is visible after wait().
    const std::int64_t change = std::int64_t{delta} * kOne;
    const std::int64_t state = state_.fetch_add(change, std::memory_order_acq_rel) + change;
    if (state < 0) [[unlikely]]
      negative(change);
    if ((state & kWaiters) != 0) [[unlikely]]
      add_with_waiters(state, delta);
  }
  void done() { add(-1); }

  // Returns when the count is zero.
  void wait(Site site = Site::here()) {
    // Acquire pairs with the addition in done().
    if (state_.load(std::memory_order_acquire) >> 32 != 0) wait_for_zero(nullptr, site);
  }
  // The same, but false if `context` is done first. (When the count is zero nobody has to wait.)
  template <channel::Cancellable C>
  [[nodiscard]] bool wait(const C& context, Site site = Site::here()) {
    return state_.load(std::memory_order_acquire) >> 32 == 0 ||
           wait_for_zero(context.done_core(), site);
  }

  // Starts a task that counts: add(1), function(), done(). The group must outlive it. If copying
  // the function throws, nothing is started and nothing counts.
  template <class F>
  void go(F&& function, Site site = Site::here()) {
    go(std::string_view(), std::forward<F>(function), site);
  }
  template <class F>
  void go(std::string_view name, F&& function, Site site = Site::here()) {
    add(1);
    try {
      sched::spawn(name, Counted<std::decay_t<F>>{std::forward<F>(function), this}, site);
    } catch (...) {
      done();
      throw;
    }
  }

 private:
  static constexpr std::int64_t kOne = std::int64_t{1} << 32;
  static constexpr std::int64_t kWaiters = 1;

  // A task that is unwound (unwinding.h) is done, too. Where nothing catches what is thrown, no
  // destructor runs: the program ends with its stack intact.
  template <class F>
  struct Counted {
    struct Done {
      ~Done() noexcept(false) { group->done(); }
      WaitGroup* group;
    };
    F function;
    WaitGroup* group;
    void operator()() {
      const Done done{group};
      static_cast<void>(function());
    }
  };

  bool wait_for_zero(channel::DoneChannel done, const Site& site);
  void add_with_waiters(std::int64_t state, std::int32_t delta);
  void release_waiters();
  [[noreturn]] void negative(std::int64_t change);

  // Atomic: see the invariants.
  std::atomic<std::int64_t> state_{0};

  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
