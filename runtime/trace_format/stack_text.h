// The texts of `stack`, `module` and `sample` events: addresses as hexadecimal numbers.
//
// Plain functions, usable from any thread; what writes a sample does so in a signal handler, so
// nothing that formats allocates or waits. Parsing trusts nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

// More calls of one stack are not told; the innermost are.
inline constexpr std::size_t kStackCallsMax = 32;
// Words from the top of the stack of what was interrupted.
inline constexpr std::size_t kTopWordsMax = 64;

// Text of limited length, made without allocating. What does not fit is left out.
class TextBuffer {
 public:
  void add(char c) {
    if (size_ < text_.size()) text_[size_++] = c;
  }
  void add_hex(std::uint64_t value);
  void add_decimal(std::uint64_t value);
  std::string_view view() const { return {text_.data(), size_}; }

 private:
  std::array<char, kTextBytesMax> text_;
  std::size_t size_ = 0;
};

// "55d0c0ffee12 55d0c0ffee80 …": return addresses, innermost call first.
void format_stack(std::span<const std::uint64_t> calls, TextBuffer& out);
// None unless they are 1 to kStackCallsMax numbers.
std::optional<std::vector<std::uint64_t>> parse_stack(std::string_view text);

// A file of code in the program's memory: "BIAS<tab>FIRST<tab>END<tab>BUILD_ID<tab>PATH".
struct ModuleText {
  std::uint64_t bias = 0;     // address in memory less address in the file
  std::uint64_t first = 0;    // where it begins in memory
  std::uint64_t end = 0;      // the first byte behind it
  std::string_view build_id;  // hexadecimal digits; empty: it has none
  std::string_view path;      // absolute, or a name in brackets of what has no file
};
std::string format_module(const ModuleText& module);
// The views point into `text`.
std::optional<ModuleText> parse_module(std::string_view text);

// What a processor was doing: "WORKER<tab>THREAD<tab>LOST<tab>CALLS<tab>WORDS". The first of the
// calls is the instruction that was next, the others are return addresses found by frame pointers.
// The function of the first may have had no frame yet, or never, so a call between the first and
// the second may be missing: WORDS are the first words of its stack, for who can find it there.
struct SampleText {
  WorkerId worker = kNoWorker;           // written as "-" if there was none
  std::uint64_t thread = 0;              // of the system
  std::uint64_t lost = 0;                // samples before this one that could not be written
  std::span<const std::uint64_t> calls;  // empty: there is no sample, only some were lost
  std::span<const std::uint64_t> top_words;
};
void format_sample(const SampleText& sample, TextBuffer& out);

struct ParsedSample {
  WorkerId worker = kNoWorker;
  std::uint64_t thread = 0;
  std::uint64_t lost = 0;
  std::vector<std::uint64_t> calls;  // empty: only some were lost
  std::vector<std::uint64_t> top_words;
};
std::optional<ParsedSample> parse_sample(std::string_view text);

}  // namespace taskscope::trace_format
