#include "runtime/memory/verify.h"

#include <pthread.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory_resource>
#include <vector>

#include "runtime/base/sanitizer.h"
#include "runtime/debug/own_memory.h"
#include "runtime/memory/alloc_site.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/containers.h"
#include "runtime/memory/local.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/roots.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {
namespace {

constexpr std::uint64_t kToldMax = 10;

// Without stdio, whose lock a stopped thread may hold.
void tell(std::uintptr_t place, const void* object) {
  const AllocSite& site = site_of(header_of(object).site());
  char text[512];
  const int length =
      std::snprintf(text, sizeof text,
                    "taskscope: gc verify: the word at 0x%lx is the only one that refers to an "
                    "object made at %s:%u; there the collector does not look: keep a ts::ptr, not "
                    "a ts::ref, in memory of your own\n",
                    static_cast<unsigned long>(place), site.file, site.line);
  if (length > 0) {
    const auto bytes = std::min(static_cast<std::size_t>(length), sizeof text - 1);
    static_cast<void>(!write(STDERR_FILENO, text, bytes));
  }
}

TASKSCOPE_UNSANITIZED void look_at(Marker& marker, debug::MemoryRange range, std::uint64_t& told) {
  const std::uint32_t marks = g_space.marked ^ 1;
  for (std::uintptr_t at = (range.first + 7) & ~std::uintptr_t{7}; at + 8 <= range.end; at += 8) {
    const auto word = *reinterpret_cast<const std::uintptr_t*>(at);
    if (word - g_space.base >= g_space.bytes) continue;
    void* const object = Marker::resolve(word);
    // Only what a handle would be; numbers and remains rarely are.
    if (object == nullptr || reinterpret_cast<std::uintptr_t>(object) != word) continue;
    if (header_of(object).empty() || g_space.test(marks, object)) continue;
    // A known one that belongs to a collected object which has died.
    if (is_root(reinterpret_cast<const void*>(at))) continue;
    g_collections.hidden.fetch_add(1, std::memory_order_relaxed);
    if (told++ < kToldMax) tell(at, object);
    marker.mark(object);
    marker.drain();
  }
}

// The collector's: it has just had the addresses of many objects there.
void leave_out_own_stack(std::pmr::vector<debug::MemoryRange>& holes) {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  void* first = nullptr;
  std::size_t bytes = 0;
  if (pthread_attr_getstack(&attributes, &first, &bytes) == 0) {
    const auto at = reinterpret_cast<std::uintptr_t>(first);
    holes.push_back({at, at + bytes});
  }
  pthread_attr_destroy(&attributes);
}

}  // namespace

void find_hidden_handles(const sched::Scheduler& scheduler, Marker& marker,
                         const std::vector<const sched::HaltNote*>& notes) {
  // Their shadows are as large as the address space.
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) return;
  static debug::MappedMemory memory;
  std::pmr::vector<debug::MemoryRange> ranges(&memory);
  if (!debug::written_memory(ranges)) return;
  std::pmr::vector<debug::MemoryRange> holes(&memory);
  const auto leave_out = [&](const void* first, std::size_t bytes) {
    const auto at = reinterpret_cast<std::uintptr_t>(first);
    holes.push_back({at, at + bytes});
  };
  // Where the collector has looked, and what is its own.
  leave_out(reinterpret_cast<const void*>(g_space.base), g_space.bytes);
  for (const std::uint8_t* marks : g_space.marks) {
    leave_out(marks, g_space.bytes / kGranuleBytes / 8);
  }
  leave_out(g_space.spans, g_space.bytes / kSpanBytes * sizeof(Span));
  leave_out(marker.own_memory(), Marker::kOwnBytes);
  leave_out(ContainerContents::own_memory(), ContainerContents::kOwnBytes);
  if (g_arenas != nullptr) leave_out(g_arenas, kArenasBytes);
  for (const Local* local = first_local(); local != nullptr; local = local->next) {
    leave_out(local, sizeof *local);
  }
  const MemoryOfNotes notes_of_tasks = memory_of_notes();
  leave_out(notes_of_tasks.first, notes_of_tasks.bytes);
  leave_out_own_stack(holes);
  // Stacks of signal handlers have the registers of the last time, too.
  for (const sched::HaltNote* note : notes) {
    if (note->registers == nullptr) continue;
    const stack_t& stack = static_cast<const ucontext_t*>(note->registers)->uc_stack;
    leave_out(stack.ss_sp, stack.ss_size);
  }
  stack_t own{};
  if (sigaltstack(nullptr, &own) == 0 && own.ss_sp != nullptr) leave_out(own.ss_sp, own.ss_size);
  leave_out(scheduler.stacks().mapping(), scheduler.stacks().mapping_bytes());
  leave_out(scheduler.tasks().mapping(), scheduler.tasks().mapping_bytes());
  debug::leave_out(ranges, holes);
  std::uint64_t told = 0;
  for (const debug::MemoryRange& range : ranges) look_at(marker, range, told);
}

}  // namespace taskscope::memory
