#include "runtime/context/node.h"

#include <sched.h>

#include <utility>

#include "runtime/base/spin.h"
#include "runtime/channel/chan.h"
#include "runtime/context/unit.h"
#include "runtime/sched/go.h"
#include "runtime/sched/park.h"

namespace taskscope::context {

// ---- Node ---------------------------------------------------------------------------------------

bool Node::try_reference() {
  std::uint32_t references = references_.load(std::memory_order_relaxed);
  while (references != 0) {
    if (references_.compare_exchange_weak(references, references + 1, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

// A loop, because chains of contexts may be longer than a task's stack is deep.
void Node::destroy(Node* node) {
  do {
    Node* const parent = node->parent_;
    delete node;
    node = parent;
  } while (node != nullptr && node->references_.fetch_sub(1, std::memory_order_acq_rel) == 1);
}

// ---- Hooks --------------------------------------------------------------------------------------

void FunctionHook::start() {
  if (sched::current_run() == 0) return drop_reference();
  sched::spawn(
      {},
      [this] {
        run();
        drop_reference();
      },
      site_);
}

constexpr sched::TimerType SleeperHook::kType{
    .fire =
        [](sched::Timer& timer) {
          auto& self = static_cast<SleeperHook&>(timer);
          if (self.end(false)) sched::ready(self.task);
        },
    .kind = trace_format::TimerKind::Sleep,
    .origin =
        [](sched::Timer& timer) {
          return sched::TimerOrigin{.task = static_cast<SleeperHook&>(timer).task->id};
        }};

bool SleeperHook::end(bool by_cancellation) {
  const base::LockGuard guard(lock);
  if (over) return false;
  over = true;
  canceled = by_cancellation;
  return parked;
}

void SleeperHook::park(const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  lock.lock();
  if (over) return lock.unlock();
  parked = true;
  sched::park({.reason = sched::BlockReason::Sleep, .object = nullptr, .site = site}, lock);
}

// What one cancellation still has to reach: hooks that are in no list any more, each with a
// reference, and sleeping tasks.
class Worklist {
 public:
  // REQUIRES: the lock of the node whose list `hook` was in.
  void take(Hook& hook) {
    if (hook.kind == Hook::Kind::Sleeper) {
      // Its frame is valid until it has unlinked itself, which needs that lock.
      auto& sleeper = static_cast<SleeperHook&>(hook);
      if (sleeper.end(true)) {
        sleeper.task->link = tasks_;
        tasks_ = sleeper.task;
      }
    } else if (hook.kind == Hook::Kind::Function ||
               static_cast<CancelNode&>(hook).try_reference()) {
      hook.next = hooks_;
      hooks_ = &hook;
    }
    // Release pairs with the acquire in ~CancelNode: a child that had no reference left may go now.
    hook.linked.store(false, std::memory_order_release);
  }
  Hook* pop() {
    Hook* const hook = hooks_;
    if (hook != nullptr) hooks_ = hook->next;
    return hook;
  }
  void wake_sleepers() {
    while (sched::Task* const task = tasks_) {
      tasks_ = task->link;
      sched::ready(task);
    }
  }

 private:
  Hook* hooks_ = nullptr;
  sched::Task* tasks_ = nullptr;
};

// ---- CancelNode ---------------------------------------------------------------------------------

CancelNode::CancelNode(Node* parent, std::uint32_t references, std::int64_t deadline_ns,
                       const base::Site& site)
    : Node(parent, this, references), Hook(Kind::Child), deadline_ns_(deadline_ns), made_at_(site) {
  if (const CancelNode* const canceller = above()) {
    if (canceller->deadline_ns_ < deadline_ns_) deadline_ns_ = canceller->deadline_ns_;
  }
}

CancelNode::~CancelNode() {
  if (linked.load(std::memory_order_acquire)) above()->unlink(*this);
  // Functions that have not run never will: nobody is left who could cancel or stop them.
  while (Hook* const hook = hooks_) {
    hooks_ = hook->next;
    hook->linked.store(false, std::memory_order_relaxed);
    static_cast<FunctionHook*>(hook)->drop_reference();
  }
  if (channel::ChanCore* const core = done_.load(std::memory_order_relaxed)) {
    core->drop_reference(sched::ChannelEnd::Both);
  }
}

CancelNode* CancelNode::above() const {
  return parent() == nullptr ? nullptr : parent()->canceller();
}

void CancelNode::join_parent(const base::Site& site) {
  CancelNode* const canceller = above();
  if (canceller == nullptr || canceller->link(*this)) return;
  cancel(canceller->state(), canceller->cause(), site);
}

void CancelNode::cancel(State state, const std::exception_ptr& cause, const base::Site& site) {
  Worklist work;
  if (!finish(state, cause, site, work)) return;
  if (linked.load(std::memory_order_relaxed)) above()->unlink(*this);
  while (Hook* const hook = work.pop()) {
    if (hook->kind == Kind::Function) {
      static_cast<FunctionHook*>(hook)->start();
      continue;
    }
    auto* const child = static_cast<CancelNode*>(hook);
    child->finish(state, cause, site, work);
    drop_reference(child);
  }
}

bool CancelNode::finish(State state, const std::exception_ptr& cause, const base::Site& site,
                        Worklist& work) {
  {
    const base::LockGuard guard(lock_);
    if (state_.load(std::memory_order_relaxed) != State::Live) return false;
    cause_ = cause;
    state_.store(state, std::memory_order_release);
    while (Hook* const hook = hooks_) {
      hooks_ = hook->next;
      work.take(*hook);
    }
  }
  // Nobody makes a channel for it any more that is not closed.
  if (channel::ChanCore* const core = done_.load(std::memory_order_relaxed)) core->close(site);
  work.wake_sleepers();
  stop_waiting();
  return true;
}

State CancelNode::settled_state() const {
  const State now = state();
  if (now == State::Live) return now;
  const channel::ChanCore* const core = done_.load(std::memory_order_acquire);
  if (core == nullptr) return now;
  // Whoever ended it is about to close the channel.
  for (int i = 0; !core->closed(); ++i) {
    i < 100 ? base::spin_pause() : static_cast<void>(sched_yield());
  }
  return now;
}

channel::ChanCore* CancelNode::done_core() {
  // Acquire pairs with the release below.
  if (channel::ChanCore* const core = done_.load(std::memory_order_acquire)) return core;
  const base::LockGuard guard(lock_);
  if (channel::ChanCore* const core = done_.load(std::memory_order_relaxed)) return core;
  channel::ChanCore* const core = channel::ChanCore::make(
      channel::kElementType<Unit>, {.kind = trace_format::ObjectKind::Context}, made_at_);
  if (state() != State::Live) core->close(made_at_);
  done_.store(core, std::memory_order_release);
  return core;
}

std::size_t CancelNode::hooks() const {
  const base::LockGuard guard(lock_);
  std::size_t count = 0;
  for (const Hook* hook = hooks_; hook != nullptr; hook = hook->next) ++count;
  return count;
}

bool CancelNode::link(Hook& hook) {
  const base::LockGuard guard(lock_);
  if (state_.load(std::memory_order_relaxed) != State::Live) return false;
  hook.previous = nullptr;
  hook.next = hooks_;
  if (hooks_ != nullptr) hooks_->previous = &hook;
  hooks_ = &hook;
  hook.linked.store(true, std::memory_order_relaxed);
  return true;
}

bool CancelNode::unlink(Hook& hook) {
  const base::LockGuard guard(lock_);
  if (!hook.linked.load(std::memory_order_relaxed)) return false;
  (hook.previous == nullptr ? hooks_ : hook.previous->next) = hook.next;
  if (hook.next != nullptr) hook.next->previous = hook.previous;
  hook.linked.store(false, std::memory_order_relaxed);
  return true;
}

// ---- DeadlineNode -------------------------------------------------------------------------------

constexpr sched::TimerType DeadlineNode::kType{
    .fire = [](Timer& timer) { static_cast<DeadlineNode&>(timer).expire(); },
    .kind = trace_format::TimerKind::Deadline,
    .origin =
        [](Timer& timer) {
          const auto& self = static_cast<DeadlineNode&>(timer);
          channel::ChanCore* const done = self.done_if_made();
          return sched::TimerOrigin{.site = self.site_,
                                    .object = done == nullptr ? nullptr : &done->traced()};
        }};

DeadlineNode::DeadlineNode(Node* parent, std::uint32_t references, std::int64_t deadline_ns,
                           std::exception_ptr cause, const base::Site& site)
    : CancelNode(parent, references, deadline_ns, site),
      Timer(kType),
      deadline_cause_(std::move(cause)),
      site_(site) {}

void DeadlineNode::start() {
  add_reference();
  sched::start_timer(*this, deadline_ns());
}

void DeadlineNode::stop_waiting() {
  // The caller of cancel() has another reference.
  if (sched::stop_timer(*this)) drop_reference(this);
}

void DeadlineNode::expire() {
  cancel(State::DeadlineExceeded, deadline_cause_, site_);
  drop_reference(this);
}

}  // namespace taskscope::context
