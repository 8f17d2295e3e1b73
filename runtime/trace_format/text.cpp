#include "runtime/trace_format/text.h"

#include <charconv>
#include <cstddef>
#include <optional>

namespace taskscope::trace_format {
namespace {

std::string_view id_key(IdField field) {
  switch (field) {
    case IdField::None:
      return "";
    case IdField::Task:
      return "task";
    case IdField::Object:
      return "object";
    case IdField::Worker:
      return "worker";
    case IdField::Thread:
      return "thread";
    case IdField::Site:
      return "site";
    case IdField::Count:
      return "count";
    case IdField::Name:
      return "name";
    case IdField::Value:
      return "value";
    case IdField::Stack:
      return "stack";
  }
  return "";
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      default:
        out += c;
    }
  }
  out += '"';
}

// Reads one line from left to right; every function returns nullopt or false on a mismatch.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

  std::string_view word() {
    skip_spaces();
    const std::size_t end = rest_.find_first_of(" \t");
    const std::string_view result = rest_.substr(0, end);
    rest_.remove_prefix(result.size());
    return result;
  }

  std::optional<std::uint64_t> number(std::uint64_t limit) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value > limit) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::optional<std::uint64_t> spaced_number(std::uint64_t limit) {
    skip_spaces();
    return number(limit);
  }

  bool key(std::string_view name) {
    skip_spaces();
    if (rest_.substr(0, name.size()) != name || rest_.size() <= name.size() ||
        rest_[name.size()] != '=') {
      return false;
    }
    rest_.remove_prefix(name.size() + 1);
    return true;
  }

  std::optional<std::uint64_t> keyed_number(std::string_view name, std::uint64_t limit) {
    return key(name) ? number(limit) : std::nullopt;
  }

  // A number that may be negative, of 40 bits with its sign.
  std::optional<std::uint64_t> keyed_value(std::string_view name) {
    if (!key(name)) return std::nullopt;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || !fits_value(value)) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return pack_value(value);
  }

  std::optional<std::string> quoted() {
    skip_spaces();
    if (rest_.empty() || rest_[0] != '"') return std::nullopt;
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        rest_.remove_prefix(i + 1);
        return out;
      }
      if (rest_[i] != '\\') {
        out += rest_[i];
        continue;
      }
      if (++i == rest_.size()) return std::nullopt;
      out += rest_[i] == 't' ? '\t' : rest_[i] == 'n' ? '\n' : rest_[i];
    }
    return std::nullopt;
  }

 private:
  void skip_spaces() {
    const std::size_t first = rest_.find_first_not_of(" \t");
    rest_.remove_prefix(first == std::string_view::npos ? rest_.size() : first);
  }

  std::string_view rest_;
};

bool parse_ring(std::string_view word, WorkerId& ring) {
  if (word == "ext") {
    ring = kNoWorker;
    return true;
  }
  if (word.size() < 2 || word[0] != 'w') return false;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + word.size(), ring);
  return error == std::errc() && end == word.data() + word.size() && ring <= kWorkerMax;
}

bool parse_aux(LineReader& line, AuxField field, TextEvent& out) {
  const auto assign = [&out](std::optional<std::uint64_t> value) {
    if (value) out.event.aux = static_cast<std::uint32_t>(*value);
    return value.has_value();
  };
  switch (field) {
    case AuxField::None:
      return true;
    case AuxField::Seq:
      return assign(line.keyed_number("seq", kSeqMask));
    case AuxField::Site:
      return assign(line.keyed_number("site", kSiteMax));
    case AuxField::Count:
      return assign(line.keyed_number("count", kAuxMask));
    case AuxField::ReasonSite: {
      if (!line.key("reason")) return false;
      const auto text = line.quoted();
      const auto reason = text ? parse_block_reason(*text) : std::nullopt;
      const auto site = line.keyed_number("site", kSiteMax);
      if (!reason || !site) return false;
      out.event.aux = pack_reason_site(*reason, static_cast<SiteId>(*site));
      return true;
    }
    case AuxField::KindSite: {
      if (!line.key("kind")) return false;
      const auto kind = parse_object_kind(line.word());
      const auto site = line.keyed_number("site", kSiteMax);
      if (!kind || !site) return false;
      out.event.aux = pack_kind_site(*kind, static_cast<SiteId>(*site));
      return true;
    }
    case AuxField::VictimCount: {
      const auto victim = line.keyed_number("victim", kWorkerMax);
      const auto count = line.keyed_number("count", 0xfff);
      if (!victim || !count) return false;
      out.event.aux =
          pack_victim_count(static_cast<WorkerId>(*victim), static_cast<std::uint32_t>(*count));
      return true;
    }
    case AuxField::Operation: {
      if (!line.key("operation")) return false;
      const auto operation = parse_arm_operation(line.word());
      if (!operation) return false;
      out.event.aux = static_cast<std::uint32_t>(*operation);
      return true;
    }
    case AuxField::DepthSite: {
      const auto depth = line.keyed_number("depth", 0xff);
      const auto site = line.keyed_number("site", kSiteMax);
      if (!depth || !site) return false;
      out.event.aux =
          pack_depth_site(static_cast<std::uint8_t>(*depth), static_cast<SiteId>(*site));
      return true;
    }
    case AuxField::Name:
      return assign(line.keyed_number("name", kNameMax));
    case AuxField::Bytes: {
      auto text = line.quoted();
      if (!text || text->size() > kTextBytesMax) return false;
      out.text = std::move(*text);
      out.event.aux = static_cast<std::uint32_t>(out.text.size());
      return true;
    }
  }
  return false;
}

