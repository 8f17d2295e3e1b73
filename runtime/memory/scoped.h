// ts::scoped: what is made in a function dies with it, unless it escapes.
//
//   int sum = ts::scoped([&] { return total(build_tree()); });  // freed at once, all of it
//   ts::ref<Node> kept = ts::scoped([&] { return build_list(); });  // escapes: the caller has it
//
//   // A request whose memory lives as long as its task:
//   ts::go([conn] { ts::scoped([&] { serve(conn); }); });
//
// Nothing can go wrong: what escapes lives on under the collector, at the same address.
// Scopes nest. In a scope that ends by an exception everything escapes. A function, not an object
// with a destructor: such an object would find its own dead variables in its caller's frame.
#pragma once

#include <type_traits>
#include <utility>

#include "runtime/memory/arena.h"
#include "runtime/memory/fields.h"

namespace taskscope::memory {

// Shows the handles of a value to the escape analysis.
class EscapeTracer final : public Tracer {
 public:
  explicit EscapeTracer(EscapeReason reason) : Tracer(true), reason_(reason) {}
  void edge(const void*, void* target) override { escape_object(target, reason_); }
  void words(const void* first, std::size_t bytes) override { escape_words(first, bytes, reason_); }

 private:
  EscapeReason reason_;
};

template <class T>
void escape_value(T& value, EscapeReason reason) {
  EscapeTracer tracer(reason);
  show(tracer, value);
}

// Calls `function` so that the compiler knows nothing of it: what it refers to lies in memory.
template <class F>
[[gnu::noinline]] void call_hidden(void* function) {
  (*static_cast<F*>(function))();
}
using HiddenCall = void (*)(void*);

class OpenScope {
 public:
  OpenScope() : arena_(open_arena()) {}
  ~OpenScope() {
    if (arena_ != 0) abandon_arena(arena_);
  }
  OpenScope(const OpenScope&) = delete;
  OpenScope& operator=(const OpenScope&) = delete;
  void close(const void* frames) { close_arena(std::exchange(arena_, 0), frames); }

 private:
  std::uint32_t arena_;
};

template <class Call>
[[gnu::noinline]] void run_scope(Call& call) {
  OpenScope scope;
  HiddenCall hidden = call_hidden<Call>;
  asm volatile("" : "+r"(hidden));
  hidden(&call);
  // Older than this frame; its own holds nothing of the scope's.
  scope.close(__builtin_frame_address(0));
}

}  // namespace taskscope::memory

namespace taskscope {

template <class F>
[[gnu::noinline]] auto scoped(F&& function) {
  using Result = std::invoke_result_t<F&>;
  static_assert(!std::is_reference_v<Result>, "a scope returns a value or a ts::ref");
  if constexpr (std::is_void_v<Result>) {
    auto call = [&function] { function(); };
    memory::run_scope(call);
  } else {
    // Constructed by the call, which has ended well if it is read.
    union Slot {
      Slot() {}
      ~Slot() {}
      Result value;
    } slot;
    auto call = [&function, &slot] {
      ::new (static_cast<void*>(&slot.value)) Result(function());
      memory::escape_value(slot.value, memory::EscapeReason::Returned);
    };
    memory::run_scope(call);
    Result result(std::move(slot.value));
    slot.value.~Result();
    return result;
  }
}

}  // namespace taskscope
