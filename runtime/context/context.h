// Context: says to everything that works on one request that it is over, why, and what belongs to
// it. Go's context package.
//
//   void serve(const ts::Context& parent, ts::Receiver<Job> jobs) {
//     auto [ctx, cancel] = ts::with_timeout(parent, std::chrono::seconds(2));
//     while (ts::Result<Job> job = jobs.recv(ctx)) work(ctx, *job);
//     if (ctx.err()) log(ctx.err().message());  // "context deadline exceeded"
//   }                                           // `cancel` cancels what is left
//
//   ts::Cancellable<ts::CancelCauseFunc> request = ts::with_cancel_cause(ts::background());
//   ts::Cancellable<ts::CancelFunc> work = ts::with_deadline(request.ctx, ts::now() + 1min);
//   ts::StopFunc tidy = ts::after_func(work.ctx, [] { log("it is over"); });
//   request.cancel(std::runtime_error("the user has left"));
//   if (work.ctx.err()) log(message_of(work.ctx.cause()));  // "the user has left"
//   ts::Context last = ts::without_cancel(work.ctx);  // for what has to be done all the same
//
//   const auto closed = std::make_exception_ptr(std::runtime_error("the shop has closed"));
//   auto day = ts::with_deadline_cause(parent, ts::now() + 8h, closed);
//   auto visit = ts::with_timeout_cause(day.ctx, 1h, closed);
//   auto talk = ts::with_cancel(visit.ctx);
//   talk.cancel.release();         // it ends with the visit
//   talk.ctx.throw_if_done();      // the cause, if that is over
//
// A Context is a cheap shared handle; copies mean the same context. A default-constructed one is
// background(): never done. (clang before 16 does not capture a structured binding in a lambda:
// write `[ctx = ctx]`, or keep the pair, `auto request = ts::with_cancel(…)`, and use request.ctx.)
// Cancellation goes down to all contexts made from it, never up, once and
// for ever. Operations of this library that wait take one as their first argument, if they are to
// end with it. ts::select has an arm for it, `ts::recv(ctx.done(), …)`. There is none for close()
// of connections and listeners, which waits only for calls that it ends, nor for ts::blocking: a
// system call cannot be called back. Any thread may call everything here; a deadline needs an
// active run.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/context/context_error.h"
#include "runtime/context/node.h"
#include "runtime/context/unit.h"
#include "runtime/sched/clock.h"

namespace taskscope {

class Context;

namespace context {

// A counted reference to a node; null is the background.
class NodeRef {
 public:
  NodeRef() = default;
  explicit NodeRef(Node* node) : node_(node) {}  // takes over the caller's reference
  NodeRef(const NodeRef& other) : node_(other.node_) {
    if (node_ != nullptr) node_->add_reference();
  }
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef() { Node::drop_reference(node_); }
  Node* get() const { return node_; }

 private:
  Node* node_ = nullptr;
};

template <class Key>
concept ValueKey = requires {
  typename Key::Value;
};

// Its address tells keys apart.
template <class Key>
inline constexpr char kKeyIdentity = 0;

template <class Key>
class ValueNode final : public Node {
 public:
  ValueNode(Node* parent, typename Key::Value value)
      : Node(parent, parent == nullptr ? nullptr : parent->canceller(), 1),
        value_(std::move(value)) {}
  const void* value(const void* key) const override {
    return key == &kKeyIdentity<Key> ? &value_ : nullptr;
  }

 private:
  const typename Key::Value value_;
};

}  // namespace context

class Context {
 public:
  Context() = default;  // background()
  explicit Context(context::NodeRef node) : node_(std::move(node)) {}

  // A channel that is closed when the context is done; nil if it never will be. For ts::select.
  Receiver<Unit> done() const;
  // Canceled or DeadlineExceeded once it is done; until then no error.
  std::error_code err() const;
  // The same as operations of this library report it: of the kind Timeout or Cancelled, with
  // err()'s message. REQUIRES: err().
  Error error() const;
  // What was given to the cancel function or deadline that ended it; a ContextError if nothing was;
  // null until it is done.
  std::exception_ptr cause() const;
  // Throws cause() if the context is done.
  void throw_if_done() const;
  // When it will be done at the latest.
  std::optional<TimePoint> deadline() const;

  // The value of the nearest with_value<Key>, or null. Valid as long as this handle or one made
  // from it is.
  template <context::ValueKey Key>
  const typename Key::Value* value() const {
    return static_cast<const typename Key::Value*>(find_value(&context::kKeyIdentity<Key>));
  }

  // For the operations that give up with it: the channel of done(); null: they never do.
  channel::ChanCore* done_core() const;

  const context::NodeRef& node() const { return node_; }

 private:
  context::CancelNode* canceller() const {
    return node_.get() == nullptr ? nullptr : node_.get()->canceller();
  }
  const void* find_value(const void* key) const;

  context::NodeRef node_;  // shared: with everything that works under this context
};

// Cancels one context: when called, and at the latest when destroyed. Movable, so that the duty to
// cancel can be given away. Several threads may call one object, which must outlive their calls:
// who cancels from another task shares it, or moves it there.
class [[nodiscard]] CancelFunc {
 public:
  CancelFunc() = default;
  explicit CancelFunc(context::NodeRef node, Site site) : node_(std::move(node)), site_(site) {}
  CancelFunc(CancelFunc&&) = default;
  CancelFunc& operator=(CancelFunc&& other) noexcept;
  ~CancelFunc();

