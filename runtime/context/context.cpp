#include "runtime/context/context.h"

#include "runtime/sched/fatal.h"
#include "runtime/sched/park.h"

namespace taskscope {
namespace {

std::error_code to_error(context::State state) {
  switch (state) {
    case context::State::Live:
      return {};
    case context::State::Canceled:
      return ContextErrc::Canceled;
    case context::State::DeadlineExceeded:
      break;
  }
  return ContextErrc::DeadlineExceeded;
}

}  // namespace

Receiver<Unit> Context::done() const {
  channel::ChanCore* const core = done_core();
  if (core == nullptr) return {};
  core->add_reference();
  return Receiver<Unit>(channel::ReceiverRef(core));
}

std::error_code Context::err() const {
  const context::CancelNode* const node = canceller();
  return node == nullptr ? std::error_code() : to_error(node->settled_state());
}

std::exception_ptr Context::cause() const {
  const context::CancelNode* const node = canceller();
  if (node == nullptr) return nullptr;
  const context::State state = node->settled_state();
  if (state == context::State::Live) return nullptr;
  if (node->cause() != nullptr) return node->cause();
  return std::make_exception_ptr(ContextError(
      state == context::State::Canceled ? ContextErrc::Canceled : ContextErrc::DeadlineExceeded));
}

void Context::throw_if_done() const {
  if (std::exception_ptr why = cause()) std::rethrow_exception(std::move(why));
}

std::optional<TimePoint> Context::deadline() const {
  const context::CancelNode* const node = canceller();
  if (node == nullptr || node->deadline_ns() == context::CancelNode::kNever) return std::nullopt;
  return TimePoint(Clock::duration(node->deadline_ns()));
}

Error Context::error() const {
  const std::error_code reason = err();
  const bool late = reason == ContextErrc::DeadlineExceeded;
  return {.message = reason.message(), .kind = late ? ErrorKind::Timeout : ErrorKind::Cancelled};
}

channel::ChanCore* Context::done_core() const {
  context::CancelNode* const node = canceller();
  return node == nullptr ? nullptr : node->done_core();
}

const void* Context::find_value(const void* key) const {
  for (const context::Node* node = node_.get(); node != nullptr; node = node->parent()) {
    if (const void* const value = node->value(key)) return value;
  }
  return nullptr;
}

// ---- Making and ending --------------------------------------------------------------------------

namespace {

// One reference for the handle, one for the cancel function.
constexpr std::uint32_t kReferences = 2;

template <class Cancel>
Cancellable<Cancel> make_cancel(const Context& parent, const Site& site) {
  auto* const node =
      new context::CancelNode(parent.node().get(), kReferences, context::CancelNode::kNever, site);
  node->join_parent(site);
  return {Context(context::NodeRef(node)), Cancel(context::NodeRef(node), site)};
}

// With a deadline that is over at `now_ns` or not.
Cancellable<CancelFunc> make_deadline(const Context& parent, std::int64_t deadline_ns,
                                      std::int64_t now_ns, std::exception_ptr cause,
                                      const Site& site) {
  context::Node* const above = parent.node().get();
  if (above != nullptr && above->canceller() != nullptr &&
      above->canceller()->deadline_ns() < deadline_ns) {
    return make_cancel<CancelFunc>(parent, site);
  }
  if (deadline_ns <= now_ns) {
    auto* const node = new context::CancelNode(above, kReferences, deadline_ns, site);
    node->join_parent(site);  // a parent that is done already says why
    node->cancel(context::State::DeadlineExceeded, cause, site);
    return {Context(context::NodeRef(node)), CancelFunc(context::NodeRef(node), site)};
  }
  auto* const node =
      new context::DeadlineNode(above, kReferences, deadline_ns, std::move(cause), site);
  node->start();
  node->join_parent(site);
  return {Context(context::NodeRef(node)), CancelFunc(context::NodeRef(node), site)};
}

}  // namespace

Cancellable<CancelFunc> with_cancel(const Context& parent, Site site) {
  return make_cancel<CancelFunc>(parent, site);
}

Cancellable<CancelCauseFunc> with_cancel_cause(const Context& parent, Site site) {
  return make_cancel<CancelCauseFunc>(parent, site);
}

Cancellable<CancelFunc> with_deadline(const Context& parent, TimePoint deadline, Site site) {
  return with_deadline_cause(parent, deadline, nullptr, site);
}

Cancellable<CancelFunc> with_deadline_cause(const Context& parent, TimePoint deadline,
                                            std::exception_ptr cause, Site site) {
  return make_deadline(parent, deadline.time_since_epoch().count(), sched::now_ns(),
                       std::move(cause), site);
}

Cancellable<CancelFunc> context::with_timeout(const Context& parent, std::int64_t timeout_ns,
                                              std::exception_ptr cause, const base::Site& site) {
  const std::int64_t now_ns = sched::now_ns();
  return make_deadline(parent, sched::deadline_after(timeout_ns, now_ns), now_ns, std::move(cause),
                       site);
}

Context without_cancel(const Context& parent) {
  return Context(context::NodeRef(new context::DetachedNode(parent.node().get())));
}

CancelFunc& CancelFunc::operator=(CancelFunc&& other) noexcept {
  if (this == &other) return *this;
  cancel(nullptr, site_);
  node_ = std::move(other.node_);
  site_ = other.site_;
  return *this;
}

CancelFunc::~CancelFunc() { cancel(nullptr, site_); }

void CancelFunc::cancel(const std::exception_ptr& cause, const Site& site) const {
  if (node_.get() == nullptr) return;
  context::CancelNode& node = *node_.get()->canceller();
  if (node.state() != context::State::Live) return;
  node.cancel(context::State::Canceled, cause, site);
}

// ---- Functions and sleeping ---------------------------------------------------------------------

StopFunc context::add_function(const Context& context, FunctionHook* hook) {
  CancelNode* const node =
      context.node().get() == nullptr ? nullptr : context.node().get()->canceller();
  if (node == nullptr) {
    // Never runs: there is only the stopping to keep account of.
    hook->linked.store(true, std::memory_order_relaxed);
    return {context, hook};
  }
  hook->add_reference();  // the list's, or the task's
  if (!node->link(*hook)) hook->start();
  return {context, hook};
}

StopFunc& StopFunc::operator=(StopFunc&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(hook_, other.hook_);
  return *this;
}

StopFunc::~StopFunc() {
  if (hook_ != nullptr) hook_->drop_reference();
}

bool StopFunc::operator()() const {
  if (hook_ == nullptr) return false;
  context::CancelNode* const node =
      context_.node().get() == nullptr ? nullptr : context_.node().get()->canceller();
  if (node == nullptr) return hook_->linked.exchange(false, std::memory_order_relaxed);
  if (!node->unlink(*hook_)) return false;
  hook_->drop_reference();  // the list's
  return true;
}

bool context::sleep_for(const Context& context, std::int64_t duration_ns,
                        const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  CancelNode* const node =
      context.node().get() == nullptr ? nullptr : context.node().get()->canceller();
  if (node == nullptr) {
    sched::sleep_for(duration_ns, site);
    return true;
  }
  if (node->state() != State::Live) return false;
  if (duration_ns <= 0) {
    sched::yield();
    return true;
  }
  SleeperHook sleeper;
  sleeper.task = sched::current_task_for("ts::sleep");
  if (!node->link(sleeper)) return false;
  sched::start_timer(sleeper, sched::deadline_after(duration_ns));
  sleeper.park(site);
  // Whoever ended the sleep is done with the frame after these two.
  sched::stop_timer(sleeper);
  node->unlink(sleeper);
  return !sleeper.canceled;
}

}  // namespace taskscope
