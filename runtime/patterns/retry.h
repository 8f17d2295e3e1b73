// ts::retry: calls a function until it succeeds, waiting longer after each failure.
//
//   const Reply reply = ts::retry(ctx, {.attempts_max = 5}, [&] { return server.ask(question); });
//
// A function fails by an exception, or, if it returns a Result<T>, by one without a value (then
// exceptions pass through). It may take a ts::Attempt& that says which attempt it is; with stop()
// the function says that another one is of no use:
//
//   ts::Result<Page> page = ts::retry(ctx, {}, [&](ts::Attempt& attempt) -> ts::Result<Page> {
//     ts::Result<Page> got = fetch(url);
//     if (!got && got.error().os_error == ENOENT) attempt.stop();
//     if (attempt.number() > 1) log(attempt.stopped() ? "for the last time" : "again");
//     return got;
//   });
//
// What ends it, if nothing succeeds: attempts_max, stop(), a ts::Panic (a bug does not go away), or
// the context, at once if the next attempt would come after its deadline. The outcome is that of
// the last attempt; if the context was done before the first one, the context's cause() is thrown,
// or its error returned. For tasks.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/patterns/backoff.h"
#include "runtime/patterns/failure.h"
#include "runtime/sched/fatal.h"

namespace taskscope {

struct RetryOptions {
  std::uint32_t attempts_max = 0;  // 0: as long as the context lives
  BackoffOptions backoff;
};

namespace patterns {
class Retrying;
}

// What a function knows of the attempt that it is.
class Attempt {
 public:
  Attempt() = default;
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;

  // If this attempt fails, it is the last.
  void stop() { stopped_ = true; }

  std::uint32_t number() const { return number_; }  // from 1
  bool stopped() const { return stopped_; }

 private:
  friend class patterns::Retrying;

  std::uint32_t number_ = 1;
  bool stopped_ = false;
};

namespace patterns {

// The state of one ts::retry.
class Retrying {
 public:
  Retrying(const Context& context, const RetryOptions& options, const Site& site)
      : context_(context), options_(options), site_(site), backoff_(options.backoff) {}

  // After a failure: waits for the next attempt. False: there is none.
  [[nodiscard]] bool again();
  Attempt& attempt() { return attempt_; }

 private:
  const Context& context_;
  const RetryOptions& options_;
  const Site site_;
  Backoff backoff_;
  Attempt attempt_;
};

template <class F>
decltype(auto) call_attempt(F& function, Attempt& attempt) {
  if constexpr (std::is_invocable_v<F&, Attempt&>) {
    return function(attempt);
  } else {
    return function();
  }
}

}  // namespace patterns

template <class F>
requires(std::is_invocable_v<F&, Attempt&> ||
         std::is_invocable_v<F&>) auto retry(const Context& context, const RetryOptions& options,
                                             F&& function, Site site = Site::here()) {
  using Outcome = decltype(patterns::call_attempt(function, std::declval<Attempt&>()));
  patterns::Retrying retrying(context, options, site);
  if constexpr (patterns::kIsResult<Outcome>) {
    if (context.err()) return Outcome(patterns::done_error(context, "retry"));
    for (;;) {
      Outcome outcome = patterns::call_attempt(function, retrying.attempt());
      if (outcome || !retrying.again()) return outcome;
    }
  } else {
    context.throw_if_done();
    for (;;) {
      try {
        return patterns::call_attempt(function, retrying.attempt());
      } catch (const sched::Panic&) {
        throw;
      } catch (...) {
        if (!retrying.again()) throw;
      }
    }
  }
}

}  // namespace taskscope
