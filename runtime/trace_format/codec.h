// Events to and from the 16-byte records of a ring.
//
// A record is two little-endian words: word0 = ticks << 8 | kind, word1 = aux << 40 | id. An event
// whose aux is Bytes is followed by ceil(bytes / 16) continuation records of raw text.
// Stateless; usable from any thread. Decoding trusts nothing: unknown kinds and bad lengths are
// reported, never followed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

struct Record {
  std::uint64_t word0 = 0;
  std::uint64_t word1 = 0;

  friend bool operator==(const Record&, const Record&) = default;
};
static_assert(sizeof(Record) == 16);

constexpr Record encode(const Event& event) {
  return {event.ticks << 8 | static_cast<std::uint8_t>(event.kind),
          std::uint64_t{event.aux} << kIdBits | (event.id & kIdMask)};
}

constexpr Event decode(const Record& record) {
  return {.ticks = record.word0 >> 8,
          .id = record.word1 & kIdMask,
          .aux = static_cast<std::uint32_t>(record.word1 >> kIdBits),
          .kind = static_cast<EventKind>(record.word0 & 0xff)};
}

// Continuation records that a text of `bytes` takes.
constexpr std::size_t continuation_records(std::size_t bytes) {
  return (bytes + sizeof(Record) - 1) / sizeof(Record);
}

enum class DecodeStatus : std::uint8_t {
  Ok,
  NeedMore,     // the text of a text event is not complete in the records given
  UnknownKind,  // skip one record and go on: a newer minor version, or damage
  BadLength,    // a text longer than kTextBytesMax: damage
};

struct Decoded {
  DecodeStatus status = DecodeStatus::Ok;
  std::size_t records = 0;  // consumed; at least 1 unless NeedMore
  Event event;
  std::string_view text;  // into the records given; empty unless the event carries text
};

// Decodes the first event of `records`. REQUIRES: !records.empty().
Decoded decode_next(std::span<const Record> records);

// Writes an event with text into `out` (event first, zero padding last) and returns the number of
// records. Text over kTextBytesMax is cut at a UTF-8 character boundary.
using TextRecords = std::array<Record, 1 + kTextBytesMax / sizeof(Record)>;
std::size_t encode_text(Event event, std::string_view text, TextRecords& out);

// A source position as a SiteName text, and back. parse_site fails on text without two tabs.
struct SiteText {
  std::uint32_t line = 0;
  std::string_view file;
  std::string_view function;
};
std::optional<SiteText> parse_site(std::string_view text);

}  // namespace taskscope::trace_format
