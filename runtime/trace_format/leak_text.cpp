#include "runtime/trace_format/leak_text.h"

#include <algorithm>
#include <array>

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {
namespace {

constexpr std::array<std::string_view, 4> kKinds{"self_lock", "lock_deadlock", "abandoned_lock",
                                                 "leaked"};

}  // namespace

std::string_view to_text(LeakKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }

std::optional<LeakKind> parse_leak_kind(std::string_view text) {
  const auto kind = std::find(kKinds.begin(), kKinds.end(), text);
  if (kind == kKinds.end()) return std::nullopt;
  return static_cast<LeakKind>(kind - kKinds.begin());
}

std::string format_leak(const LeakText& leak) {
  std::string text(to_text(leak.kind));
  text += leak.proved ? "\tproved\t" : "\tsuspected\t";
  text += std::to_string(leak.group);
  for (const LeakText::Member& member : leak.members) {
    text += '\t' + std::to_string(member.task) + '\t' + std::to_string(member.holder);
    text += member.is_victim ? "\t1" : "\t0";
  }
  return text;
}

std::optional<LeakText> parse_leak(std::string_view text) {
  LeakText leak;
  const auto kind = parse_leak_kind(take_field(text));
  if (!kind) return std::nullopt;
  leak.kind = *kind;
  const std::string_view tier = take_field(text);
  leak.proved = tier == "proved";
  if ((!leak.proved && tier != "suspected") || !take_number(text, kIdMask, leak.group)) {
    return std::nullopt;
  }
  while (!text.empty()) {
    LeakText::Member member;
    if (!take_number(text, kIdMask, member.task) || !take_number(text, kIdMask, member.holder) ||
        !take_number(text, 1, member.is_victim) || member.task == 0) {
      return std::nullopt;
    }
    leak.members.push_back(member);
  }
  return leak.members.empty() ? std::nullopt : std::optional(leak);
}

}  // namespace taskscope::trace_format
