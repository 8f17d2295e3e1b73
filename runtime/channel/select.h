// ts::select: waits for the first of several channel operations, as Go's select does.
//
//   ts::select(
//       ts::recv(requests, [&](std::optional<Request> r) { if (r) serve(*r); }),
//       ts::send(beats, now, [&] { ++beats_sent; }),
//       ts::recv(ctx.done(), [&] { stop = true; }),
//       ts::after(1s, [&] { report_idle(); }));
//
// Waits until one of its arms can go ahead, carries that one out, calls its handler and returns
// what the handler returned (the common type of all handlers). Among several ready arms each has
// the same chance. An arm on a nil channel never is ready; with ts::otherwise() there is no wait;
// with no arm that could ever be ready the task waits for ever. A send on a closed channel panics.
//
// Without handlers it returns the index of the arm that was carried out, and received values go
// where the arms say:
//
//   std::optional<int> value;  // nullopt: closed
//   switch (ts::select(ts::recv(numbers, value), ts::after(100ms))) {
//     case 0: …
//     case 1: …
//   }
//   if (ts::select(ts::recv(numbers, value), ts::otherwise()) == 1) log("none is there now");
//
// Arms are made inside the call; they refer to their arguments. A value to be sent is moved only if
// its arm is the one: what is std::move'd into an arm that was not carried out is still there.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/channel/selection.h"
#include "runtime/sched/timer.h"

namespace taskscope::channel {

// The handler of an arm that has none.
struct NoHandler {};

enum class ArmKind : std::uint8_t { Channel, After, Otherwise };

template <class Handler>
inline constexpr bool kHandled = !std::is_same_v<Handler, NoHandler>;
// Whether F can be the handler of an arm that receives V.
template <class F, class V>
inline constexpr bool kHandles = std::is_invocable_v<F&, V> || std::is_invocable_v<F&>;

// An arm keeps the channel of a temporary handle alive, and only borrows that of any other.
template <class Handle>
using Hold = std::conditional_t<std::is_lvalue_reference_v<Handle>, ChanCore*, ChanRef>;
inline ChanCore* core_of(ChanCore* core) { return core; }
inline ChanCore* core_of(const ChanRef& ref) { return ref.get(); }
template <class Handle, sched::ChannelEnd kEnd>
Hold<Handle> hold(const EndRef<kEnd>& ref) {
  if constexpr (std::is_lvalue_reference_v<Handle>) {
    return ref.get();
  } else {
    return ref;
  }
}

template <class T, class Held, class Handler>
class RecvArm {
 public:
  static constexpr ArmKind kKind = ArmKind::Channel;
  static constexpr bool kHasHandler = kHandled<Handler>;
  static constexpr bool kTakesValue = std::is_invocable_v<Handler&, std::optional<T>>;

  RecvArm(Held held, std::optional<T>* into, Handler handler, const base::Site& site)
      : site_(site), held_(std::move(held)), into_(into), handler_(std::move(handler)) {}

  const base::Site& site() const { return site_; }
  void bind(Arm& arm) {
    arm.chan = core_of(held_);
    arm.slot = &slot_.value;
    arm.direction = Direction::Recv;
  }
  // Takes the value out, then calls the handler.
  auto finish(const Arm& arm) {
    std::optional<T> value;
    if (arm.success) value = slot_.take();
    if constexpr (!kHandled<Handler>) {
      if (into_ != nullptr) *into_ = std::move(value);
    } else if constexpr (kTakesValue) {
      return handler_(std::move(value));
    } else {
      return handler_();
    }
  }

 private:
  base::Site site_;
  Held held_;
  std::optional<T>* into_;
  [[no_unique_address]] Handler handler_;
  Slot<T> slot_;
};

template <class T, class Held, class Value, class Handler>
class SendArm {
 public:
  static constexpr ArmKind kKind = ArmKind::Channel;
  static constexpr bool kHasHandler = kHandled<Handler>;
  static_assert(!kHandled<Handler> || std::is_invocable_v<Handler&>,
                "a handler of send takes nothing");

  SendArm(Held held, Value value, Handler handler, const base::Site& site)
      : site_(site),
        held_(std::move(held)),
        value_(std::forward<Value>(value)),
        handler_(std::move(handler)) {}

  const base::Site& site() const { return site_; }
  void bind(Arm& arm) {
    note_sent(value_);
    arm.chan = core_of(held_);
    arm.slot = &value_;
    arm.direction = Direction::Send;
  }
  auto finish(const Arm& arm) {
    if (!arm.success) arm.chan->send_on_closed();
    if constexpr (kHandled<Handler>) return handler_();
  }

 private:
  base::Site site_;
  Held held_;
  Value value_;  // T, or T&&: the caller's
  [[no_unique_address]] Handler handler_;
};

template <class Handler>
class OtherwiseArm {
 public:
  static constexpr ArmKind kKind = ArmKind::Otherwise;
  static constexpr bool kHasHandler = kHandled<Handler>;
  static_assert(!kHandled<Handler> || std::is_invocable_v<Handler&>,
                "a handler of otherwise takes nothing");

