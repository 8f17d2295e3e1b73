// Descriptor: an operating system's descriptor that several tasks use at once, and that one of them
// may close under the others.
//
// What sockets, pipes and processes are built from. It is non-blocking: an operation is tried
// first, and its task waits in the poller only when the try says EAGAIN. Operations of one
// direction take turns, first come, first served; reading and writing go on side by side. close()
// ends them all with an error and returns when the last has left, so that the descriptor is really
// gone then.
//
// Owned by counted handles (DescriptorRef), which may outlive the run; everything is closed then.
// Any task may call, and any other thread what cannot wait, as long as the run lasts.
//
// state_ is flags and, above them, the number of parties that need the descriptor open: the
// operations under way, and one for as long as close() has not been called.
//
// Invariants:
//   1. kQueued… changes under the lock only, and exactly while waiters_ of that direction is not
//   empty.
//   2. The descriptor is closed by whoever takes the number of parties to zero.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/os_error.h"
#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/base/unique_fd.h"
#include "runtime/channel/chan_core.h"
#include "runtime/context/context.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/poll_desc.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::net {

using sched::PollMode;
using sched::PollResult;

struct DescriptorOptions {
  trace_format::ObjectKind kind = trace_format::ObjectKind::Socket;
  trace_format::BlockReason reason = trace_format::BlockReason::Network;
};

// Who operates, and what makes it give up.
struct Caller {
  base::Site site;
  const Context* context = nullptr;  // null: nothing does
  channel::DoneChannel done = context == nullptr ? nullptr : context->done_core();
};

// What became of an operation.
struct Attempt {
  PollResult result = PollResult::Ready;  // of the last wait; Ready: the try itself has the answer
  int error = 0;                          // errno of the try, or of a wait that failed
  std::int64_t value = 0;                 // what it returned; never negative
  const Context* context = nullptr;       // the caller's, which says why it is Cancelled

  bool ok() const { return result == PollResult::Ready && error == 0; }
};

