#include "runtime/instrument/name_table.h"

#include "runtime/base/sanitizer.h"

namespace taskscope::instrument {

NameTable::Entry NameTable::find(std::string_view text) {
  std::string key(text);
  const base::LockGuard guard(lock_);
  // ThreadSanitizer does not see the lock, but the comparison of names, which is the C library's.
  base::annotate_acquire(this);
  auto it = names_.find(key);
  if (it == names_.end()) {
    if (names_.size() >= kNamesMax) return {.id = 0, .defined = true};
    const auto id = static_cast<trace_format::NameId>(names_.size() + 1);
    it = names_.emplace(std::move(key), Known{.id = id}).first;
    base::annotate_release(this);
    base::annotate_release(const_cast<std::string*>(&it->first));
  }
  return {it->second.id, it->second.defined, &it->first};
}

void NameTable::mark_defined(std::string_view text) {
  const std::string key(text);
  const base::LockGuard guard(lock_);
  base::annotate_acquire(this);
  const auto it = names_.find(key);
  if (it != names_.end()) it->second.defined = true;
}

}  // namespace taskscope::instrument