  // err() becomes Canceled. A second call does nothing.
  void operator()(Site site = Site::here()) const { cancel(nullptr, site); }
  // From now on the destructor does nothing: the context ends with its parent or deadline.
  void release() { node_ = {}; }

 protected:
  void cancel(const std::exception_ptr& cause, const Site& site) const;

 private:
  context::NodeRef node_;
  Site site_;
};

// The same with a reason: any exception, to be found again by Context::cause().
class [[nodiscard]] CancelCauseFunc : public CancelFunc {
 public:
  using CancelFunc::CancelFunc;
  using CancelFunc::operator();
  void operator()(const std::exception_ptr& cause, Site site = Site::here()) const {
    cancel(cause, site);
  }
  template <class E>
  requires std::derived_from<E, std::exception>
  void operator()(E cause, Site site = Site::here()) const {
    cancel(std::make_exception_ptr(std::move(cause)), site);
  }
};

// What with_… return, for structured bindings. Bind it (or move both parts out): when `cancel` is
// destroyed, the context is cancelled.
template <class Cancel>
struct [[nodiscard]] Cancellable {
  Context ctx;
  Cancel cancel;
};

// Never done, no values, no deadline: the root of all contexts.
inline Context background() { return {}; }

// A child of `parent` that can be cancelled by itself.
Cancellable<CancelFunc> with_cancel(const Context& parent, Site site = Site::here());
Cancellable<CancelCauseFunc> with_cancel_cause(const Context& parent, Site site = Site::here());

// A child that ends with DeadlineExceeded at `deadline`, if not before. `cause` is what cause()
// will say then.
Cancellable<CancelFunc> with_deadline(const Context& parent, TimePoint deadline,
                                      Site site = Site::here());
Cancellable<CancelFunc> with_deadline_cause(const Context& parent, TimePoint deadline,
                                            std::exception_ptr cause, Site site = Site::here());

namespace context {
Cancellable<CancelFunc> with_timeout(const Context& parent, std::int64_t timeout_ns,
                                     std::exception_ptr cause, const base::Site& site);
}  // namespace context

// The same, `timeout` from now.
template <class Rep, class Period>
Cancellable<CancelFunc> with_timeout(const Context& parent,
                                     std::chrono::duration<Rep, Period> timeout,
                                     Site site = Site::here()) {
  return context::with_timeout(parent, sched::to_ns(timeout), nullptr, site);
}
template <class Rep, class Period>
Cancellable<CancelFunc> with_timeout_cause(const Context& parent,
                                           std::chrono::duration<Rep, Period> timeout,
                                           std::exception_ptr cause, Site site = Site::here()) {
  return context::with_timeout(parent, sched::to_ns(timeout), std::move(cause), site);
}

// A child that carries a value. The key is a type of your own that names the value's type, so that
// nobody else can read or hide it by accident:
//   struct RequestId { using Value = std::string; };
//   ctx = ts::with_value<RequestId>(ctx, "4711");
//   if (const std::string* id = ctx.value<RequestId>()) …
template <context::ValueKey Key>
Context with_value(const Context& parent, typename Key::Value value) {
  return Context(
      context::NodeRef(new context::ValueNode<Key>(parent.node().get(), std::move(value))));
}

// A child with the parent's values that is not done when the parent is.
Context without_cancel(const Context& parent);

// Keeps a function of after_func from running.
class StopFunc {
 public:
  StopFunc() = default;
  // Takes over the caller's reference of `hook`.
  StopFunc(Context context, context::FunctionHook* hook)
      : context_(std::move(context)), hook_(hook) {}
  StopFunc(StopFunc&& other) noexcept
      : context_(std::move(other.context_)), hook_(std::exchange(other.hook_, nullptr)) {}
  StopFunc& operator=(StopFunc&& other) noexcept;
  ~StopFunc();  // the function stays where it is

  // True if this call has kept the function from running; false if it runs, has run, or was stopped
  // before. Does not wait for it.
  bool operator()() const;

 private:
  Context context_;
  context::FunctionHook* hook_ = nullptr;
};

namespace context {

template <class F>
class FunctionHookOf final : public FunctionHook {
 public:
  FunctionHookOf(F function, const base::Site& site)
      : FunctionHook(site), function_(std::move(function)) {}
  void run() override { static_cast<void>(function_()); }

 private:
  F function_;
};

StopFunc add_function(const Context& context, FunctionHook* hook);

}  // namespace context

// Runs `function` in a task of its own once `context` is done, at once if it is.
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) StopFunc
    after_func(const Context& context, F&& function, Site site = Site::here()) {
  return context::add_function(
      context, new context::FunctionHookOf<std::decay_t<F>>(std::forward<F>(function), site));
}

namespace context {
bool sleep_for(const Context& context, std::int64_t duration_ns, const base::Site& site);
}  // namespace context

// The calling task waits for at least `duration`. False if `context` was done first.
template <class Rep, class Period>
[[nodiscard]] bool sleep(const Context& context, std::chrono::duration<Rep, Period> duration,
                         Site site = Site::here()) {
  return context::sleep_for(context, sched::to_ns(duration), site);
}

}  // namespace taskscope
