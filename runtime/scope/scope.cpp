#include "runtime/scope/scope.h"

#include "runtime/sched/fatal.h"

namespace taskscope {
namespace {

Cancellable<CancelFunc> make_context(const Context& parent, const ScopeOptions& options,
                                     const Site& site) {
  return options.timeout ? with_timeout(parent, *options.timeout, site) : with_cancel(parent, site);
}

}  // namespace

Scope::Scope(const Context& parent, const ScopeOptions& options, Site site)
    : site_(site),
      on_error_(options.on_error),
      timed_(options.timeout.has_value()),
      exceptions_at_start_(std::uncaught_exceptions()),
      limit_(options.limit),
      traced_(trace_format::ObjectKind::Scope, site, 0, options.name) {
  auto [context, cancel] = make_context(parent, options, site);
  ctx_ = std::move(context);
  cancel_ = std::move(cancel);
}

Scope::~Scope() noexcept(false) {
  const bool unwinding = std::uncaught_exceptions() > exceptions_at_start_;
  if (unwinding) cancel_(site_);
  join(site_);
  sched::trace_object_end(traced_);
  while (owned_ != nullptr) {
    std::unique_ptr<AnyOwned> last = std::move(owned_);
    owned_ = std::move(last->below);
  }
  // Nobody else is left who could use the fields.
  if (!unwinding && !delivered_ && on_error_ == OnError::CancelAndRethrow && error_) {
    sched::rethrow(error_);
  }
}

void Scope::wait(Site site) {
  join(site);
  sched::TaskError error;
  {
    const base::LockGuard guard(lock_);
    if (on_error_ == OnError::CancelAndRethrow) error = error_;
  }
  if (!error) return;
  delivered_ = true;
  sched::rethrow(error);
}

void Scope::join(const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (running_ == 0) return lock_.unlock();
  sched::Waiter self{.task = sched::current_task_for("scope wait")};
  waiters_.push(self);
  sched::park({.reason = sched::BlockReason::Scope, .object = &traced_, .site = site}, lock_);
}

void Scope::admit(const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (limit_ == 0 || running_ < limit_) {
    ++running_;
    return lock_.unlock();
  }
  sched::Waiter self{.task = sched::current_task_for("scope go")};
  queue_.push(self);
  // The child that ends this wait leaves its place to this one.
  sched::park({.reason = sched::BlockReason::Scope, .object = &traced_, .site = site}, lock_);
}

bool Scope::try_admit() {
  const base::LockGuard guard(lock_);
  if (limit_ != 0 && running_ >= limit_) return false;
  ++running_;
  return true;
}

void Scope::set_limit(std::size_t limit) {
  const base::LockGuard guard(lock_);
  if (running_ != 0) sched::panic("scope limit changed while children run");
  limit_ = limit;
}

void Scope::child_ended(sched::TaskError error) TASKSCOPE_NO_ANALYSIS {
  if (error) fail(std::move(error));
  sched::Waiter* woken = nullptr;
  lock_.lock();
  if (timed_ && running_ == 1 && !error_ && ctx_.err() == ContextErrc::DeadlineExceeded) {
    error_.error = ctx_.cause();
    errors_.push_back(error_.error);
    ++failures_;
  }
  if (sched::Waiter* const next = queue_.pop()) {
    woken = next;
    woken->next = nullptr;
  } else if (--running_ == 0) {
    woken = waiters_.pop_all();
  }
  lock_.unlock();
  // Nothing of the scope may be touched from here on.
  sched::ready_all(woken);
}

void Scope::fail(sched::TaskError error) {
  const std::exception_ptr cause = error.error;
  {
    const base::LockGuard guard(lock_);
    ++failures_;
    if (on_error_ == OnError::Collect) {
      errors_.push_back(cause);
      if (!error_) error_ = std::move(error);
      return;
    }
    // What comes after the first is most often its echo: siblings that were cancelled.
    if (error_) return;
    error_ = std::move(error);
  }
  ctx_.node().get()->canceller()->cancel(context::State::Canceled, cause, site_);
}

std::size_t Scope::failures() const {
  const base::LockGuard guard(lock_);
  return failures_;
}

std::vector<std::exception_ptr> Scope::errors() const {
  const base::LockGuard guard(lock_);
  if (on_error_ == OnError::Collect) return errors_;
  if (!error_) return {};
  return {error_.error};
}

}  // namespace taskscope
