// Times as text that loses nothing: "1.234567ms". What command lines and view texts are made of;
// duration_text.h has times as people read them. Pure functions, usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace taskscope::analysis {

// In the largest of s, ms, us, ns in which it is at least 1, with all its digits: "-20ms", "0ns".
std::string exact_time_text(std::int64_t ns);

// The other way, from any of s, ms, us (µs), ns, min, or without a unit for nanoseconds. What is
// finer than a nanosecond is cut off. Nothing if it is not a time, or not one of 64 bits.
std::optional<std::int64_t> parse_time(std::string_view text);

}  // namespace taskscope::analysis
