// first_of: runs several functions at once and returns what the first of them to succeed returns.
//
//   Reply reply = ts::first_of(
//       ctx,  //
//       [&](const ts::Context& ctx) { return primary.ask(ctx, question); },
//       [&](const ts::Context& ctx) { return replica.ask(ctx, question); });
//
// Each function runs in a task of its own and gets a context that is cancelled as soon as one has
// succeeded. A function fails by an exception, or, if it returns a Result<T>, by one without a
// value. If all fail, the first failure is thrown or returned. Returns only when all functions
// have ended, so they may refer to the caller's variables, and should heed their context.
//
// For tasks. The functions return one type, or several with a common one; all nothing, or none.
#pragma once

#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/context/context.h"
#include "runtime/context/unit.h"
#include "runtime/patterns/call_context.h"
#include "runtime/patterns/failure.h"
#include "runtime/sched/fatal.h"
#include "runtime/sync/mutex.h"
#include "runtime/sync/mutex_guards.h"
#include "runtime/sync/wait_group.h"

namespace taskscope {
namespace patterns {

// What a contender returns: its result, or Unit for nothing.
template <class R>
using Won = std::conditional_t<std::is_void_v<R>, Unit, R>;

// One first_of while it runs. On the caller's stack.
template <class R>
class Race {
 public:
  explicit Race(const CallContext& call) : call_(call), under_(with_cancel(call.ctx, call.at)) {}

  template <class F>
  void start(F& function) {
    group_.go(
        "first_of", [this, &function] { run(function); }, call_.at);
  }

  // Waits for all of them.
  R finish() {
    group_.wait(call_.at);
    if (won_) {
      if constexpr (std::is_void_v<R>) {
        return;
      } else {
        return std::move(*won_);
      }
    }
    if constexpr (kIsResult<R>) {
      if (lost_) return std::move(*lost_);
    }
    TASKSCOPE_CHECK(failure_ != nullptr);
    std::rethrow_exception(failure_);
  }

 private:
  template <class F>
  void run(F& function) {
    try {
      if constexpr (std::is_void_v<R>) {
        function(under_.ctx);
        win(Unit());
      } else {
        R result = function(under_.ctx);
        if constexpr (kIsResult<R>) {
          if (!result) return lose(std::move(result));
        }
        win(std::move(result));
      }
    } catch (...) {
      const std::scoped_lock guard(mutex_);
      if (!lost_ && failure_ == nullptr) failure_ = std::current_exception();
    }
  }
  void win(Won<R> result) {
    {
      const std::scoped_lock guard(mutex_);
      if (won_) return;
      won_.emplace(std::move(result));
    }
    under_.cancel(call_.at);
  }
  void lose(Won<R> result) {
    const std::scoped_lock guard(mutex_);
    if (!lost_ && failure_ == nullptr) lost_.emplace(std::move(result));
  }

  // Constant after construction.
  const CallContext& call_;
  const Cancellable<CancelFunc> under_;

  // Guarded by mutex_.
  Mutex mutex_{"first_of"};
  std::optional<Won<R>> won_;
  std::optional<Won<R>> lost_;  // the first failure is this
  std::exception_ptr failure_;  // or this

  WaitGroup group_{"first_of"};
};

template <class... Fs>
using FirstOf = std::common_type_t<std::invoke_result_t<Fs&, const Context&>...>;

}  // namespace patterns

template <class... Fs>
requires(sizeof...(Fs) > 0 && (std::is_invocable_v<Fs&, const Context&> &&
                               ...)) auto first_of(patterns::CallContext context,
                                                   Fs&&... functions) {
  patterns::Race<patterns::FirstOf<Fs...>> race(context);
  (race.start(functions), ...);
  return race.finish();
}

// The same for a number of functions that is known at run time. Panics if there are none.
template <class F>
requires(std::is_invocable_v<F&, const Context&>) auto first_of(patterns::CallContext context,
                                                                std::vector<F> functions) {
  if (functions.empty()) sched::panic("first_of without a function");
  patterns::Race<patterns::FirstOf<F>> race(context);
  for (F& function : functions) race.start(function);
  return race.finish();
}

}  // namespace taskscope
