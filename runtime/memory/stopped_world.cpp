#include "runtime/memory/stopped_world.h"

#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "runtime/base/clock.h"
#include "runtime/memory/local.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {
namespace {

// Below the stack pointer a function that calls nobody may keep values.
constexpr std::size_t kRedZone = 128;
constexpr unsigned kBetweenUs = 50;

std::uint64_t now_ns() { return static_cast<std::uint64_t>(base::monotonic_ns()); }

// The registers of a thread that a signal has interrupted, those for vectors too: compilers move
// two pointers at once with them.
void show_registers(Tracer& tracer, const void* registers) {
  const auto& context = *static_cast<const ucontext_t*>(registers);
  tracer.words(&context.uc_mcontext, sizeof context.uc_mcontext);
#if defined(__x86_64__)
  const auto* const state = reinterpret_cast<const char*>(context.uc_mcontext.fpregs);
  if (state == nullptr) return;
  // As the kernel lays it out: the legacy part, and where the sizes of the rest are noted in it.
  constexpr std::size_t kLegacyBytes = 512;
  constexpr std::size_t kMagicAt = 464;
  constexpr std::uint32_t kMagic = 0x46505853;
  constexpr std::uint32_t kBytesMax = 16384;
  std::uint32_t noted[2];
  std::memcpy(noted, state + kMagicAt, sizeof noted);
  const bool more = noted[0] == kMagic && noted[1] <= kBytesMax;
  tracer.words(state, more ? noted[1] : kLegacyBytes);
#endif
}

}  // namespace

StoppedWorld::StoppedWorld(sched::Scheduler& scheduler, Where where, int patience)
    : scheduler_(scheduler) {
  for (int tries = 0; !scheduler.stopping();) {
    if (stop()) {
      settled_ = where == Where::Settled && all_settled();
      if (settled_ || where == Where::Anywhere || tries++ >= patience) return;
    }
    release();
    usleep(kBetweenUs);
  }
}

StoppedWorld::~StoppedWorld() { release(); }

void StoppedWorld::release() {
  if (!halt_.has_value()) return;
  halt_.reset();
  held_ns_ = std::max(held_ns_, now_ns() - asked_ns_);
}

// False if some thread is where it must not be held, or has not answered.
bool StoppedWorld::stop() {
  // While nobody is held: there is no allocating later.
  notes_.clear();
  notes_.reserve(2 * scheduler_.threads() + 16);
  running_.clear();
  running_.reserve(notes_.capacity());
  asked_ns_ = now_ns();
  halt_.emplace(scheduler_, nullptr, sched::HaltCalls::NotNeeded);
  std::size_t listed = 0;
  scheduler_.each_listed_thread([&](sched::Thread&) { ++listed; });
  if (notes_.capacity() < listed || !halt_->notes_into(notes_)) return false;
  if (notes_.size() != listed) return false;
  for (const Local* local = first_local(); local != nullptr; local = local->next) {
    if (local->busy.load(std::memory_order_acquire) != 0) return false;
  }
  for (const sched::HaltNote* note : notes_) {
    const stack::StackId id = scheduler_.stacks().find(note->stack_pointer);
    if (id != stack::kNoStack) running_.push_back(id);
  }
  return true;
}

bool StoppedWorld::all_settled() const {
  bool settled = true;
  scheduler_.each_listed_thread([&](const sched::Thread& thread) {
    if (thread.task() == nullptr) return;
    bool waits = false;
    for (const Local* local = first_local(); local != nullptr; local = local->next) {
      if (local->owner.load(std::memory_order_relaxed) == &thread) {
        waits = local->waits.load(std::memory_order_acquire);
      }
    }
    settled = settled && waits;
  });
  return settled;
}

void StoppedWorld::show_running(Tracer& tracer) const {
  const stack::StackPool& stacks = scheduler_.stacks();
  for (const sched::HaltNote* note : notes_) {
    const stack::StackId id = stacks.find(note->stack_pointer);
    // Between tasks a thread has nothing in its registers but what is left of them.
    if (id == stack::kNoStack) continue;
    if (note->registers != nullptr) show_registers(tracer, note->registers);
    const stack::Extent extent = stacks.extent(id);
    const char* const low = static_cast<const char*>(extent.low);
    const char* const from =
        std::max(low, static_cast<const char*>(note->stack_pointer) - kRedZone);
    tracer.words(from, static_cast<std::size_t>(low + extent.bytes - from));
  }
}

void show_task(sched::Scheduler& scheduler, Tracer& tracer, const sched::Task& task,
               const std::vector<std::uint32_t>& but_for) {
  tracer.words(task.closure_memory, sizeof task.closure_memory);
  if (task.closure_bytes != 0) tracer.words(task.closure_address(), task.closure_bytes);
  if (task.stack.none()) return;
  const stack::StackId id = task.stack.id();
  if (std::find(but_for.begin(), but_for.end(), id) != but_for.end()) return;
  const stack::Extent extent = scheduler.stacks().extent(id);
  const char* const low = static_cast<const char*>(extent.low);
  const char* const end = low + extent.bytes;
  const auto* const from = static_cast<const char*>(task.context.left_at());
  // It has just been given the stack, and was never there.
  if (from < low || from > end) return;
  tracer.words(from, static_cast<std::size_t>(end - from));
}

}  // namespace taskscope::memory