// Null on success, else what is wrong with the line.
const char* parse_line(std::string_view text, TextEvent& out) {
  LineReader line(text);
  if (!parse_ring(line.word(), out.ring)) return "a ring (w0, w1, … or ext) should come first";
  const auto ticks = line.spaced_number((std::uint64_t{1} << kTickBits) - 1);
  if (!ticks) return "ticks (a number below 2^56) should come second";
  const EventSpec* spec = find_event_spec(line.word());
  if (spec == nullptr) return "there is no event of this name in events.def";
  out.event.ticks = *ticks;
  out.event.kind = spec->kind;
  if (spec->id != IdField::None) {
    const bool is_value = spec->id == IdField::Value;
    const auto id = is_value ? line.keyed_value(id_key(spec->id))
                             : line.keyed_number(id_key(spec->id), kIdMask);
    if (!id) return "its first argument is missing, misnamed or out of range";
    out.event.id = *id;
  }
  if (!parse_aux(line, spec->aux, out)) return "its last argument is missing or out of range";
  if (!line.at_end()) return "there is something after the last argument";
  return nullptr;
}

}  // namespace

Result<std::vector<TextEvent>> parse_text(std::string_view trace) {
  std::vector<TextEvent> events;
  std::size_t line_number = 0;
  while (!trace.empty()) {
    const std::size_t end = trace.find('\n');
    std::string_view line = trace.substr(0, end);
    trace.remove_prefix(end == std::string_view::npos ? trace.size() : end + 1);
    ++line_number;
    // A `#` inside quotes is text, so only whole-line comments exist.
    const std::size_t first = line.find_first_not_of(" \t");
    if (first == std::string_view::npos || line[first] == '#') continue;
    TextEvent event;
    if (const char* wrong = parse_line(line, event)) {
      return Error{"trace text, line " + std::to_string(line_number) + ": " + wrong + ": " +
                   std::string(line)};
    }
    events.push_back(std::move(event));
  }
  return events;
}

std::string format_text(const TextEvent& item) {
  const EventSpec* spec = find_event_spec(static_cast<std::uint8_t>(item.event.kind));
  std::string out = item.ring == kNoWorker ? "ext" : "w" + std::to_string(item.ring);
  out += ' ' + std::to_string(item.event.ticks) + ' ';
  if (spec == nullptr) return out + "unknown";
  out += spec->text;
  const auto add = [&out](std::string_view key, std::uint64_t value) {
    out += ' ';
    out += key;
    out += '=' + std::to_string(value);
  };
  const std::uint32_t aux = item.event.aux;
  if (spec->id == IdField::Value) {
    out += " value=" + std::to_string(unpack_value(item.event.id));
  } else if (spec->id != IdField::None) {
    add(id_key(spec->id), item.event.id);
  }
  switch (spec->aux) {
    case AuxField::None:
      break;
    case AuxField::Seq:
      add("seq", aux);
      break;
    case AuxField::Site:
      add("site", aux);
      break;
    case AuxField::Count:
      add("count", aux);
      break;
    case AuxField::ReasonSite:
      out += " reason=";
      append_quoted(out, to_text(aux_reason(aux)));
      add("site", aux_site(aux));
      break;
    case AuxField::KindSite:
      out += " kind=";
      out += to_text(aux_object_kind(aux));
      add("site", aux_site(aux));
      break;
    case AuxField::VictimCount:
      add("victim", aux_victim(aux));
      add("count", aux_count(aux));
      break;
    case AuxField::Operation:
      out += " operation=";
      out += to_text(aux_operation(aux));
      break;
    case AuxField::DepthSite:
      add("depth", aux_depth(aux));
      add("site", aux_site(aux));
      break;
    case AuxField::Name:
      add("name", aux);
      break;
    case AuxField::Bytes:
      out += ' ';
      append_quoted(out, item.text);
      break;
  }
  return out;
}

}  // namespace taskscope::trace_format
