#include "runtime/memory/weak_table.h"

#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/local.h"

namespace taskscope::memory {
namespace {

constinit base::Lock g_weak_lock;
constinit WeakCell* g_cells TASKSCOPE_GUARDED_BY(g_weak_lock) = nullptr;

}  // namespace

WeakCell* make_weak_cell(void* object) {
  // A scope that ends looks for nobody who knows its objects weakly.
  escape_object(object, EscapeReason::Stored);
  auto* const cell = new WeakCell;
  cell->object.store(object, std::memory_order_relaxed);
  const BusySection busy(own_local("ts::weak"));
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
  }
  delete cell;
}

void clear_dead_weaks(std::uint32_t marks) {
  const base::LockGuard guard(g_weak_lock);
  for (WeakCell* cell = g_cells; cell != nullptr; cell = cell->next) {
    void* const object = cell->object.load(std::memory_order_relaxed);
    if (object != nullptr && !g_space.test(marks, object)) {
      cell->object.store(nullptr, std::memory_order_relaxed);
    }
  }
}

}  // namespace taskscope::memory
