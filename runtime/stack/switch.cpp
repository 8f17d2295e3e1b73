#include "runtime/stack/switch.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace taskscope::stack {
namespace {

// The registers as taskscope_switch pops them, lowest address first. What follows above is two zero
// words, where a frame-pointer walker finds its end.
#if defined(__x86_64__)
struct EntryFrame {
  std::uintptr_t r15 = 0, r14 = 0, r13 = 0, r12 = 0, rbx = 0, rbp = 0;
  std::uintptr_t resume_at = 0;
  std::uintptr_t end_of_frames[3] = {};
};
static_assert(offsetof(EntryFrame, end_of_frames) == 7 * sizeof(void*));
#elif defined(__aarch64__)
struct EntryFrame {
  std::uintptr_t x29 = 0, x30 = 0, x19 = 0, x20 = 0;
  std::uintptr_t x21_to_x28[8] = {};
  std::uintptr_t d8_to_d15[8] = {};
  std::uintptr_t end_of_frames[2] = {};
};
static_assert(offsetof(EntryFrame, end_of_frames) == 160);
#else
#error "Taskscope switches stacks on x86-64 and aarch64 only."
#endif

}  // namespace

void* make_entry_frame(void* top, void (*function)(void*), void* argument) {
  EntryFrame frame;
#if defined(__x86_64__)
  frame.r12 = reinterpret_cast<std::uintptr_t>(function);
  frame.r13 = reinterpret_cast<std::uintptr_t>(argument);
  frame.resume_at = reinterpret_cast<std::uintptr_t>(&taskscope_stack_entry);
  // The ABI wants the stack pointer on 16 bytes at the call.
  constexpr std::uintptr_t kAligned = offsetof(EntryFrame, end_of_frames);
#else
  frame.x19 = reinterpret_cast<std::uintptr_t>(function);
  frame.x20 = reinterpret_cast<std::uintptr_t>(argument);
  frame.x30 = reinterpret_cast<std::uintptr_t>(&taskscope_stack_entry);
  constexpr std::uintptr_t kAligned = 0;
#endif
  std::uintptr_t sp = reinterpret_cast<std::uintptr_t>(top) - sizeof frame;
  sp -= (sp + kAligned) % 16;
  std::memcpy(reinterpret_cast<void*>(sp), &frame, sizeof frame);
  return reinterpret_cast<void*>(sp);
}

}  // namespace taskscope::stack
