// A stack of calls, as addresses and as the lines that a report shows.
//
// Capturing is async-signal-safe: it allocates nothing and takes no lock (glibc 2.35 and newer find
// unwind tables without one). Naming the frames is neither safe nor cheap (symbolizer.h); a program
// that is about to end does it in a child process (child.h). Any thread; on a task's stack the
// calls end at the task's entry.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/debug/symbolizer.h"

namespace taskscope::debug {

// Code addresses inside the calls that are active, innermost first: the first ones and the last
// ones. An endless recursion is millions deep.
struct CapturedStack {
  static constexpr std::size_t kFirstMax = 48;
  static constexpr std::size_t kLastMax = 16;

  void add(std::uintptr_t address);
  std::size_t first_count() const { return count < kFirstMax ? count : kFirstMax; }
  std::size_t last_count() const;
  // The `i`th of the last ones.
  std::uintptr_t last_at(std::size_t i) const;
  // Those between.
  std::size_t left_out() const { return count - first_count() - last_count(); }

  std::size_t count = 0;
  bool cut = false;  // there are more than `count`; nobody has looked
  std::array<std::uintptr_t, kFirstMax> first{};
  std::array<std::uintptr_t, kLastMax> last{};  // a ring
};

// The calls of the caller.
CapturedStack capture_stack();

// The calls that a signal has interrupted; `context` is the third argument of its handler, which
// calls this. A call through a wild pointer counts as one from where it was made.
CapturedStack capture_interrupted_stack(void* context);

// The frames of a captured stack that mean something to the program's author: without what happened
// between the throw and the report, without the runtime's own functions (unless there are no
// others), with short names; of a deep one the first and the last few.
struct ReadableStack {
  std::vector<Frame> first;
  std::size_t left_out = 0;
  bool cut = false;  // more than `left_out` are
  std::vector<Frame> last;
};
ReadableStack readable_stack(const CapturedStack& stack);
// The same for one of many.
ReadableStack readable_stack(const CapturedStack& stack, const Symbolizer& symbolizer);

// "0x1234 0x5678 …": what there is to show where names cannot be had. Returns the length of the
// text; async-signal-safe.
std::size_t format_addresses(const CapturedStack& stack, char* text, std::size_t size);

// Which frames of a stack are the runtime's own; names the closure of a task in the others.
std::vector<bool> mark_runtime(std::vector<Frame>& frames);

// The filter of readable_stack.
std::vector<Frame> hide_runtime(std::vector<Frame> frames);

}  // namespace taskscope::debug
