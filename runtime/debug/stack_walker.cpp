#include "runtime/debug/stack_walker.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>

#include <array>
#include <cstdlib>
#include <unordered_map>

#include "runtime/base/sanitizer.h"
#include "runtime/debug/modules.h"

namespace taskscope::debug {
namespace {

using Word = std::uintptr_t;

// The numbers that DWARF gives the registers: those that a callee saves, the stack pointer, and
// where the return address is. Others are unknown in the stack of a task that waits.
#if defined(__x86_64__)
constexpr std::array kSaved = {3, 6, 12, 13, 14, 15};
constexpr std::size_t kPointer = 7;
constexpr int kReturn = 16;
constexpr std::size_t kRegisters = 17;
#else
constexpr std::array kSaved = {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29};
constexpr std::size_t kPointer = 31;
constexpr int kReturn = 30;
constexpr std::size_t kRegisters = 32;
#endif

constexpr std::size_t kFramesMax = 1 << 16;

using Registers = std::array<Word, kRegisters>;

// Where a register of the caller is to be found, as libdw says it.
struct Rule {
  Dwarf_Op memory[3];
  Dwarf_Op* operations = nullptr;
  std::size_t count = 0;

  bool same_value() const { return count == 0 && operations == nullptr; }
  bool undefined() const { return count == 0 && operations != nullptr; }
};

// What there is to know of one place in the code.
struct Place {
  bool known = false;
  Rule frame;  // the caller's stack pointer
  Rule return_address;
  std::array<Rule, kSaved.size()> saved;
};

class Memory {
 public:
  explicit Memory(const LeftStack& stack) : low_(stack.pointer), high_(stack.end) {}

  // False if it lies elsewhere.
  TASKSCOPE_UNSANITIZED bool read(Word address, Word& value) const {
    if (address < low_ || address > high_ - sizeof(Word) || address % sizeof(Word) != 0) {
      return false;
    }
    value = *reinterpret_cast<const volatile Word*>(address);
    return true;
  }

 private:
  Word low_;
  Word high_;
};

// Computes what a rule's expression says: the few operations that compilers use in unwind
// information. DWARF 5, section 2.5.
class Expression {
 public:
  Expression(const Registers& registers, Word frame, const Memory& memory)
      : registers_(registers), frame_(frame), memory_(memory) {}

  // False if it cannot be computed. `is_value` tells a value from a place in memory.
  bool compute(const Rule& rule, Word& result, bool& is_value) {
    is_value = false;
    for (std::size_t i = 0; i < rule.count; ++i) {
      const Dwarf_Op& operation = rule.operations[i];
      if (operation.atom == DW_OP_stack_value) {
        is_value = true;
      } else if (operation.atom >= DW_OP_reg0 && operation.atom <= DW_OP_reg31) {
        is_value = true;
        push_register(operation.atom - DW_OP_reg0, 0);
      } else if (operation.atom == DW_OP_regx) {  // what libdw makes of "in another register"
        is_value = true;
        push_register(operation.number, 0);
      } else if (!step(operation)) {
        return false;
      }
    }
    if (!fine_ || depth_ == 0) return false;
    result = stack_[depth_ - 1];
    return true;
  }

 private:
  bool step(const Dwarf_Op& operation) {
    const auto atom = operation.atom;
    if (atom >= DW_OP_breg0 && atom <= DW_OP_breg31) {
      push_register(atom - DW_OP_breg0, operation.number);
    } else if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31) {
      push(atom - DW_OP_lit0);
    } else {
      switch (atom) {
        case DW_OP_bregx:
          push_register(operation.number, operation.number2);
          break;
        case DW_OP_call_frame_cfa:
          push(frame_);
          break;
        case DW_OP_plus_uconst:
          push(pop() + operation.number);
          break;
        case DW_OP_const1u:
        case DW_OP_const1s:
        case DW_OP_const2u:
        case DW_OP_const2s:
        case DW_OP_const4u:
        case DW_OP_const4s:
        case DW_OP_const8u:
        case DW_OP_const8s:
        case DW_OP_constu:
        case DW_OP_consts:
          push(operation.number);
          break;
        case DW_OP_plus:
          push(pop() + pop());
          break;
        case DW_OP_and:
          push(pop() & pop());
          break;
        case DW_OP_deref: {
          Word value = 0;
          if (!memory_.read(pop(), value)) return false;
          push(value);
          break;
        }
        default:
          return false;
      }
    }
    return fine_;
  }

