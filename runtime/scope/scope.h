// ts::Scope: tasks that end before the block does that started them.
//
//   void serve(const ts::Context& ctx, Request request) {
//     Database database = open(request);            // outlives the children
//     ts::Scope scope(ctx, {.name = "serve", .limit = 4});
//     for (const Part& part : request.parts) {
//       scope.go("fetch", [&, part](const ts::Context& child) { fetch(child, database, part); });
//     }
//     ts::Future<int> total = scope.async("count", [&] { return count(request); });
//     scope.wait();                                 // all have ended; throws the first error
//     respond(total.get());
//   }
//
//   ts::Scope all(ctx, {.deadline = ts::now() + 5s, .on_error = ts::OnError::Collect});
//   all.set_limit(2);
//   Database& shared = all.own<Database>();       // outlives the children, too
//   if (!all.try_go("now", [&] { fetch(all.ctx(), shared, 1); })) log("two run already");
//   if (!all.go(ctx, "soon", [] { load_tables(); })) all.cancel();  // ctx was done first
//   if (!all.wait(ctx)) log("they go on, and the end of the scope waits for them");
//   if (all.failures() > 0) report(all.errors());
//
// A scope stands in a block of the task that makes it: it cannot be copied, moved, made with new or
// held by a std::shared_ptr, and panics if it is made elsewhere than on the task's stack (as part
// of an object on the heap, as a static). It waits for its children at its end: no child outlives
// it. What a child captured is destroyed before the scope goes on. Scopes nest: an inner one is
// made with the outer one's context; to close a channel when those who send on it have ended, give
// them an inner scope in a child. A child may start siblings; under a limit by try_go() only, since
// it keeps its own place while go() waits for another (a ts::Semaphore limits such children).
//
// Errors: an exception that escapes a child does not end the program, it becomes the scope's. By
// default the first one cancels the scope's context, so that the siblings give up, and is rethrown
// by wait(), or by the end of the scope if nobody called it; if it then ends the program, the
// report says which child threw it. With OnError::Collect the siblings go on and errors() gives
// them all; the end of the scope throws those that errors() has not given to anybody: the one, or
// several as one ScopeErrors. If the block that made the scope is left by an exception of its own,
// the children are cancelled and waited for, and that exception goes on; errors that were collected
// before are then printed.
//
// go, try_go, async and cancel may be called by children and by any thread that knows that a child
// still runs; everything else by the task that made the scope.
//
// Invariants (under lock_):
//   1. running_ is the number of children that were admitted and have not ended; it is at most
//      limit_, unless that is 0. A child that ends hands its place to the first of queue_.
//   2. waiters_ is empty when running_ is 0.
//   3. error_ is the first error (empty: none), and failures_ is not 0, if anything failed.
//   4. The first taken_ of errors_ have been given to somebody.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/clock.h"
#include "runtime/sched/go.h"
#include "runtime/sched/task_error.h"
#include "runtime/sched/wait_queue.h"
#include "runtime/scope/future.h"
#include "runtime/scope/scope_errors.h"

namespace taskscope {

enum class OnError : std::uint8_t {
  CancelAndRethrow,  // the first error cancels the siblings, and wait() throws it
  Collect,           // everyone goes on; errors() gives all of them
};

struct ScopeOptions {
  const char* name = nullptr;  // for traces; must live for ever (a literal)
  std::size_t limit = 0;       // how many children may run at once; 0: as many as there are
  // After this the context is done; children that still run then are an error, DeadlineExceeded.
  std::optional<Clock::duration> timeout = std::nullopt;
  // The same at a moment of ts::now's clock. Of both the earlier counts.
  std::optional<TimePoint> deadline = std::nullopt;
  OnError on_error = OnError::CancelAndRethrow;
};

template <class F>
concept ScopeFunction = std::invocable < std::decay_t<F>
& > || std::invocable<std::decay_t<F>&, const Context&>;

class Scope {
 public:
  explicit Scope(const Context& parent = background(), const ScopeOptions& options = {},
                 Site site = Site::here());
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  void* operator new(std::size_t) = delete;
  void* operator new[](std::size_t) = delete;
  // Waits for all children, then throws what nobody has been told of, unless something else is
  // being thrown: the first error if wait() has not; with Collect what errors() has not given. The
  // context is done afterwards.
  ~Scope() noexcept(false);