  OtherwiseArm(Handler handler, const base::Site& site)
      : site_(site), handler_(std::move(handler)) {}

  const base::Site& site() const { return site_; }
  auto finish(const Arm&) {
    if constexpr (kHandled<Handler>) return handler_();
  }
  void bind(Arm&) {}

 private:
  base::Site site_;
  [[no_unique_address]] Handler handler_;
};

template <class Handler>
class AfterArm {
 public:
  static constexpr ArmKind kKind = ArmKind::After;
  static constexpr bool kHasHandler = kHandled<Handler>;
  static_assert(!kHandled<Handler> || std::is_invocable_v<Handler&>,
                "a handler of after takes nothing");

  AfterArm(std::int64_t duration_ns, Handler handler, const base::Site& site)
      : site_(site), duration_ns_(duration_ns), handler_(std::move(handler)) {}

  const base::Site& site() const { return site_; }
  std::int64_t duration_ns() const { return duration_ns_; }
  void bind(Arm&) {}
  auto finish(const Arm&) {
    if constexpr (kHandled<Handler>) return handler_();
  }

 private:
  base::Site site_;
  std::int64_t duration_ns_;
  [[no_unique_address]] Handler handler_;
};

template <class T>
struct IsArm : std::false_type {};
template <class T, class H, class F>
struct IsArm<RecvArm<T, H, F>> : std::true_type {};
template <class T, class H, class V, class F>
struct IsArm<SendArm<T, H, V, F>> : std::true_type {};
template <class F>
struct IsArm<OtherwiseArm<F>> : std::true_type {};
template <class F>
struct IsArm<AfterArm<F>> : std::true_type {};

// The element type of a handle.
template <class Handle>
struct ElementOf;
template <class T>
struct ElementOf<Chan<T>> {
  using Type = T;
  static constexpr bool kSends = true;
  static constexpr bool kReceives = true;
};
template <class T>
struct ElementOf<Sender<T>> {
  using Type = T;
  static constexpr bool kSends = true;
  static constexpr bool kReceives = false;
};
template <class T>
struct ElementOf<Receiver<T>> {
  using Type = T;
  static constexpr bool kSends = false;
  static constexpr bool kReceives = true;
};
template <class Handle>
using Element = typename ElementOf<std::remove_cvref_t<Handle>>::Type;
template <class Handle>
concept Receives = ElementOf<std::remove_cvref_t<Handle>>::kReceives;
template <class Handle>
concept Sends = ElementOf<std::remove_cvref_t<Handle>>::kSends;

// What finish() of the arm says it returns.
template <class A>
using ResultOf = decltype(std::declval<A&>().finish(std::declval<const Arm&>()));

template <class... Arms>
inline constexpr bool kAnyHandled = (Arms::kHasHandler || ...);

// What all handlers return in common; void if none returns anything.
template <class... Arms>
auto handler_result() {
  if constexpr ((std::is_void_v<ResultOf<Arms>> && ...)) {
    return std::type_identity<void>();
  } else {
    static_assert((!std::is_void_v<ResultOf<Arms>> && ...),
                  "either all arms of a select have handlers that return a value, or none has");
    return std::type_identity<std::common_type_t<ResultOf<Arms>...>>();
  }
}
template <class... Arms>
using HandlerResult = typename decltype(handler_result<Arms...>())::type;
template <class... Arms>
using SelectResult = std::conditional_t<kAnyHandled<Arms...>, HandlerResult<Arms...>, std::size_t>;

// Finishes the arm at `chosen`. R is the common type of the results, or void.
template <class R, std::size_t At = 0, class First, class... Rest>
R finish(std::size_t chosen, const Arm* arms, First& first, Rest&... rest) {
  if constexpr (sizeof...(Rest) > 0) {
    if (chosen != At) return finish<R, At + 1>(chosen, arms, rest...);
  }
  if constexpr (std::is_void_v<R>) {
    static_cast<void>(first.finish(arms[At]));
  } else {
    return first.finish(arms[At]);
  }
}

// The arm of one kind that counts: the only otherwise, the earliest after. `index` is the number of
// arms if there is none.
struct Special {
  std::size_t index;
  std::int64_t duration_ns = 0;
};
template <ArmKind kKind, class... Arms>
Special find_special(const Arms&... arms) {
  Special found{.index = sizeof...(Arms)};
  std::size_t at = 0;
  const auto look = [&](const auto& arm) {
    using A = std::remove_cvref_t<decltype(arm)>;
    if constexpr (A::kKind == kKind && kKind == ArmKind::After) {
      if (found.index == sizeof...(Arms) || arm.duration_ns() < found.duration_ns) {
        found = {.index = at, .duration_ns = arm.duration_ns()};
      }
    } else if constexpr (A::kKind == kKind) {
      found.index = at;
    }
    ++at;
  };
  (look(arms), ...);
  return found;
}

// The index of the arm that was carried out.
template <class... Arms>
std::size_t choose(Arm* bound, const base::Site& site, Arms&... arms) {
  constexpr std::size_t kCount = sizeof...(Arms);
  std::size_t at = 0;
  (arms.bind(bound[at++]), ...);
  Arm* order[kCount];
  base::Lock* locks[kCount + 1];
  Selection selection({bound, order, locks, kCount});
  std::size_t chosen = Selection::kNone;
  if constexpr (((Arms::kKind == ArmKind::Otherwise) || ...)) {
    chosen = selection.try_now();
    if (chosen == Selection::kNone) chosen = find_special<ArmKind::Otherwise>(arms...).index;
  } else if constexpr (((Arms::kKind == ArmKind::After) || ...)) {
    const Special after = find_special<ArmKind::After>(arms...);
    chosen = selection.wait_until(
        {.reason = sched::BlockReason::Select, .object = nullptr, .site = site},
        sched::deadline_after(after.duration_ns));
    if (chosen == Selection::kNone) chosen = after.index;
  } else {
    chosen =
        selection.wait({.reason = sched::BlockReason::Select, .object = nullptr, .site = site});
  }
  return chosen;
}

}  // namespace taskscope::channel

