#include "recorder/store/stack_table.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "recorder/store/query_rows.h"

namespace taskscope::store {
namespace {

std::string last_part(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return std::string(slash == path.npos ? path : path.substr(slash + 1));
}

// What a call without a name is called.
std::string nameless(std::string_view module) {
  return module.empty() ? "unknown function" : "somewhere in " + last_part(module);
}

}  // namespace

Result<StackTable> StackTable::read(const Reader& reader) {
  StackTable table;
  std::vector<StackCall> calls;
  StackId id = 0;
  auto named =
      each_row(reader, "the stacks",
               "SELECT stack_id, function, file, line, inlined, runtime, module FROM call"
               " ORDER BY stack_id, depth",
               [&](const RowValues& values) {
                 const auto stack = number_in<StackId>(values[0]);
                 if (stack != id && !calls.empty()) table.add_stack(id, std::exchange(calls, {}));
                 id = stack;
                 std::string name(text_in(values[1]));
                 if (name.empty()) name = nameless(text_in(values[6]));
                 const std::uint32_t function =
                     table.add_function({.name = std::move(name),
                                         .file = std::string(text_in(values[2])),
                                         .runtime = number_in<int>(values[5]) != 0});
                 calls.push_back({.function = function,
                                  .line = number_in<std::uint32_t>(values[3]) & 0x7fff'ffff,
                                  .inlined = number_in<std::uint32_t>(values[4]) & 1});
               });
  if (!named) return named.error();
  if (!calls.empty()) table.add_stack(id, calls);
  // Those that nobody named: their recorder was killed.
  auto bare = each_row(reader, "the stacks",
                       "SELECT id, addresses FROM stack"
                       " WHERE NOT EXISTS (SELECT 1 FROM frame WHERE stack_id = stack.id)",
                       [&](const RowValues& values) {
                         table.add_addresses(number_in<StackId>(values[0]),
                                             std::string(text_in(values[1])));
                       });
  if (!bare) return bare.error();
  return table;
}

std::uint32_t StackTable::number_of(StackId id) const {
  const auto found = numbers_.find(id);
  return found == numbers_.end() ? kNone : found->second;
}

std::span<const StackCall> StackTable::calls(std::uint32_t number) const {
  if (number >= stacks_.size()) return {};
  const Stack& stack = stacks_[number];
  return std::span(calls_).subspan(stack.first, stack.count);
}

std::span<const StackCall> StackTable::own_calls(std::uint32_t number, Inner inner) const {
  const std::span<const StackCall> all = calls(number);
  const auto is_own = [&](const StackCall& call) { return !function(call).runtime; };
  auto first = std::find_if(all.begin(), all.end(), is_own);
  if (first == all.end()) return all;
  const auto last = std::find_if(all.rbegin(), all.rend(), is_own).base();
  if (inner == Inner::All) return {all.begin(), last};
  if (first != all.begin()) --first;
  return {first, last};
}

std::uint32_t StackTable::add_function(StackFunction function) {
  const auto [at, fresh] = function_numbers_.try_emplace(
      function.name + '\n' + function.file, static_cast<std::uint32_t>(functions_.size()));
  if (fresh) functions_.push_back(std::move(function));
  return at->second;
}

void StackTable::add_stack(StackId id, std::span<const StackCall> calls) {
  if (!numbers_.try_emplace(id, static_cast<std::uint32_t>(stacks_.size())).second) return;
  stacks_.push_back({calls_.size(), static_cast<std::uint32_t>(calls.size())});
  calls_.insert(calls_.end(), calls.begin(), calls.end());
}

void StackTable::add_addresses(StackId id, const std::string& addresses) {
  std::vector<StackCall> calls;
  for (std::size_t at = 0; at < addresses.size();) {
    const std::size_t end = std::min(addresses.find(' ', at), addresses.size());
    if (end > at) {
      const std::uint32_t function = add_function(
          {.name = "0x" + addresses.substr(at, end - at), .file = "", .runtime = false});
      calls.push_back({.function = function});
    }
    at = end + 1;
  }
  add_stack(id, calls);
}

}  // namespace taskscope::store
