// parallel_for: calls a function for 0, 1, … count-1 with a bounded number of tasks.
//
//   ts::parallel_for(pixels.size(), [&](std::size_t i) { pixels[i] = shade(i); });
//
//   if (!ts::parallel_for(ctx, urls.size(), {.tasks_max = 8},
//                         [&](const ts::Context& ctx, std::size_t i) { fetch(ctx, urls[i]); })) {
//     …  // ctx was done before all were
//   }
//
// The indices are dealt out in chunks, in order, to whoever has nothing to do; the caller works,
// too, so that a small job costs little more than a loop. Returns when no call is running any more.
// The first exception stops the rest: no call begins after it, the context that the functions see
// is cancelled, and it is thrown to the caller. For tasks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"

namespace taskscope {

struct ParallelOptions {
  // Tasks at work at once, the caller included; 0: as many as the run has workers. More of them
  // than workers make sense for functions that wait.
  std::size_t tasks_max = 0;
  // Indices that are taken at once; 0: so many that each task comes back about 16 times.
  std::size_t chunk = 0;
};

namespace patterns {

// One parallel_for while it runs. On the caller's stack.
class ParallelRun {
 public:
  ParallelRun(const Context& context, std::size_t count, const ParallelOptions& options);
  ParallelRun(const ParallelRun&) = delete;
  ParallelRun& operator=(const ParallelRun&) = delete;

  // `call(body, context, begin, end)` for chunk after chunk. False if the context was done first.
  using Call = bool (*)(void* body, ParallelRun& run, std::size_t begin, std::size_t end);
  bool run(Call call, void* body, const base::Site& site);

  const Context& context() const { return under_ ? under_->ctx : context_; }
  // Makes the functions' context one of its own.
  void make_cancellable(const base::Site& site) { under_.emplace(with_cancel(context_, site)); }
  bool go_on() const { return !failed_.load(std::memory_order_relaxed) && !context_.err(); }

 private:
  void work(Call call, void* body);
  void fail(std::exception_ptr failure);
  [[noreturn]] void throw_failure();

  // Constant after construction (and make_cancellable).
  const Context& context_;
  std::optional<Cancellable<CancelFunc>> under_;
  const std::size_t count_;
  std::size_t tasks_;
  std::size_t chunk_;

  // Guarded by lock_.
  base::Lock lock_;
  std::exception_ptr failure_ TASKSCOPE_GUARDED_BY(lock_);

  // Atomic: the next index to be dealt out, and those that were called to the end; joined by the
  // wait for the tasks.
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> done_{0};
  // Atomic: no further call begins; relaxed, because a call more does no harm.
  std::atomic<bool> failed_{false};
};

template <class F>
inline constexpr bool kTakesContext = std::is_invocable_v<F&, const Context&, std::size_t>;
template <class F>
concept IndexFunction = kTakesContext<F> || std::is_invocable_v<F&, std::size_t>;

template <class F>
bool parallel_for(const Context& context, std::size_t count, const ParallelOptions& options,
                  F& function, const base::Site& site) {
  ParallelRun run(context, count, options);
  if constexpr (kTakesContext<F>) run.make_cancellable(site);
  return run.run(
      [](void* body, ParallelRun& self, std::size_t begin, std::size_t end) {
        F& call = *static_cast<F*>(body);
        for (std::size_t i = begin; i < end; ++i) {
          if (!self.go_on()) return false;
          if constexpr (kTakesContext<F>) {
            call(self.context(), i);
          } else {
            call(i);
          }
        }
        return true;
      },
      const_cast<void*>(static_cast<const volatile void*>(&function)), site);
}

}  // namespace patterns

// False if `context` was done before every call had been made.
template <class F>
requires(patterns::IndexFunction<F>)
    [[nodiscard]] bool parallel_for(const Context& context, std::size_t count,
                                    const ParallelOptions& options, F&& function,
                                    Site site = Site::here()) {
  return patterns::parallel_for(context, count, options, function, site);
}
template <class F>
requires(patterns::IndexFunction<F>)
    [[nodiscard]] bool parallel_for(const Context& context, std::size_t count, F&& function,
                                    Site site = Site::here()) {
  return patterns::parallel_for(context, count, {}, function, site);
}
template <class F>
requires(patterns::IndexFunction<F>) void parallel_for(std::size_t count,
                                                       const ParallelOptions& options, F&& function,
                                                       Site site = Site::here()) {
  static_cast<void>(patterns::parallel_for(background(), count, options, function, site));
}
template <class F>
requires(patterns::IndexFunction<F>) void parallel_for(std::size_t count, F&& function,
                                                       Site site = Site::here()) {
  static_cast<void>(patterns::parallel_for(background(), count, {}, function, site));
}

}  // namespace taskscope
