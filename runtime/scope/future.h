// ts::Future: the result of a task, or the exception that ended it.
//
//   ts::Future<int> sum = ts::async("sum", [] { return add_up(); });
//   prepare();
//   if (!sum.wait(ctx)) return;  // ctx was done first; so says the Result of sum.get(ctx)
//   use(sum.get());              // waits; throws what add_up threw
//   if (sum.valid() && sum.ready()) log("never here: get() takes the result with it");
//
// A future of ts::async joins: its end waits for the task, so no task outlives the handle, and an
// error that nobody took then is a panic. A future of Scope::async need not, its scope does. Move
// only. A future belongs to one task at a time like any value, but several may wait for it.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/context/unit.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/go.h"
#include "runtime/sched/task_error.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {
template <class T>
class Future;
}

namespace taskscope::scope {

// What a future and its task share; counted.
class FutureCore {
 public:
  explicit FutureCore(const base::Site& site) : traced_(trace_format::ObjectKind::Future, site) {}
  FutureCore(const FutureCore&) = delete;
  FutureCore& operator=(const FutureCore&) = delete;

  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() {
    // Release: this reference's uses; acquire: all others' before the destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // The task has written its result.
  void finish();
  // Acquire pairs with the release in finish().
  bool done() const { return done_.load(std::memory_order_acquire); }
  void wait(const base::Site& site);
  // False if `context` is done first.
  bool wait(const Context& context, const base::Site& site);

  sched::TaskError error;  // the task's until done()

 protected:
  virtual ~FutureCore();

 private:
  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;

  // Atomic: set once.
  std::atomic<bool> done_{false};
  // Atomic: see drop_reference.
  std::atomic<std::uint32_t> references_{1};
};

template <class T>
struct FutureState final : FutureCore {
  using FutureCore::FutureCore;
  std::optional<std::conditional_t<std::is_void_v<T>, Unit, T>> value;  // the task's until done()
};

// A counted reference to a state.
template <class T>
class StateRef {
 public:
  StateRef() = default;
  explicit StateRef(FutureState<T>* state) : state_(state) {}
  StateRef(const StateRef& other) : state_(other.state_) {
    if (state_ != nullptr) state_->add_reference();
  }
  StateRef(StateRef&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  StateRef& operator=(StateRef other) noexcept {
    std::swap(state_, other.state_);
    return *this;
  }
  ~StateRef() {
    if (state_ != nullptr) state_->drop_reference();
  }
  FutureState<T>* get() const { return state_; }
  FutureState<T>* operator->() const { return state_; }

 private:
  FutureState<T>* state_ = nullptr;
};

// The task's side.
template <class T>
class Promise {
  static_assert(std::is_void_v<T> || std::is_object_v<T>, "a future carries plain values");

 public:
  explicit Promise(const base::Site& site) : state_(new FutureState<T>(site)) {}
  // For a task that something else waits for, or whose future does.
  Future<T> future() const;
  Future<T> joining_future() const;

  // Calls `function` and notes what it returns or throws; that is also returned.
  template <class F>
  sched::TaskError run(F&& function) {
    try {
      if constexpr (std::is_void_v<T>) {
        function();
        state_->value.emplace();
      } else {
        state_->value.emplace(function());
      }
    } catch (...) {
      state_->error = sched::current_task_error();
    }
    return state_->error;
  }
  // From now on the result can be got.
  void keep() { state_->finish(); }

 private:
  StateRef<T> state_;
};

}  // namespace taskscope::scope

namespace taskscope {

template <class T>
class [[nodiscard]] Future {
 public:
  Future() = default;  // of nothing
  Future(Future&&) noexcept = default;
  Future& operator=(Future&& other) noexcept {
    Future old(std::move(*this));
    state_ = std::move(other.state_);
    joins_ = other.joins_;
    return *this;
  }
  ~Future() { join(); }

  // False after get(), a move, and for a future of nothing.
  bool valid() const { return state_.get() != nullptr; }
  // True if get() need not wait. REQUIRES: valid(), here and below.
  bool ready() const { return state().done(); }

  void wait(Site site = Site::here()) const { state().wait(site); }
  // False if `context` is done first.
  [[nodiscard]] bool wait(const Context& context, Site site = Site::here()) const {
    return state().wait(context, site);
  }

  // Waits, then returns the result, or throws what the task threw. Once.
  T get(Site site = Site::here()) {
    wait(site);
    const scope::StateRef<T> state = std::move(state_);
    if (state->error) sched::rethrow(state->error);
    if constexpr (!std::is_void_v<T>) return *std::move(state->value);
  }
  // The same, but context.error() if `context` is done first: then the future still has its result.
  Result<T> get(const Context& context, Site site = Site::here()) {
    if (!wait(context, site)) return context.error();
    if constexpr (std::is_void_v<T>) {
      get(site);
      return {};
    } else {
      return get(site);
    }
  }

 private:
  friend class scope::Promise<T>;

  Future(scope::StateRef<T> state, bool joins) : state_(std::move(state)), joins_(joins) {}

  scope::FutureState<T>& state() const {
    TASKSCOPE_CHECK(valid());
    return *state_.get();
  }

  void join() noexcept {
    if (!joins_ || !valid()) return;
    wait();
    // An error on top of another one is dropped, as everywhere in C++.
    if (state_->error && std::uncaught_exceptions() == 0) {
      sched::rethrow(state_->error);  // a panic of this task
    }
  }

  scope::StateRef<T> state_;
  bool joins_ = false;
};

template <class T>
Future<T> scope::Promise<T>::future() const {
  return Future<T>(state_, false);
}

template <class T>
Future<T> scope::Promise<T>::joining_future() const {
  return Future<T>(state_, true);
}

namespace scope {

template <class F, class R>
struct AsyncTask {
  std::optional<F> function;
  Promise<R> promise;
  void operator()() {
    promise.run(*function);
    function.reset();  // before anybody can have the result
    promise.keep();
  }
};

}  // namespace scope

// Starts `function` as a task and returns its result to be. To be kept: the end of the future waits
// for the task. `name` is for traces and reports.
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) auto async(std::string_view name, F&& function,
                                                           Site site = Site::here()) {
  using Result = std::invoke_result_t<std::decay_t<F>&>;
  scope::Promise<Result> promise(site);
  Future<Result> future = promise.joining_future();
  sched::spawn(
      name,
      scope::AsyncTask<std::decay_t<F>, Result>{std::forward<F>(function), std::move(promise)},
      site);
  return future;
}
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) auto async(F&& function, Site site = Site::here()) {
  return async(std::string_view(), std::forward<F>(function), site);
}

}  // namespace taskscope
