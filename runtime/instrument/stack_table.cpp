#include "runtime/instrument/stack_table.h"

#include <string_view>

namespace taskscope::instrument {
namespace {

std::string key_of(const StackOfCalls& stack) {
  return {reinterpret_cast<const char*>(stack.calls.data()), stack.calls.size_bytes()};
}

}  // namespace

StackTable::Entry StackTable::find(const StackOfCalls& stack) {
  std::string key = key_of(stack);
  const base::LockGuard guard(lock_);
  const auto it = entries_.find(key);
  if (it != entries_.end()) return it->second;
  if (entries_.size() >= kStacksMax) return {.id = 0, .defined = true};
  const auto id = static_cast<trace_format::StackId>(entries_.size() + 1);
  return entries_.emplace(std::move(key), Entry{.id = id}).first->second;
}

void StackTable::mark_defined(const StackOfCalls& stack) {
  const std::string key = key_of(stack);
  const base::LockGuard guard(lock_);
  const auto it = entries_.find(key);
  if (it != entries_.end()) it->second.defined = true;
}

}  // namespace taskscope::instrument
