// The stacks of calls of a recording in memory: which functions they are made of, once each, and
// which calls each stack has.
//
// Read at once, immutable from then on; usable from any thread. A recording whose recorder was
// killed has addresses instead of names: then a function is an address. One whose place nobody
// knows is called by the file of code that it lies in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::store {

// A function, or what stands for one that has no name.
struct StackFunction {
  std::string name;
  std::string file;      // of the source; empty: not known
  bool runtime = false;  // the machinery of the runtime, not the program's own code
};

// One call of a stack.
struct StackCall {
  std::uint32_t function = 0;     // into functions()
  std::uint32_t line : 31 = 0;    // where it calls on, or was at work; 0: not known
  std::uint32_t inlined : 1 = 0;  // into the next one
};

class StackTable {
 public:
  StackTable() = default;
  static Result<StackTable> read(const Reader& reader);

  bool empty() const { return stacks_.empty(); }
  std::size_t size() const { return stacks_.size(); }
  const std::vector<StackFunction>& functions() const { return functions_; }
  // The number of a stack, below size(); kNone: there is no such stack.
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  std::uint32_t number_of(StackId id) const;
  // Innermost first. Empty if `number` is kNone.
  std::span<const StackCall> calls(std::uint32_t number) const;
  // Of these the program's own, with what of the runtime they called: all of that, or only the
  // function that they called themselves. Without what of the runtime called them, which is in
  // every stack. All of them, if none is the program's.
  enum class Inner : std::uint8_t { All, CalledOnly };
  std::span<const StackCall> own_calls(std::uint32_t number, Inner inner) const;
  const StackFunction& function(const StackCall& call) const { return functions_[call.function]; }

  // For tests, and whoever makes stacks up: a function's number, and the next stack.
  std::uint32_t add_function(StackFunction function);
  void add_stack(StackId id, std::span<const StackCall> calls);

 private:
  struct Stack {
    std::size_t first = 0;  // into calls_
    std::uint32_t count = 0;
  };
  void add_addresses(StackId id, const std::string& addresses);

  // Constant after construction.
  std::vector<StackFunction> functions_;
  std::unordered_map<std::string, std::uint32_t> function_numbers_;  // by name and file
  std::vector<StackCall> calls_;
  std::vector<Stack> stacks_;
  std::unordered_map<StackId, std::uint32_t> numbers_;
};

}  // namespace taskscope::store
