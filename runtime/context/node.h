// Node: what a Context refers to. One per with_cancel, with_deadline, with_value, without_cancel.
//
// Nodes are counted references up the chain: a child keeps its parent alive. Downwards a CancelNode
// has a list of hooks, what a cancellation must reach: its nearest cancellable descendants, the
// functions of after_func, the tasks that sleep under it. The list owns its functions and nothing
// else, so a context that nobody holds any more takes itself out of its parent's list and is gone,
// cancelled or not. Any thread.
//
// Invariants:
//   1. A CancelNode's state goes from Live to one of the others once, and then never changes; its
//      cause is written before that. No hook is in the list of a node that is not Live.
//   2. A hook is linked exactly while it is in the list of the node above it; linked, next and
//      previous change under that node's lock. Setting linked to false is the last thing that
//      touches a child there, unless a reference was taken.
//   3. Locks of two nodes are never held at once, and none while a channel is closed, a task made
//      ready, or a timer stopped.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan_core.h"
#include "runtime/sched/task.h"
#include "runtime/sched/timer.h"

namespace taskscope::context {

enum class State : std::uint8_t { Live = 0, Canceled = 1, DeadlineExceeded = 2 };

class CancelNode;
class Worklist;

class Node {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  // False if the last one is gone already: the node is about to be.
  bool try_reference();
  // Drops one of `node` (null is fine), and of its ancestors what then has none left.
  static void drop_reference(Node* node) {
    if (node == nullptr) return;
    // Release: this reference's uses; acquire: all others' before the destruction.
    if (node->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(node);
  }

  const Node* parent() const { return parent_; }
  // The nearest node, itself included, whose cancellation is this one's; null: nothing cancels it.
  CancelNode* canceller() const { return canceller_; }
  // The value that this node has for `key`, or null.
  virtual const void* value([[maybe_unused]] const void* key) const { return nullptr; }

 protected:
  // With `references` of the caller's. Takes a reference of `parent`, which may be null.
  Node(Node* parent, CancelNode* canceller, std::uint32_t references)
      : parent_(parent), canceller_(canceller), references_(references) {
    if (parent != nullptr) parent->add_reference();
  }
  virtual ~Node() = default;

 private:
  static void destroy(Node* node);

  // Constant after construction.
  Node* const parent_;
  CancelNode* const canceller_;

  // Atomic: see drop_reference.
  std::atomic<std::uint32_t> references_;
};

// What a cancellation reaches.
struct Hook {
  enum class Kind : std::uint8_t { Child, Function, Sleeper };
  explicit Hook(Kind hook_kind) : kind(hook_kind) {}
  Hook(const Hook&) = delete;
  Hook& operator=(const Hook&) = delete;

  const Kind kind;
  // Atomic: see invariant 2.
  std::atomic<bool> linked{false};
  Hook* next = nullptr;
  Hook* previous = nullptr;
};

// A function that starts as a task of its own when the context is done.
class FunctionHook : public Hook {
 public:
  explicit FunctionHook(const base::Site& site) : Hook(Kind::Function), site_(site) {}
  virtual ~FunctionHook() = default;
  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  virtual void run() = 0;
  // Starts the task; takes over the caller's reference. Without a run nothing happens.
  void start();

 private:
  const base::Site site_;
  // Atomic: as Node's. One is the maker's.
  std::atomic<std::uint32_t> references_{1};
};

// A task that sleeps until its timer fires or the context is done. On the task's stack.
struct SleeperHook : Hook, sched::Timer {
  SleeperHook() : Hook(Kind::Sleeper), Timer(kType) {}
  static const sched::TimerType kType;
  base::Lock lock;
  sched::Task* task = nullptr;
  bool parked TASKSCOPE_GUARDED_BY(lock) = false;
  bool over TASKSCOPE_GUARDED_BY(lock) = false;
  bool canceled TASKSCOPE_GUARDED_BY(lock) = false;
  // The calling task waits for the end.
  void park(const base::Site& site);
  // True: the caller has ended the wait of the task and makes it ready.
  bool end(bool by_cancellation);
};

class CancelNode : public Node, private Hook {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  // Followed by join_parent().
  CancelNode(Node* parent, std::uint32_t references, std::int64_t deadline_ns,
             const base::Site& site);
  ~CancelNode() override;

  // Cancels it and everything below; the first call counts. The caller has a reference.
  void cancel(State state, const std::exception_ptr& cause, const base::Site& site);
  // Once after construction: from now on a cancellation from above reaches it.
  void join_parent(const base::Site& site);

  // Acquire pairs with the release in finish().
  State state() const { return state_.load(std::memory_order_acquire); }
  // The same, and if it is not Live, done_core() is closed.
  State settled_state() const;
  // REQUIRES: state() is not Live. Null if none was given.
  const std::exception_ptr& cause() const TASKSCOPE_NO_ANALYSIS { return cause_; }
  // The deadline of this node or an ancestor, whichever is first; kNever without one.
  std::int64_t deadline_ns() const { return deadline_ns_; }
  // The channel that is closed when it is done; made at the first call.
  channel::ChanCore* done_core();

  // How many hooks hang on it now.
  std::size_t hooks() const;

  // False, and nothing is linked, if the node is done.
  bool link(Hook& hook);
  // False if it is not linked (any more).
  bool unlink(Hook& hook);

 protected:
  // Called once, after the node has become something else than Live; not under a lock.
  virtual void stop_waiting() {}
  // done_core(), if somebody has asked for it.
  channel::ChanCore* done_if_made() const { return done_.load(std::memory_order_acquire); }

 private:
  friend class Worklist;

  CancelNode* above() const;
  // Ends this node alone; what hangs on it goes into `work`. False if it was not Live.
  bool finish(State state, const std::exception_ptr& cause, const base::Site& site, Worklist& work);
  void take_out(Hook& hook) TASKSCOPE_REQUIRES(lock_);

  // Constant after construction.
  std::int64_t deadline_ns_;
  const base::Site made_at_;

  // Guarded by lock_.
  mutable base::Lock lock_;
  Hook* hooks_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  std::exception_ptr cause_ TASKSCOPE_GUARDED_BY(lock_);  // constant once state_ is not Live

  // Atomic: written under lock_, release; read without it.
  std::atomic<State> state_{State::Live};
  std::atomic<channel::ChanCore*> done_{nullptr};
};

// A CancelNode that also ends at its own deadline. The pending timer holds a reference.
class DeadlineNode final : public CancelNode, private sched::Timer {
 public:
  DeadlineNode(Node* parent, std::uint32_t references, std::int64_t deadline_ns,
               std::exception_ptr cause, const base::Site& site);
  // Between construction and join_parent().
  void start();

 private:
  static const sched::TimerType kType;

  void stop_waiting() override;
  void expire();

  // Constant after construction.
  const std::exception_ptr deadline_cause_;
  const base::Site site_;
};

// Carries its ancestors' values, and not their cancellation.
class DetachedNode final : public Node {
 public:
  explicit DetachedNode(Node* parent) : Node(parent, nullptr, 1) {}
};

}  // namespace taskscope::context
