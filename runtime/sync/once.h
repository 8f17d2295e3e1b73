// Once: runs a function once, for everyone. Lazy<T>: a value that is made when first asked for.
//
//   ts::Once once;
//   once.run([] { load_tables(); });       // the first caller runs it, the others wait for its end
//
//   ts::Lazy<Config> config("config", [] { return read_config(); });
//   use(config->limit);
//   if (Config* made = config.get(ctx)) use(made->limit);  // null: ctx was done first
//
// After Go's sync.Once, OnceFunc and OnceValue. When run() returns, the function has ended, whoever
// called it. A function that throws has run: its exception goes to the one who ran it (Once), or to
// everyone who asks for the value, each time (Lazy). The function must not ask for its own Once:
// that waits for ever. After the first time the cost is one load.
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/sync/mutex.h"

namespace taskscope {

class Once {
 public:
  // Not explicit, so that it may be left out where a struct with one is initialised.
  Once(Site site = Site::here()) : Once(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit Once(const char* name, Site site = Site::here())
      : traced_(trace_format::ObjectKind::Once, site, 0, name) {}
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  ~Once();

  template <class F>
  void run(F&& function, Site site = Site::here()) {
    // Acquire pairs with the release in finish().
    if (state_.load(std::memory_order_acquire) == kDone) return;
    if (!begin(nullptr, site)) return;
    const Finish finish(*this);
    static_cast<void>(std::forward<F>(function)());
  }
  // The same, but false if `context` is done before the one who runs the function has ended.
  template <channel::Cancellable C, class F>
  [[nodiscard]] bool run(const C& context, F&& function, Site site = Site::here()) {
    if (state_.load(std::memory_order_acquire) == kDone) return true;
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return false;
    if (!begin(done, site)) return state_.load(std::memory_order_acquire) == kDone;
    const Finish finish(*this);
    static_cast<void>(std::forward<F>(function)());
    return true;
  }

  // Whether the function has ended.
  bool done() const { return state_.load(std::memory_order_acquire) == kDone; }

 private:
  static constexpr std::uint32_t kNew = 0;
  static constexpr std::uint32_t kRunning = 1;
  static constexpr std::uint32_t kDone = 2;

  class Finish {
   public:
    explicit Finish(Once& once) : once_(once) {}
    ~Finish() { once_.finish(); }
    Finish(const Finish&) = delete;
    Finish& operator=(const Finish&) = delete;

   private:
    Once& once_;
  };

  // True: the caller is the one who runs the function. False: it has ended, or `done` was first.
  bool begin(channel::DoneChannel done, const Site& site);
  void finish();

  // Atomic: kNew → kRunning → kDone, written under lock_.
  std::atomic<std::uint32_t> state_{kNew};

  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

template <class T>
class Lazy {
 public:
  // `make` runs when the value is first asked for, and is destroyed then.
  explicit Lazy(std::function<T()> make, Site site = Site::here())
      : Lazy(nullptr, std::move(make), site) {}
  // With a name for traces; `name` must live for ever (a literal).
  Lazy(const char* name, std::function<T()> make, Site site = Site::here())
      : once_(name, site), make_(std::move(make)) {}
  Lazy(const Lazy&) = delete;
  Lazy& operator=(const Lazy&) = delete;

  // Makes the value, or waits for the one who does. Throws what `make` threw.
  T& get(Site site = Site::here()) {
    once_.run([this] { make(); }, site);
    return made();
  }
  // The same, but null if `context` is done before somebody else has made it.
  template <channel::Cancellable C>
  [[nodiscard]] T* get(const C& context, Site site = Site::here()) {
    return once_.run(
               context, [this] { make(); }, site)
               ? &made()
               : nullptr;
  }
  T& operator*() { return get(); }
  T* operator->() { return &get(); }

 private:
  void make() {
    const std::function<T()> function = std::exchange(make_, nullptr);
    try {
      value_.emplace(function());
    } catch (...) {
      error_ = std::current_exception();
    }
  }
  T& made() {
    if (error_ != nullptr) std::rethrow_exception(error_);
    return *value_;
  }

  Once once_;
  // Written by the one who runs; read after the once.
  std::function<T()> make_;
  std::optional<T> value_;
  std::exception_ptr error_;
};

}  // namespace taskscope
