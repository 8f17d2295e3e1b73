#include "runtime/trace_format/stack_text.h"

#include <charconv>
#include <system_error>

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {
namespace {

constexpr std::string_view kNobody = "-";

// False unless `field` is one whole number.
bool parse_hex(std::string_view field, std::uint64_t& out) {
  const char* const end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, out, 16);
  return error == std::errc() && stop == end;
}

void add_list(std::span<const std::uint64_t> values, TextBuffer& out) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.add(' ');
    out.add_hex(values[i]);
  }
}

bool parse_list(std::string_view text, std::size_t count_max, std::vector<std::uint64_t>& out) {
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    std::uint64_t value = 0;
    if (out.size() == count_max || !parse_hex(text.substr(0, end), value)) return false;
    out.push_back(value);
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
    if (text.empty()) return false;
  }
  return true;
}

}  // namespace

void TextBuffer::add_hex(std::uint64_t value) {
  int shift = 60;
  while (shift > 0 && value >> shift == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) add("0123456789abcdef"[value >> shift & 15]);
}

void TextBuffer::add_decimal(std::uint64_t value) {
  std::array<char, 20> digits;
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (count > 0) add(digits[--count]);
}

void format_stack(std::span<const std::uint64_t> calls, TextBuffer& out) { add_list(calls, out); }

std::optional<std::vector<std::uint64_t>> parse_stack(std::string_view text) {
  std::vector<std::uint64_t> calls;
  if (!parse_list(text, kStackCallsMax, calls) || calls.empty()) return std::nullopt;
  return calls;
}

std::string format_module(const ModuleText& module) {
  TextBuffer numbers;
  for (const std::uint64_t number : {module.bias, module.first, module.end}) {
    numbers.add_hex(number);
    numbers.add('\t');
  }
  std::string text(numbers.view());
  text += module.build_id;
  text += '\t';
  text += module.path;
  return text;
}

std::optional<ModuleText> parse_module(std::string_view text) {
  ModuleText module;
  if (!parse_hex(take_field(text), module.bias) || !parse_hex(take_field(text), module.first) ||
      !parse_hex(take_field(text), module.end) || module.end <= module.first) {
    return std::nullopt;
  }
  module.build_id = take_field(text);
  if (text.empty()) return std::nullopt;
  module.path = text;
  return module;
}

void format_sample(const SampleText& sample, TextBuffer& out) {
  if (sample.worker == kNoWorker) {
    out.add(kNobody.front());
  } else {
    out.add_decimal(sample.worker);
  }
  out.add('\t');
  out.add_decimal(sample.thread);
  out.add('\t');
  out.add_decimal(sample.lost);
  out.add('\t');
  add_list(sample.calls, out);
  out.add('\t');
  add_list(sample.top_words, out);
}

std::optional<ParsedSample> parse_sample(std::string_view text) {
  ParsedSample sample;
  std::string_view rest = text;
  if (rest.substr(0, rest.find('\t')) == kNobody) {
    take_field(rest);
  } else if (!take_number(rest, kWorkerMax, sample.worker)) {
    return std::nullopt;
  }
  if (!take_number(rest, kIdMask, sample.thread) || !take_number(rest, kIdMask, sample.lost) ||
      !parse_list(take_field(rest), kStackCallsMax, sample.calls) ||
      !parse_list(take_field(rest), kTopWordsMax, sample.top_words) || !rest.empty()) {
    return std::nullopt;
  }
  if (sample.calls.empty() && sample.lost == 0) return std::nullopt;  // says nothing
  return sample;
}

}  // namespace taskscope::trace_format