  // Starts a child; waits while the limit is reached. It is called with the scope's context, or
  // with nothing. What it returns is ignored.
  template <ScopeFunction F>
  void go(F&& function, Site site = Site::here()) {
    go(std::string_view(), std::forward<F>(function), site);
  }
  template <ScopeFunction F>
  void go(std::string_view name, F&& function, Site site = Site::here()) {
    static_cast<void>(start({nullptr, site}, name, child(std::forward<F>(function))));
  }
  // The same, but false, and nothing is started, if `context` is done first, or already.
  template <ScopeFunction F>
  [[nodiscard]] bool go(const Context& context, F&& function, Site site = Site::here()) {
    return go(context, std::string_view(), std::forward<F>(function), site);
  }
  template <ScopeFunction F>
  [[nodiscard]] bool go(const Context& context, std::string_view name, F&& function,
                        Site site = Site::here()) {
    return start({context.done_core(), site}, name, child(std::forward<F>(function)));
  }
  // The same if it need not wait; else false, and nothing is started.
  template <ScopeFunction F>
  [[nodiscard]] bool try_go(F&& function, Site site = Site::here()) {
    return try_go(std::string_view(), std::forward<F>(function), site);
  }
  template <ScopeFunction F>
  [[nodiscard]] bool try_go(std::string_view name, F&& function, Site site = Site::here()) {
    Child<std::decay_t<F>> started = child(std::forward<F>(function));
    if (!try_admit()) return false;
    spawn(name, started, site);
    return true;
  }
  // Starts a child whose result is wanted. Its error is the future's, and the scope's as well.
  template <ScopeFunction F>
  auto async(F&& function, Site site = Site::here()) {
    return async(std::string_view(), std::forward<F>(function), site);
  }
  template <ScopeFunction F>
  auto async(std::string_view name, F&& function, Site site = Site::here()) {
    return *start_async({nullptr, site}, name, std::forward<F>(function));
  }
  // The same, but no future, and nothing is started, if `context` is done first, or already.
  template <ScopeFunction F>
  [[nodiscard]] auto async(const Context& context, F&& function, Site site = Site::here()) {
    return async(context, std::string_view(), std::forward<F>(function), site);
  }
  template <ScopeFunction F>
  [[nodiscard]] auto async(const Context& context, std::string_view name, F&& function,
                           Site site = Site::here()) {
    return start_async({context.done_core(), site}, name, std::forward<F>(function));
  }

  // Returns when no child runs. Throws the first error, again if called again; more children may
  // follow.
  void wait(Site site = Site::here());
  // The same, but false if `context` is done first: the children go on.
  [[nodiscard]] bool wait(const Context& context, Site site = Site::here());

  // The context of the children: done when the scope fails, is cancelled, runs out of time or ends.
  const Context& ctx() const { return ctx_; }
  void cancel(Site site = Site::here()) { cancel_(site); }

  // From now on at most `limit` children run at once; 0: as many as there are. Panics if some run.
  void set_limit(std::size_t limit);

  // Makes a T that lives until all children have ended, wherever in the block the scope stands.
  // Several are destroyed in the reverse order.
  template <class T, class... Arguments>
  T& own(Arguments&&... arguments) {
    auto owned = std::make_unique<Owned<T>>(std::forward<Arguments>(arguments)...);
    T& value = owned->value;
    owned->below = std::move(owned_);
    owned_ = std::move(owned);
    return value;
  }

  // How many children have failed.
  std::size_t failures() const;
  // With Collect: all their errors, in the order in which they came. From now on they are the
  // caller's affair, and the end of the scope does not throw them.
  std::vector<std::exception_ptr> errors();

