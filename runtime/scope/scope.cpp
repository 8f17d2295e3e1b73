#include "runtime/scope/scope.h"

#include <algorithm>
#include <cstdio>

#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/own_stack.h"
#include "runtime/sched/timer.h"

namespace taskscope {
namespace {

std::optional<TimePoint> deadline_of(const ScopeOptions& options) {
  if (!options.timeout) return options.deadline;
  const TimePoint end(Clock::duration(sched::deadline_after(sched::to_ns(*options.timeout))));
  return options.deadline ? std::min(*options.deadline, end) : end;
}

Cancellable<CancelFunc> make_context(const Context& parent, const ScopeOptions& options,
                                     const Site& site) {
  const std::optional<TimePoint> deadline = deadline_of(options);
  return deadline ? with_deadline(parent, *deadline, site) : with_cancel(parent, site);
}

std::vector<std::exception_ptr> exceptions_of(const std::vector<sched::TaskError>& errors) {
  std::vector<std::exception_ptr> exceptions;
  exceptions.reserve(errors.size());
  for (const sched::TaskError& each : errors) exceptions.push_back(each.error);
  return exceptions;
}

}  // namespace

Scope::Scope(const Context& parent, const ScopeOptions& options, Site site)
    : site_(site),
      on_error_(options.on_error),
      timed_(options.timeout.has_value() || options.deadline.has_value()),
      exceptions_at_start_(std::uncaught_exceptions()),
      limit_(options.limit),
      traced_(trace_format::ObjectKind::Scope, site, 0, options.name) {
  if (!sched::on_own_stack(this)) {
    sched::panic("a scope must stand in a block, on the stack of the task that makes it");
  }
  auto [context, cancel] = make_context(parent, options, site);
  ctx_ = std::move(context);
  cancel_ = std::move(cancel);
}

Scope::~Scope() noexcept(false) {
  const bool unwinding = std::uncaught_exceptions() > exceptions_at_start_;
  if (unwinding) {
    print_collected();
    cancel_(site_);
  }
  join(nullptr, site_);
  sched::trace_object_end(traced_);
  while (owned_ != nullptr) {
    std::unique_ptr<AnyOwned> last = std::move(owned_);
    owned_ = std::move(last->below);
  }
  // Nobody else is left who could use the fields.
  if (unwinding) return;
  if (on_error_ == OnError::CancelAndRethrow) {
    if (!delivered_ && error_) sched::rethrow(error_);
    return;
  }
  const std::vector<sched::TaskError> collected = take_collected();
  if (collected.size() == 1) sched::rethrow(collected.front());
  if (!collected.empty()) throw ScopeErrors(exceptions_of(collected));
}

void Scope::wait(Site site) {
  join(nullptr, site);
  throw_first();
}

bool Scope::wait(const Context& context, Site site) {
  if (!join(context.done_core(), site)) return false;
  throw_first();
  return true;
}

void Scope::throw_first() {
  sched::TaskError error;
  {
    const base::LockGuard guard(lock_);
    if (on_error_ == OnError::CancelAndRethrow) error = error_;
  }
  if (!error) return;
  delivered_ = true;
  sched::rethrow(error);
}

bool Scope::join(channel::DoneChannel done, const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (running_ == 0) {
    lock_.unlock();
    return true;
  }
  sched::Waiter self{.task = sched::current_task_for("scope wait")};
  waiters_.push(self);
  const bool ended = channel::park_unless(
      done, {.reason = sched::BlockReason::Scope, .object = &traced_, .site = site}, lock_,
      waiters_, self);
  if (!ended) {
    lock_.unlock();
    sched::throw_if_unwound();
  }
  return ended;
}

bool Scope::admit(const Starter& starter) TASKSCOPE_NO_ANALYSIS {
  if (starter.done != nullptr && starter.done->closed()) return false;
  lock_.lock();
  if (limit_ == 0 || running_ < limit_) {
    ++running_;
    lock_.unlock();
    return true;
  }
  sched::Waiter self{.task = sched::current_task_for("scope go")};
  queue_.push(self);
  // The child that ends this wait leaves its place to this one.
  const bool admitted = channel::park_unless(
      starter.done,
      {.reason = sched::BlockReason::ScopeLimit, .object = &traced_, .site = starter.site}, lock_,
      queue_, self);
  if (!admitted) {
    lock_.unlock();
    sched::throw_if_unwound();
  }
  return admitted;
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
    errors_.push_back(error_);
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
      errors_.push_back(error);
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

std::vector<std::exception_ptr> Scope::errors() {
  const base::LockGuard guard(lock_);
  if (on_error_ == OnError::Collect) {
    taken_ = errors_.size();
    return exceptions_of(errors_);
  }
  if (!error_) return {};
  return {error_.error};
}

// Those that errors() has not given to anybody.
std::vector<sched::TaskError> Scope::take_collected() {
  const base::LockGuard guard(lock_);
  if (on_error_ != OnError::Collect) return {};
  const auto first = errors_.begin() + static_cast<std::ptrdiff_t>(taken_);
  taken_ = errors_.size();
  return {first, errors_.end()};
}

// Another exception is on its way through the block: these cannot be thrown.
void Scope::print_collected() {
  const std::vector<sched::TaskError> collected = take_collected();
  if (collected.empty()) return;
  std::fprintf(stderr,
               "taskscope: an exception leaves the block of the scope at %s:%u, which had "
               "collected %s\n",
               site_.file, site_.line, ScopeErrors(exceptions_of(collected)).what());
}

}  // namespace taskscope
