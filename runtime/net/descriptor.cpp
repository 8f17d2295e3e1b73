#include "runtime/net/descriptor.h"

#include <cctype>
#include <system_error>

#include "runtime/base/check.h"
#include "runtime/channel/selection.h"
#include "runtime/sched/park.h"
#include "runtime/sched/poller.h"

namespace taskscope::net {

Descriptor* Descriptor::make(base::UniqueFd fd, std::string name, const DescriptorOptions& options,
                             const base::Site& made_at) {
  return new Descriptor(std::move(fd), std::move(name), options, made_at);
}

Descriptor::Descriptor(base::UniqueFd fd, std::string name, const DescriptorOptions& options,
                       const base::Site& made_at)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      poll_(sched::current_poller().acquire(fd_.get())),
      run_(sched::current_run()),
      reason_(options.reason),
      traced_(options.kind, made_at, 0, name_.c_str()) {}

Descriptor::~Descriptor() {
  // The last handle: nobody operates on it.
  if (!closed()) {
    state_.fetch_or(kClosed, std::memory_order_relaxed);
    drop_parties(1);
  }
  sched::trace_object_end(traced_);
}

// ---- Taking turns ------------------------------------------------------------------------------

// The lock passes to whoever runs next, which the analysis cannot follow.
PollResult Descriptor::begin_slowly(PollMode mode, const Caller& caller) TASKSCOPE_NO_ANALYSIS {
  if (run_ != sched::current_run() || closed()) return PollResult::Closed;
  base::Lock& lock = poll_->lock();
  lock.lock();
  std::uint32_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    // Perhaps the last one has left already, and the lock is another descriptor's: no matter.
    if ((state & kClosed) != 0) {
      lock.unlock();
      return PollResult::Closed;
    }
    const bool free = (state & busy(mode)) == 0;
    const std::uint32_t next = free ? (state | busy(mode)) + kParty : state | queued(mode);
    if (!state_.compare_exchange_weak(state, next, std::memory_order_acquire,
                                      std::memory_order_relaxed)) {
      continue;
    }
    if (!free) break;
    lock.unlock();
    return PollResult::Ready;
  }
  sched::Waiter self{.task = sched::current_task_for("network operation")};
  waiters_[index(mode)].push(self);
  if (!channel::park_unless(caller.done, spec(caller), lock, waiters_[index(mode)], self)) {
    if (waiters_[index(mode)].empty()) state_.fetch_and(~queued(mode), std::memory_order_relaxed);
    lock.unlock();
    return PollResult::Cancelled;
  }
  return self.success ? PollResult::Ready : PollResult::Closed;
}

void Descriptor::end_slowly(PollMode mode) TASKSCOPE_NO_ANALYSIS {
  base::Lock& lock = poll_->lock();
  lock.lock();
  sched::Waiter* const heir = waiters_[index(mode)].pop();
  if (heir != nullptr) {
    // Direction and party are handed over as they are.
    heir->success = true;
    if (waiters_[index(mode)].empty()) state_.fetch_and(~queued(mode), std::memory_order_relaxed);
  } else {
    state_.fetch_and(~(busy(mode) | queued(mode)), std::memory_order_release);
  }
  lock.unlock();
  if (heir != nullptr) {
    sched::ready(heir->task);
  } else {
    drop_parties(1);
  }
}

bool Descriptor::add_party() {
  std::uint32_t state = state_.load(std::memory_order_relaxed);
  do {
    if ((state & kClosed) != 0) return false;
  } while (!state_.compare_exchange_weak(state, state + kParty, std::memory_order_acquire,
                                         std::memory_order_relaxed));
  return true;
}

void Descriptor::drop_parties(std::uint32_t count) {
  // Acq_rel: what all parties did comes before the close.
  const std::uint32_t before = state_.fetch_sub(count * kParty, std::memory_order_acq_rel);
  if (before / kParty == count) destroy();
}

PollResult Descriptor::wait(PollMode mode, const Caller& caller) TASKSCOPE_NO_ANALYSIS {
  PollResult result = PollResult::Ready;
  sched::Waiter self{.task = sched::current_task_for("network operation")};
  if (!poll_->begin_wait(mode, self, result)) return result;
  if (!channel::park_unless(caller.done, spec(caller), poll_->lock(), poll_->queue(mode), self)) {
    poll_->lock().unlock();
    result = PollResult::Cancelled;
  }
  poll_->end_wait();
  return result;
}

