#include "runtime/memory/local.h"

#include <new>
#include <string>

#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/collector.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::memory {
namespace {

constinit base::Lock g_locals_lock;
// Atomic: written under the lock, release; whoever walks the list acquires.
constinit std::atomic<Local*> g_locals{nullptr};

// Leaves the thread's to the next one when it ends.
struct Leaver {
  Local* local = nullptr;
  ~Leaver() {
    if (local == nullptr) return;
    t_local = &g_no_local;
    // Release pairs with the acquire of who takes it over.
    local->owner.store(nullptr, std::memory_order_release);
  }
};

[[gnu::noinline]] Leaver& own_leaver() {
  thread_local Leaver leaver;
  return leaver;
}

void forget_stacks() {
  end_collector();
  g_space.stacks_bytes = 0;
  g_space.stacks = 0;
}

// Handles on these stacks need not be known one by one.
void note_stacks(const sched::Scheduler& scheduler) {
  const auto first = reinterpret_cast<std::uintptr_t>(scheduler.stacks().mapping());
  if (g_space.stacks == first) return;
  g_space.stacks = first;
  g_space.stacks_bytes = scheduler.stacks().mapping_bytes();
  sched::at_end_of_run(forget_stacks);
}

[[gnu::noinline]] Local& take_local(const sched::Thread& thread) {
  reserve_address_space();
  const base::LockGuard guard(g_locals_lock);
  note_stacks(thread.scheduler());
  Local* local = first_local();
  while (local != nullptr && local->owner.load(std::memory_order_acquire) != nullptr) {
    local = local->next;
  }
  if (local == nullptr) {
    local = new (map_lazily(sizeof(Local))) Local;
    local->site_counts = static_cast<std::uint64_t*>(
        map_description(2 * std::size_t{Header::kSitesMax} * sizeof(std::uint64_t)));
    local->next = first_local();
    g_locals.store(local, std::memory_order_release);
  }
  local->owner.store(&thread, std::memory_order_relaxed);
  own_leaver().local = local;
  t_local = local;
  return *local;
}

}  // namespace

constinit Local g_no_local;
constinit __thread Local* t_local = &g_no_local;

#if !defined(__x86_64__)
[[gnu::noinline]] Local* quick_local() {
  asm volatile("");
  return t_local;
}
#endif

[[gnu::noinline]] Local& own_local(const char* what) {
  Local* const local = quick_local();
  if (local != &g_no_local) return *local;
  const sched::Thread* const thread = sched::current_thread();
  if (thread == nullptr || thread->task() == nullptr) {
    sched::fatal(std::string(what) +
                 " called by a thread that runs no task: memory that is collected belongs to "
                 "tasks, so call it inside of ts::run");
  }
  return take_local(*thread);
}

QuietSection::QuietSection() {
  const sched::Thread* const thread = sched::quick_current_thread();
  if (thread != nullptr && thread->task() != nullptr) busy_.emplace(own_local("ts::ptr"));
}

Local* first_local() { return g_locals.load(std::memory_order_acquire); }

}  // namespace taskscope::memory