 private:
  struct AnyOwned {
    virtual ~AnyOwned() = default;
    std::unique_ptr<AnyOwned> below;
  };
  template <class T>
  struct Owned final : AnyOwned {
    template <class... Arguments>
    explicit Owned(Arguments&&... arguments) : value(std::forward<Arguments>(arguments)...) {}
    T value;
  };

  template <class F>
  static decltype(auto) call(F& function, const Context& context) {
    if constexpr (std::invocable<F&, const Context&>) {
      return function(context);
    } else {
      return function();
    }
  }

  // What runs as a child. The function is destroyed before the scope hears of the end: a move would
  // leave behind what it captured as const.
  template <class F>
  struct Child {
    std::optional<F> function;
    Scope* scope;
    void operator()() {
      sched::TaskError error;
      try {
        static_cast<void>(call(*function, scope->ctx_));
      } catch (...) {
        error = sched::current_task_error();
      }
      function.reset();
      scope->child_ended(std::move(error));
    }
  };
  template <class F, class R>
  struct AsyncChild {
    std::optional<F> function;
    scope::Promise<R> promise;
    Scope* scope;
    void operator()() {
      sched::TaskError error =
          promise.run([&]() -> decltype(auto) { return call(*function, scope->ctx_); });
      function.reset();
      promise.keep();
      scope->child_ended(std::move(error));
    }
  };

  // Who starts a child, and what ends the wait for a place; null: nothing.
  struct Starter {
    channel::DoneChannel done;
    const Site& site;
  };

  template <class F>
  Child<std::decay_t<F>> child(F&& function) {
    return {std::forward<F>(function), this};
  }
  template <class C>
  bool start(const Starter& starter, std::string_view name, C child) {
    if (!admit(starter)) return false;
    spawn(name, child, starter.site);
    return true;
  }
  template <class F>
  auto start_async(const Starter& starter, std::string_view name, F&& function) {
    using Function = std::decay_t<F>;
    using Result = decltype(call(std::declval<Function&>(), std::declval<const Context&>()));
    scope::Promise<Result> promise(starter.site);
    std::optional<Future<Result>> future(promise.future());
    if (!start(starter, name,
               AsyncChild<Function, Result>{std::forward<F>(function), std::move(promise), this})) {
      future.reset();
    }
    return future;
  }
  // Gives the place back if the child cannot be moved. REQUIRES: a place was admitted.
  template <class C>
  void spawn(std::string_view name, C& child, const Site& site) {
    try {
      sched::spawn(name, std::move(child), site);
    } catch (...) {
      child_ended({});
      throw;
    }
  }
  bool admit(const Starter& starter);
  bool try_admit();
  void child_ended(sched::TaskError error);
  void fail(sched::TaskError error);
  bool join(channel::DoneChannel done, const Site& site);
  void throw_first();
  std::vector<sched::TaskError> take_collected();
  void print_collected();

  // Constant after construction.
  const Site site_;
  const OnError on_error_;
  const bool timed_;
  const int exceptions_at_start_;

  // Guarded by lock_.
  mutable base::Lock lock_;
  std::size_t running_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t limit_ TASKSCOPE_GUARDED_BY(lock_);
  std::size_t failures_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  sched::TaskError error_ TASKSCOPE_GUARDED_BY(lock_);
  std::vector<sched::TaskError> errors_ TASKSCOPE_GUARDED_BY(lock_);
  std::size_t taken_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);  // for the end of all children
  sched::WaitQueue queue_ TASKSCOPE_GUARDED_BY(lock_);    // for a place
  instrument::TracedObject traced_;

  // Owned by the task that made the scope.
  bool delivered_ = false;  // error_ has been thrown
  Context ctx_;
  CancelFunc cancel_;
  std::unique_ptr<AnyOwned> owned_;
};

}  // namespace taskscope

// There is none: it would outlive the block.
template <>
class std::shared_ptr<taskscope::Scope>;  // shared: by nobody, and so never defined
