#include "runtime/annotate/counter.h"

#include <algorithm>

#include "runtime/sched/annotation.h"

namespace taskscope {

using instrument::Lane;

counter::counter(std::string_view name, std::string_view unit) : name_(name) {
  std::replace(name_.begin(), name_.end(), '\t', ' ');
  if (unit.empty()) return;
  name_ += '\t';
  name_ += unit;
}

// `change()` changes the value and returns it.
template <class Change>
void counter::change_recorded(Change change) {
  const bool heard = sched::annotate<sched::Speaker::Anybody>(
      [&](Lane& lane) { return lane.name(name_); },
      [&](Lane& lane, const sched::Task*, trace_format::NameId name) {
        const base::LockGuard guard(order_);
        lane.counter(name, change());
      });
  if (!heard) change();
}

void counter::set_recorded(std::int64_t value) {
  change_recorded([&] {
    value_.store(value, std::memory_order_relaxed);
    return value;
  });
}

void counter::add_recorded(std::int64_t change) {
  change_recorded([&] { return value_.fetch_add(change, std::memory_order_relaxed) + change; });
}

}  // namespace taskscope
