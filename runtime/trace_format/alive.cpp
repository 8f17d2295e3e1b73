#include "runtime/trace_format/alive.h"

#include <array>
#include <cstddef>

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {
namespace {

constexpr std::array<std::string_view, 4> kStates{"runnable", "running", "blocked", "syscall"};

std::optional<AliveState> parse_state(std::string_view text) {
  for (std::size_t i = 0; i < kStates.size(); ++i) {
    if (kStates[i] == text) return static_cast<AliveState>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string format_alive(const AliveText& alive) {
  std::string text(kStates[static_cast<std::size_t>(alive.state)]);
  for (const std::uint64_t number :
       {std::uint64_t{alive.seq}, alive.age_ns, std::uint64_t{alive.spawn_site}, alive.parent}) {
    text += '\t' + std::to_string(number);
  }
  if (alive.state != AliveState::Blocked) return text;
  text += '\t' + std::string(to_text(alive.reason));
  text += '\t' + std::to_string(alive.wait_site);
  text += '\t' + std::to_string(alive.object);
  return text;
}

std::optional<AliveText> parse_alive(std::string_view text) {
  AliveText alive;
  const auto state = parse_state(take_field(text));
  if (!state) return std::nullopt;
  alive.state = *state;
  constexpr std::uint64_t kAgeMax = std::uint64_t{1} << 62;
  if (!take_number(text, kSeqMask, alive.seq) || !take_number(text, kAgeMax, alive.age_ns) ||
      !take_number(text, kSiteMax, alive.spawn_site) || !take_number(text, kIdMask, alive.parent)) {
    return std::nullopt;
  }
  if (*state != AliveState::Blocked) return text.empty() ? std::optional(alive) : std::nullopt;
  const auto reason = parse_block_reason(take_field(text));
  if (!reason || !take_number(text, kSiteMax, alive.wait_site) ||
      !take_number(text, kIdMask, alive.object) || !text.empty()) {
    return std::nullopt;
  }
  alive.reason = *reason;
  return alive;
}

}  // namespace taskscope::trace_format