namespace taskscope {

// An arm that receives. The handler takes a std::optional<T> (nullopt: closed and drained), or
// nothing.
template <channel::Receives Handle, class Handler>
requires(channel::kHandles<Handler, std::optional<channel::Element<Handle>>>)
    [[nodiscard]] auto recv(Handle&& from, Handler handler, Site site = Site::here()) {
  using T = channel::Element<Handle>;
  return channel::RecvArm<T, channel::Hold<Handle>, Handler>(channel::hold<Handle>(from.ref()),
                                                             nullptr, std::move(handler), site);
}
// The same into a variable.
template <channel::Receives Handle>
[[nodiscard]] auto recv(Handle&& from, std::optional<channel::Element<Handle>>& into,
                        Site site = Site::here()) {
  using T = channel::Element<Handle>;
  return channel::RecvArm<T, channel::Hold<Handle>, channel::NoHandler>(
      channel::hold<Handle>(from.ref()), &into, {}, site);
}
// The same; the value is dropped.
template <channel::Receives Handle>
[[nodiscard]] auto recv(Handle&& from, Site site = Site::here()) {
  using T = channel::Element<Handle>;
  return channel::RecvArm<T, channel::Hold<Handle>, channel::NoHandler>(
      channel::hold<Handle>(from.ref()), nullptr, {}, site);
}

// An arm that sends `value`.
template <channel::Sends Handle, class V, class Handler = channel::NoHandler>
[[nodiscard]] auto send(Handle&& to, V&& value, Handler handler = {}, Site site = Site::here()) {
  using T = channel::Element<Handle>;
  // A T that was given up by the caller is moved only if it is sent.
  constexpr bool kGivenUp = std::is_same_v<V, T> && !std::is_trivially_copyable_v<T>;
  using Value = std::conditional_t<kGivenUp, T&&, T>;
  return channel::SendArm<T, channel::Hold<Handle>, Value, Handler>(
      channel::hold<Handle>(to.ref()), static_cast<Value>(std::forward<V>(value)),
      std::move(handler), site);
}

// The arm that is carried out if no other is ready now: Go's default.
template <class Handler = channel::NoHandler>
[[nodiscard]] auto otherwise(Handler handler = {}, Site site = Site::here()) {
  return channel::OtherwiseArm<Handler>(std::move(handler), site);
}

// The arm that is carried out when no other has been for `duration`.
template <class Rep, class Period, class Handler = channel::NoHandler>
[[nodiscard]] auto after(std::chrono::duration<Rep, Period> duration, Handler handler = {},
                         Site site = Site::here()) {
  const auto nanoseconds = std::chrono::ceil<std::chrono::nanoseconds>(duration);
  return channel::AfterArm<Handler>(nanoseconds.count(), std::move(handler), site);
}

// See the head of this file. The place of the wait is that of the first arm.
template <class First, class... Rest>
requires(channel::IsArm<First>::value &&
         (channel::IsArm<Rest>::value &&
          ...)) channel::SelectResult<First, Rest...> select(First first, Rest... rest) {
  static_assert((0 + ... + int{Rest::kKind == channel::ArmKind::Otherwise}) +
                        int{First::kKind == channel::ArmKind::Otherwise} <=
                    1,
                "a select has at most one otherwise");
  channel::Arm bound[1 + sizeof...(Rest)];
  const std::size_t chosen = channel::choose(bound, first.site(), first, rest...);
  using Result = channel::HandlerResult<First, Rest...>;
  if constexpr (channel::kAnyHandled<First, Rest...>) {
    return channel::finish<Result>(chosen, bound, first, rest...);
  } else {
    channel::finish<void>(chosen, bound, first, rest...);
    return chosen;
  }
}

// Without arms: waits for ever.
[[noreturn]] inline void select(Site site = Site::here()) { channel::select_nothing(site); }

}  // namespace taskscope
