#include "runtime/trace_format/leak_text.h"

#include <algorithm>
#include <array>

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {
namespace {

constexpr std::uint64_t kDroppedAgoMaxNs = std::uint64_t{1} << 62;
constexpr std::uint64_t kHeldMaxBytes = std::uint64_t{1} << 47;
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
  text += leak.unwound ? "\tunwound\t" : leak.proved ? "\tproved\t" : "\tsuspected\t";
  text += std::to_string(leak.group) + '\t' + leak.dropped_at + '\t' + leak.dropped_in;
  for (const LeakText::Member& member : leak.members) {
    text += '\t' + std::to_string(member.task) + '\t' + std::to_string(member.holder);
    text += member.is_victim ? "\t1\t" : "\t0\t";
    text += std::to_string(member.dropped_by) + '\t' + std::to_string(member.dropped_ago_ns);
    text += '\t' + std::to_string(member.held_bytes);
  }
  return text;
}

std::optional<LeakText> parse_leak(std::string_view text) {
  LeakText leak;
  const auto kind = parse_leak_kind(take_field(text));
  if (!kind) return std::nullopt;
  leak.kind = *kind;
  const std::string_view tier = take_field(text);
  leak.unwound = tier == "unwound";
  leak.proved = tier == "proved" || leak.unwound;
  if ((!leak.proved && tier != "suspected") || !take_number(text, kIdMask, leak.group)) {
    return std::nullopt;
  }
  leak.dropped_at = take_field(text);
  leak.dropped_in = take_field(text);
  while (!text.empty()) {
    LeakText::Member member;
    if (!take_number(text, kIdMask, member.task) || !take_number(text, kIdMask, member.holder) ||
        !take_number(text, 1, member.is_victim) || !take_number(text, kIdMask, member.dropped_by) ||
        !take_number(text, kDroppedAgoMaxNs, member.dropped_ago_ns) ||
        !take_number(text, kHeldMaxBytes, member.held_bytes) || member.task == 0) {
      return std::nullopt;
    }
    leak.members.push_back(member);
  }
  return leak.members.empty() ? std::nullopt : std::optional(leak);
}

}  // namespace taskscope::trace_format