  void push_register(Word number, Word offset) {
    fine_ &= number < kRegisters;
    if (fine_) push(registers_[number] + offset);
  }
  void push(Word value) {
    fine_ &= depth_ < stack_.size();
    if (fine_) stack_[depth_++] = value;
  }
  Word pop() {
    fine_ &= depth_ > 0;
    return fine_ ? stack_[--depth_] : 0;
  }

  const Registers& registers_;
  const Word frame_;
  const Memory& memory_;
  std::array<Word, 8> stack_{};
  std::size_t depth_ = 0;
  bool fine_ = true;
};

}  // namespace

struct StackWalker::Places {
  Modules modules;
  std::unordered_map<Word, Place> places;

  const Place& at(Word address) {
    const auto [found, is_new] = places.try_emplace(address);
    if (is_new) learn(address, found->second);
    return found->second;
  }

  // The frames of libdw are kept: the rules point into them.
  void learn(Word address, Place& place) {
    Dwfl_Module* module = modules.at(address);
    if (module == nullptr) return;
    Dwarf_Frame* frame = nullptr;
    Dwarf_Addr bias = 0;
    Dwarf_CFI* information = dwfl_module_eh_cfi(module, &bias);
    if (information == nullptr || dwarf_cfi_addrframe(information, address - bias, &frame) != 0) {
      information = dwfl_module_dwarf_cfi(module, &bias);
      if (information == nullptr || dwarf_cfi_addrframe(information, address - bias, &frame) != 0) {
        return;
      }
    }
    bool known = dwarf_frame_cfa(frame, &place.frame.operations, &place.frame.count) == 0;
    known = known && read_rule(frame, kReturn, place.return_address);
    for (std::size_t i = 0; i < kSaved.size(); ++i) {
      known = known && read_rule(frame, kSaved[i], place.saved[i]);
    }
    place.known = known;
  }

  static bool read_rule(Dwarf_Frame* frame, int number, Rule& rule) {
    return dwarf_frame_register(frame, number, rule.memory, &rule.operations, &rule.count) == 0;
  }
};

namespace {

// The value of one register in the caller; false at the end of the stack, and where it is lost.
bool restore(const Rule& rule, const Registers& registers, Word frame, const Memory& memory,
             Word& value) {
  if (rule.same_value()) return true;
  if (rule.undefined()) return false;
  bool is_value = false;
  Word result = 0;
  if (!Expression(registers, frame, memory).compute(rule, result, is_value)) return false;
  if (is_value) {
    value = result;
    return true;
  }
  return memory.read(result, value);
}

// From one frame to its caller's.
bool step_out(const Place& place, const Memory& memory, Registers& registers, Word& instruction) {
  Word frame = 0;
  bool is_value = false;
  if (!place.known || !Expression(registers, 0, memory).compute(place.frame, frame, is_value)) {
    return false;
  }
  if (frame <= registers[kPointer]) return false;  // a caller's frame lies above
  Registers next = registers;
  Word return_address = registers[kReturn];
  if (!restore(place.return_address, registers, frame, memory, return_address)) return false;
  for (std::size_t i = 0; i < kSaved.size(); ++i) {
    const auto number = static_cast<std::size_t>(kSaved[i]);
    if (!restore(place.saved[i], registers, frame, memory, next[number])) next[number] = 0;
  }
  next[kPointer] = frame;
  registers = next;
  instruction = return_address;
  return instruction != 0;
}

}  // namespace

StackWalker::StackWalker() : places_(std::make_unique<Places>()) {}
StackWalker::~StackWalker() = default;

CapturedStack StackWalker::walk(const LeftStack& stack) {
  CapturedStack calls;
  if (stack.end < stack.pointer + sizeof(Word)) return calls;
  const Memory memory(stack);
  Registers registers{};
  registers[kPointer] = stack.pointer;
  Word address = stack.instruction;
  Word instruction = 0;
  while (step_out(places_->at(address), memory, registers, instruction)) {
    // A return address is the instruction after the call; one less lies in the call's own line.
    address = instruction - 1;
    calls.add(address);
    if (calls.count == kFramesMax) {
      calls.cut = true;
      break;
    }
  }
  return calls;
}

}  // namespace taskscope::debug