void Descriptor::set_deadline(PollMode mode, std::int64_t deadline_ns) {
  if (run_ != sched::current_run() || !add_party()) return;
  poll_->set_deadline(mode, deadline_ns);
  drop_parties(1);
}

// ---- Closing -----------------------------------------------------------------------------------

bool Descriptor::close(const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  if (run_ != sched::current_run()) {
    // The poller that knew of it is gone, and so are all who could wait.
    if ((state_.fetch_or(kClosed, std::memory_order_acq_rel) & kClosed) != 0) return false;
    drop_parties(1);
    return true;
  }
  if (closed()) return false;
  base::Lock& lock = poll_->lock();
  lock.lock();
  // Release pairs with the acquire in closed().
  if ((state_.fetch_or(kClosed, std::memory_order_acq_rel) & kClosed) != 0) {
    lock.unlock();
    return false;
  }
  sched::Waiter* const readers = waiters_[index(PollMode::Read)].pop_all();
  sched::Waiter* const writers = waiters_[index(PollMode::Write)].pop_all();
  state_.fetch_and(~(queued(PollMode::Read) | queued(PollMode::Write)), std::memory_order_relaxed);
  lock.unlock();
  sched::trace_close(traced_, site);
  sched::ready_all(readers);
  sched::ready_all(writers);
  poll_->close();
  wait_until_gone(site);
  return true;
}

void Descriptor::wait_until_gone(const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  sched::Task* const task = sched::current_task();
  base::Lock& lock = poll_->lock();
  lock.lock();
  // Under the lock, so that what is destroyed in between by the last operation finds the closer.
  const std::uint32_t before = state_.fetch_sub(kParty, std::memory_order_acq_rel);
  if (before / kParty == 1 || task == nullptr) {
    lock.unlock();
    if (before / kParty == 1) destroy();
    return;
  }
  sched::Waiter self{.task = task};
  closers_.push(self);
  sched::park({.reason = reason_, .object = &traced_, .site = site}, lock);
}

base::UniqueFd Descriptor::take_fd() {
  TASKSCOPE_CHECK(state_.exchange(kClosed, std::memory_order_acq_rel) == kParty);
  sched::Poller& poller = poll_->poller();
  poller.retire(poll_);
  poller.release(poll_);
  return std::move(fd_);
}

void Descriptor::destroy() TASKSCOPE_NO_ANALYSIS {
  if (run_ != sched::current_run()) {
    fd_.reset();
    return;
  }
  sched::Poller& poller = poll_->poller();
  poller.retire(poll_);
  fd_.reset();
  poll_->lock().lock();
  sched::Waiter* const closers = closers_.pop_all();
  poll_->lock().unlock();
  poller.release(poll_);
  sched::ready_all(closers);
}

// ---- Messages ----------------------------------------------------------------------------------

Error os_failure(int error, std::string_view verb, std::string_view name) {
  // "Connection reset by peer" in the middle of a sentence.
  std::string what = std::generic_category().message(error);
  if (what.size() > 1 && std::islower(static_cast<unsigned char>(what[1])) != 0) {
    what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
  }
  Error result{.os_error = error};
  result.message.append(verb).append(" ").append(name).append(": ").append(what);
  if (error == EMFILE) result.message += "; raise the limit on descriptors (ulimit -n)";
  if (error == ETIMEDOUT) result.kind = ErrorKind::Timeout;
  return result;
}

Error to_error(const Attempt& attempt, std::string_view verb, std::string_view name) {
  Error result;
  std::string_view what;
  switch (attempt.result) {
    case PollResult::Ready:
      return os_failure(attempt.error, verb, name);
    case PollResult::Failed:
      return os_failure(attempt.error, "wait to " + std::string(verb), name);
    case PollResult::Closed:
      result.kind = ErrorKind::Closed;
      what = "closed by this program";
      break;
    case PollResult::TimedOut:
      result.kind = ErrorKind::Timeout;
      what = "the deadline has passed";
      break;
    case PollResult::Cancelled:
      result.kind = attempt.context->error().kind;
      what = result.kind == ErrorKind::Timeout ? "its context's deadline has passed"
                                               : "cancelled by its context";
      break;
  }
  result.message.append(verb).append(" ").append(name).append(": ").append(what);
  return result;
}

}  // namespace taskscope::net
