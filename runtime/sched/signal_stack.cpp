#include "runtime/sched/signal_stack.h"

namespace taskscope::sched {
namespace {

constexpr std::size_t kBytes = 64 << 10;

}  // namespace

SignalStack::SignalStack() {
  // Sanitizers install one for every thread; theirs stays.
  if (sigaltstack(nullptr, &previous_) != 0 || (previous_.ss_flags & SS_DISABLE) == 0) return;
  memory_ = std::make_unique<char[]>(kBytes);
  stack_t mine{};
  mine.ss_sp = memory_.get();
  mine.ss_size = kBytes;
  sigaltstack(&mine, nullptr);
}

SignalStack::~SignalStack() {
  if (memory_ != nullptr) sigaltstack(&previous_, nullptr);
}

}  // namespace taskscope::sched
