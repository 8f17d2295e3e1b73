#include "runtime/trace_format/gc_text.h"

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {
namespace {

constexpr std::uint64_t kNumberMax = std::uint64_t{1} << 62;

std::string joined(std::initializer_list<std::uint64_t> numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) {
    if (!text.empty()) text += '\t';
    text += std::to_string(std::min(number, kNumberMax));
  }
  return text;
}

std::string plain(std::string_view name) {
  std::string text(name);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\t' || c == '\n'; }, ' ');
  return text;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string_view first_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && is_continuation(text[bytes_max])) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string_view last_of(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  text.remove_prefix(text.size() - bytes_max);
  while (!text.empty() && is_continuation(text.front())) text.remove_prefix(1);
  return text;
}

}  // namespace

std::string format_gc_begin(const GcBeginText& text) {
  return joined({text.forced ? 1u : 0u, text.heap_bytes, text.goal_bytes});
}

std::string format_gc_phase(const GcPhaseText& text) {
  return std::string(to_text(text.phase)) + '\t' + joined({text.ago_ns, text.length_ns});
}

std::string format_gc_end(const GcEndText& text) {
  return joined({text.live_bytes, text.live_objects, text.freed_bytes, text.goal_bytes});
}

std::string format_escape_site(const EscapeSiteText& text) {
  std::string out = plain(last_of(text.file, EscapeSiteText::kFileBytesMax));
  out += '\t' + std::to_string(text.line);
  out += '\t' + plain(first_of(text.function, EscapeSiteText::kNameBytesMax));
  out += '\t' + plain(first_of(text.type, EscapeSiteText::kNameBytesMax));
  out += '\t' +
         joined({text.learned ? 1u : 0u, text.bytes, text.escaped_bytes, text.stayed, text.heap});
  for (std::size_t reason = 1; reason < kEscapeReasons; ++reason) {
    if (text.reasons[reason] == 0) continue;
    out += '\t' + std::string(to_text(static_cast<EscapeReason>(reason)));
    out += '\t' + joined({text.reasons[reason]});
  }
  return out;
}

std::optional<GcBeginText> parse_gc_begin(std::string_view text) {
  GcBeginText begin;
  const bool good = take_number(text, 1, begin.forced) &&
                    take_number(text, kNumberMax, begin.heap_bytes) &&
                    take_number(text, kNumberMax, begin.goal_bytes) && text.empty();
  return good ? std::optional(begin) : std::nullopt;
}

std::optional<GcPhaseText> parse_gc_phase_text(std::string_view text) {
  const auto phase = parse_gc_phase(take_field(text));
  GcPhaseText of;
  const bool good = phase && take_number(text, kNumberMax, of.ago_ns) &&
                    take_number(text, kNumberMax, of.length_ns) && text.empty() &&
                    of.length_ns <= of.ago_ns;
  if (!good) return std::nullopt;
  of.phase = *phase;
  return of;
}

std::optional<GcEndText> parse_gc_end(std::string_view text) {
  GcEndText end;
  const bool good = take_number(text, kNumberMax, end.live_bytes) &&
                    take_number(text, kNumberMax, end.live_objects) &&
                    take_number(text, kNumberMax, end.freed_bytes) &&
                    take_number(text, kNumberMax, end.goal_bytes) && text.empty();
  return good ? std::optional(end) : std::nullopt;
}

std::optional<EscapeSiteText> parse_escape_site(std::string_view text) {
  EscapeSiteText site;
  site.file = take_field(text);
  if (!take_number(text, std::numeric_limits<std::uint32_t>::max(), site.line)) return std::nullopt;
  site.function = take_field(text);
  site.type = take_field(text);
  if (!take_number(text, 1, site.learned) || !take_number(text, kNumberMax, site.bytes) ||
      !take_number(text, kNumberMax, site.escaped_bytes) ||
      !take_number(text, kNumberMax, site.stayed) || !take_number(text, kNumberMax, site.heap)) {
    return std::nullopt;
  }
  while (!text.empty()) {
    const auto reason = parse_escape_reason(take_field(text));
    if (!reason ||
        !take_number(text, kNumberMax, site.reasons[static_cast<std::size_t>(*reason)])) {
      return std::nullopt;
    }
  }
  return site;
}

}  // namespace taskscope::trace_format
