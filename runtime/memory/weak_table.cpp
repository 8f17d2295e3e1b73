#include "runtime/memory/weak_table.h"

#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/local.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/settings.h"
#include "runtime/sched/process.h"

namespace taskscope::memory {
namespace {

constinit base::Lock g_weak_lock;
constinit WeakCell* g_cells TASKSCOPE_GUARDED_BY(g_weak_lock) = nullptr;
// Where end_dead_weaks() goes on.
constinit WeakCell* g_next TASKSCOPE_GUARDED_BY(g_weak_lock) = nullptr;

constexpr int kAtOnce = 64;  // cells under one hold of the lock

bool is_dead(const WeakCell& cell, const void* object) {
  return object != nullptr && cell.phase < g_phase.load(std::memory_order_relaxed) &&
         !g_space.is_marked(object);
}

}  // namespace

WeakCell* make_weak_cell(void* object) {
  // A scope that ends looks for nobody who knows its objects weakly.
  escape_object(object, EscapeReason::Stored);
  auto* const cell = new WeakCell;
  cell->object.store(object, std::memory_order_relaxed);
  const BusySection busy(own_local("ts::weak"));
  cell->phase = g_phase.load(std::memory_order_relaxed);
  if ((watched() & kMarking) != 0) keep_alive(object);
  const base::LockGuard guard(g_weak_lock);
  cell->next = g_cells;
  if (g_cells != nullptr) g_cells->previous = cell;
  g_cells = cell;
  return cell;
}

void drop_weak_cell(WeakCell* cell) {
  if (cell->handles.fetch_sub(1) != 1) return;
  {
    const QuietSection section;
    const base::LockGuard guard(g_weak_lock);
    (cell->previous == nullptr ? g_cells : cell->previous->next) = cell->next;
    if (cell->next != nullptr) cell->next->previous = cell->previous;
    if (g_next == cell) g_next = cell->next;
  }
  delete cell;
}

void* lock_weak_cell_slowly(WeakCell& cell) {
  const QuietSection section;
  void* const object = cell.object.load(std::memory_order_relaxed);
  const std::uint32_t watch = sched::in_forked_child() ? 0 : watched();
  if ((watch & kWeaksEnd) != 0 && is_dead(cell, object)) return nullptr;
  if ((watch & kMarking) != 0 && settings().broken != Broken::Weak) keep_alive(object);
  return object;
}

bool any_weak_cells() TASKSCOPE_NO_ANALYSIS { return g_cells != nullptr; }

void end_dead_weaks() {
  g_weak_lock.lock();
  g_next = g_cells;
  while (g_next != nullptr) {
    for (int i = 0; i < kAtOnce && g_next != nullptr; ++i, g_next = g_next->next) {
      void* const object = g_next->object.load(std::memory_order_relaxed);
      if (is_dead(*g_next, object)) g_next->object.store(nullptr, std::memory_order_relaxed);
    }
    g_weak_lock.unlock();
    g_weak_lock.lock();
  }
  g_weak_lock.unlock();
}

}  // namespace taskscope::memory