class Descriptor {
 public:
  // One reference, the caller's. `fd` must not block; `name` is for traces and messages:
  // "tcp 127.0.0.1:80->127.0.0.1:4242". REQUIRES: a run is active.
  static Descriptor* make(base::UniqueFd fd, std::string name, const DescriptorOptions& options,
                          const base::Site& made_at);
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() {
    // Release: this handle's uses; acquire: all others' before the destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

  // Calls `attempt(fd)`, a system call that returns -1 and errno, until it need not wait.
  template <class F>
  Attempt perform(PollMode mode, const Caller& caller, F&& attempt) {
    Attempt outcome{.context = caller.context};
    // A context that is done wins over everything else.
    if (caller.done != nullptr && caller.done->closed()) {
      outcome.result = PollResult::Cancelled;
      return outcome;
    }
    outcome.result = begin(mode, caller);
    if (outcome.result != PollResult::Ready) return outcome;
    for (;;) {
      if (!poll_->prepare(mode)) {
        outcome.result = PollResult::TimedOut;
        break;
      }
      outcome.value = call(attempt, fd_.get());
      if (outcome.value >= 0) break;
      const int error = static_cast<int>(-std::exchange(outcome.value, 0));
      if (error == EINTR) continue;
      if (error != EAGAIN) {
        outcome.error = error;
        break;
      }
      outcome.result = wait(mode, caller);
      if (outcome.result != PollResult::Ready) break;
    }
    end(mode);
    if (outcome.result == PollResult::Failed) outcome.error = poll_->failure();
    return outcome;
  }

  // Calls `use(fd)` once, at any time besides the operations: options, addresses, shutdown.
  // PollResult::Closed if it is closed.
  template <class F>
  Attempt with_fd(F&& use) {
    if (!add_party()) return {.result = PollResult::Closed};
    Attempt outcome{.value = call(use, fd_.get())};
    if (outcome.value < 0) outcome.error = static_cast<int>(-std::exchange(outcome.value, 0));
    drop_parties(1);
    return outcome;
  }

  // Operations of that direction end with PollResult::TimedOut from then on; PollDesc::kNoDeadline:
  // never.
  void set_deadline(PollMode mode, std::int64_t deadline_ns);

  // Ends all operations with PollResult::Closed. A task waits until the last of them has left.
  // False if it was closed before.
  bool close(const base::Site& site);
  // Closes it, but for the operating system's descriptor. REQUIRES: open; no other task uses it.
  base::UniqueFd take_fd();
  bool closed() const { return (state_.load(std::memory_order_acquire) & kClosed) != 0; }

  const std::string& name() const { return name_; }

 private:
  static constexpr std::uint32_t kClosed = 1;
  static constexpr std::uint32_t kBusy = 2;    // shifted by the direction: reading, writing
  static constexpr std::uint32_t kQueued = 8;  // likewise: others wait for their turn
  static constexpr std::uint32_t kParty = 32;

  static std::size_t index(PollMode mode) { return static_cast<std::size_t>(mode); }
  static std::uint32_t busy(PollMode mode) { return kBusy << index(mode); }
  static std::uint32_t queued(PollMode mode) { return kQueued << index(mode); }

  Descriptor(base::UniqueFd fd, std::string name, const DescriptorOptions& options,
             const base::Site& made_at);
  ~Descriptor();

  // What `f` returns, or the negative errno. Never inlined: a task may come back on another thread
  // than it left, and a compiler that sees two uses of errno takes its address only once.
  template <class F>
  [[gnu::noinline]] static std::int64_t call(F& f, int fd) {
    const std::int64_t value = f(fd);
    return value >= 0 ? value : -std::int64_t{base::os_error()};
  }

  PollResult begin(PollMode mode, const Caller& caller) {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    // Acquire pairs with the release in end(): operations of one direction come one after another.
    if ((state & (kClosed | busy(mode))) == 0 && run_ == sched::current_run() &&
        state_.compare_exchange_strong(state, (state | busy(mode)) + kParty,
                                       std::memory_order_acquire, std::memory_order_relaxed))
        [[likely]] {
      return PollResult::Ready;
    }
    return begin_slowly(mode, caller);
  }
  void end(PollMode mode) {
    std::uint32_t state = state_.load(std::memory_order_relaxed);
    if ((state & (kClosed | queued(mode))) == 0 &&
        state_.compare_exchange_strong(state, (state & ~busy(mode)) - kParty,
                                       std::memory_order_release, std::memory_order_relaxed))
        [[likely]] {
      return;
    }
    end_slowly(mode);
  }
  PollResult begin_slowly(PollMode mode, const Caller& caller);
  void end_slowly(PollMode mode);
  PollResult wait(PollMode mode, const Caller& caller);
  sched::WaitSpec spec(const Caller& caller) {
    return {.reason = reason_, .object = &traced_, .site = caller.site};
  }
  bool add_party();
  void drop_parties(std::uint32_t count);
  // Gives up the caller's party, and waits for the others if it can.
  void wait_until_gone(const base::Site& site);
  void destroy();

  // Constant after construction, but for the closing of fd_.
  base::UniqueFd fd_;
  const std::string name_;
  sched::PollDesc* poll_;
  const std::uint32_t run_;
  const trace_format::BlockReason reason_;

  // Guarded by poll_'s lock.
  sched::WaitQueue waiters_[2];
  sched::WaitQueue closers_;
  instrument::TracedObject traced_;

  // Atomic: see above.
  std::atomic<std::uint32_t> state_{kParty};
  std::atomic<std::uint32_t> references_{1};
};

// A counted reference; may be null.
class DescriptorRef {
 public:
  DescriptorRef() = default;
  explicit DescriptorRef(Descriptor* descriptor) : descriptor_(descriptor) {}  // takes it over
  DescriptorRef(const DescriptorRef& other) : descriptor_(other.descriptor_) {
    if (descriptor_ != nullptr) descriptor_->add_reference();
  }
  DescriptorRef(DescriptorRef&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  DescriptorRef& operator=(DescriptorRef other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~DescriptorRef() {
    if (descriptor_ != nullptr) descriptor_->drop_reference();
  }
  Descriptor* operator->() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ != nullptr; }

 private:
  Descriptor* descriptor_ = nullptr;
};

// "VERB NAME: what happened", of an attempt that is not ok(). One that its context has ended is of
// the kind that the context says, Timeout or Cancelled.
Error to_error(const Attempt& attempt, std::string_view verb, std::string_view name);
// The same of an errno alone.
Error os_failure(int error, std::string_view verb, std::string_view name);

}  // namespace taskscope::net
