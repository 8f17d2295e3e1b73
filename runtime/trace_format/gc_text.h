// The texts of the events of collected memory: `gc-begin`, `gc-phase`, `gc-end` and `escape-site`.
// FORMAT.md has their form. Plain values, usable from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

struct GcBeginText {
  bool forced = false;           // the program asked for it
  std::uint64_t heap_bytes = 0;  // what lived after the last one, and what was handed out since
  std::uint64_t goal_bytes = 0;  // at which it was to begin

  friend bool operator==(const GcBeginText&, const GcBeginText&) = default;
};

struct GcPhaseText {
  GcPhase phase = GcPhase::Unknown;
  std::uint64_t ago_ns = 0;  // it began so long before the event
  std::uint64_t length_ns = 0;

  friend bool operator==(const GcPhaseText&, const GcPhaseText&) = default;
};

struct GcEndText {
  std::uint64_t live_bytes = 0;
  std::uint64_t live_objects = 0;
  std::uint64_t freed_bytes = 0;
  std::uint64_t goal_bytes = 0;  // at which the next one is to begin

  friend bool operator==(const GcEndText&, const GcEndText&) = default;
};

// What became of all objects that one place in the source has made since the program began.
struct EscapeSiteText {
  std::string file;
  std::uint32_t line = 0;
  std::string function;
  std::string type;
  bool learned = false;             // its objects are made on the heap at once
  std::uint64_t bytes = 0;          // of all
  std::uint64_t escaped_bytes = 0;  // of those that escaped
  std::uint64_t stayed = 0;
  std::uint64_t heap = 0;                               // made outside of all scopes
  std::array<std::uint64_t, kEscapeReasons> reasons{};  // objects that escaped, by reason

  static constexpr std::size_t kFileBytesMax = 1000;  // its end
  static constexpr std::size_t kNameBytesMax = 1000;  // of function and type

  friend bool operator==(const EscapeSiteText&, const EscapeSiteText&) = default;
};

std::string format_gc_begin(const GcBeginText& text);
std::string format_gc_phase(const GcPhaseText& text);
std::string format_gc_end(const GcEndText& text);
// What is too long is cut; tabs in names become spaces.
std::string format_escape_site(const EscapeSiteText& text);
std::optional<GcBeginText> parse_gc_begin(std::string_view text);
std::optional<GcPhaseText> parse_gc_phase_text(std::string_view text);
std::optional<GcEndText> parse_gc_end(std::string_view text);
std::optional<EscapeSiteText> parse_escape_site(std::string_view text);

}  // namespace taskscope::trace_format
