#include "runtime/memory/marking.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/marker.h"
#include "runtime/memory/settings.h"
#include "runtime/sched/process.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {

constinit std::atomic<std::uint32_t> g_watch{0};
constinit std::atomic<std::uint32_t> g_phase{1};

namespace {

constexpr std::size_t kNotedMax = std::size_t{1} << 28;

// What all threads have noted. In memory of its own: old addresses in malloc's would look like
// handles (verify.h).
struct Noted {
  base::Lock lock;
  void** objects TASKSCOPE_GUARDED_BY(lock) = nullptr;
  std::size_t count TASKSCOPE_GUARDED_BY(lock) = 0;
};
constinit Noted g_noted;

void give_over(void* const* objects, std::size_t count) {
  const base::LockGuard guard(g_noted.lock);
  TASKSCOPE_CHECK(g_noted.count + count <= kNotedMax);
  std::copy_n(objects, count, g_noted.objects + g_noted.count);
  g_noted.count += count;
}

}  // namespace

void Keeper::keep(void* object) {
  if (!g_space.set(g_space.marked ^ 1, object)) return;
  if (!g_space.span_of(object).scanned) return;
  if (local_ == nullptr) return give_over(&object, 1);
  local_->noted[local_->noted_count++] = object;
  if (local_->noted_count < Local::kNotedMax) return;
  give_over(local_->noted, local_->noted_count);
  local_->noted_count = 0;
}

TASKSCOPE_UNSANITIZED void Keeper::words(const void* first, std::size_t bytes) {
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + 7) & ~std::uintptr_t{7};
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(first) + bytes;
  for (std::uintptr_t at = begin; at + sizeof(void*) <= end; at += sizeof(void*)) {
    const std::uintptr_t word = Marker::load(at);
    if (word - g_space.base >= g_space.bytes) continue;
    if (void* const object = Marker::resolve(word)) keep(object);
  }
}

namespace {

// Whatever a task has overwritten: the handle of an object that has died may be among it, in one
// whose destructor runs.
template <class Keep>
void keep_as_caller(Keep keep) {
  const sched::Thread* const thread = sched::quick_current_thread();
  if (thread == nullptr || thread->task() == nullptr) {
    Keeper keeper;
    if (is_marking()) keep(keeper);
    return;
  }
  Local& local = own_local("ts::ptr");
  const BusySection busy(local);
  Keeper keeper(local);
  if (is_marking()) keep(keeper);
}

}  // namespace

[[gnu::noinline]] void keep_alive(void* object) {
  // The child of a fork has no marks, and no collector.
  if (!g_space.contains(object) || sched::in_forked_child()) return;
  if (settings().broken == Broken::Overwritten) return;
  if (g_space.test(g_space.marked ^ 1, object)) return;
  const auto word = reinterpret_cast<std::uintptr_t>(object);
  keep_as_caller([word](Keeper& keeper) { keeper.words(&word, sizeof word); });
}

[[gnu::noinline]] void keep_words_alive(const void* first, std::size_t bytes) {
  if (settings().broken == Broken::Taken || sched::in_forked_child()) return;
  keep_as_caller([=](Keeper& keeper) { keeper.words(first, bytes); });
}

bool take_noted(void** objects, std::size_t room, std::size_t& count) {
  const base::LockGuard guard(g_noted.lock);
  count = std::min(room, g_noted.count);
  g_noted.count -= count;
  std::copy_n(g_noted.objects + g_noted.count, count, objects);
  return count != 0;
}

void give_over_notes() {
  for (Local* local = first_local(); local != nullptr; local = local->next) {
    if (local->noted_count == 0) continue;
    give_over(local->noted, local->noted_count);
    local->noted_count = 0;
  }
}

void drop_notes() {
  for (Local* local = first_local(); local != nullptr; local = local->next) local->noted_count = 0;
  const base::LockGuard guard(g_noted.lock);
  if (g_noted.objects == nullptr) {
    g_noted.objects = static_cast<void**>(map_description(kNotedMax * sizeof(void*)));
  }
  g_noted.count = 0;
}

MemoryOfNotes memory_of_notes() TASKSCOPE_NO_ANALYSIS {
  return {g_noted.objects, g_noted.objects == nullptr ? 0 : kNotedMax * sizeof(void*)};
}

}  // namespace taskscope::memory
