#include "runtime/trace_format/codec.h"

#include <algorithm>
#include <charconv>

namespace taskscope::trace_format {
namespace {

// The longest prefix of at most `limit` bytes that does not cut a UTF-8 character.
std::string_view cut_utf8(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit);
}

}  // namespace

Decoded decode_next(std::span<const Record> records) {
  Decoded result{.status = DecodeStatus::Ok, .records = 1, .event = decode(records[0]), .text = {}};
  const EventSpec* spec = find_event_spec(static_cast<std::uint8_t>(result.event.kind));
  if (spec == nullptr) {
    result.status = DecodeStatus::UnknownKind;
    return result;
  }
  if (spec->aux != AuxField::Bytes) return result;
  const std::size_t bytes = result.event.aux;
  if (bytes > kTextBytesMax) {
    result.status = DecodeStatus::BadLength;
    return result;
  }
  const std::size_t needed = 1 + continuation_records(bytes);
  if (needed > records.size()) {
    result.status = DecodeStatus::NeedMore;
    result.records = 0;
    return result;
  }
  result.records = needed;
  result.text = {reinterpret_cast<const char*>(records.data() + 1), bytes};
  return result;
}

std::size_t encode_text(Event event, std::string_view text, TextRecords& out) {
  text = cut_utf8(text, kTextBytesMax);
  event.aux = static_cast<std::uint32_t>(text.size());
  out[0] = encode(event);
  const std::size_t count = continuation_records(text.size());
  if (count > 0) {
    out[count] = {};
    std::memcpy(out.data() + 1, text.data(), text.size());
  }
  return 1 + count;
}

std::optional<SiteText> parse_site(std::string_view text) {
  const std::size_t first = text.find('\t');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('\t', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  SiteText site;
  const auto [end, error] = std::from_chars(text.data(), text.data() + first, site.line);
  if (error != std::errc() || end != text.data() + first) return std::nullopt;
  site.file = text.substr(first + 1, second - first - 1);
  site.function = text.substr(second + 1);
  return site;
}

}  // namespace taskscope::trace_format
