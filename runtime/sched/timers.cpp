#include "runtime/sched/timers.h"

#include <algorithm>

namespace taskscope::sched {

void Timers::add(std::int64_t deadline_ns, Task* task) {
  heap_.push_back({deadline_ns, next_order_++, task});
  std::push_heap(heap_.begin(), heap_.end(), later);
  publish_earliest();
}

Task* Timers::take_due(std::int64_t now_ns) {
  if (now_ns < earliest_ns_.load(std::memory_order_relaxed)) return nullptr;
  if (!lock_.try_lock()) return nullptr;
  Task* first = nullptr;
  Task** end = &first;
  while (!heap_.empty() && heap_.front().deadline_ns <= now_ns) {
    Task* task = heap_.front().task;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    heap_.pop_back();
    *end = task;
    end = &task->link;
  }
  *end = nullptr;
  publish_earliest();
  lock_.unlock();
  return first;
}

void Timers::publish_earliest() {
  const std::int64_t earliest = heap_.empty() ? kNever : heap_.front().deadline_ns;
  if (earliest != earliest_ns_.load(std::memory_order_relaxed)) {
    earliest_ns_.store(earliest, std::memory_order_seq_cst);
  }
}

}  // namespace taskscope::sched
