// Numbers and names as people read them: durations, instants, counts, shares, shortened labels.
// Pure functions, usable from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "viewer/model/time_range.h"

namespace taskscope::viewer {

// Three significant digits and a unit: "0 ns", "850 ns", "12.3 µs", "4.56 ms", "1.20 s", "2 min 5
// s".
std::string format_duration(std::int64_t ns);

// An instant in the unit that suits ticks `step_ns` apart, so that neighbours agree, with as many
// digits as it takes to tell instants `precision_ns` apart (0: the step): "9.5 ms", "0.25 s".
std::string format_instant(std::int64_t ns, std::int64_t step_ns, std::int64_t precision_ns = 0);

// "8.000 – 9.000 ms": a thousandth of the range can be told apart.
std::string format_range(TimeRange range);

std::string format_count(std::uint64_t count);  // "1,234,567"
std::string format_share(double share);         // "0 %", "<0.1 %", "3.4 %", "57 %", "100 %"
std::string format_bytes(std::uint64_t bytes);  // "1.5 MB"

// From the longest to the shortest: `ns::Type<T>::fn(args)`, `Type::fn`, `fn`. Never empty.
std::vector<std::string> shortened_names(std::string_view name);

// The longest of shortened_names for which `width_px` is at most `room_px`; else the shortest one
// cropped with "…"; empty if even a cropped one would need more than `room_px`.
std::string fit_label(std::string_view name, float room_px,
                      const std::function<float(std::string_view)>& width_px);

// "main.cpp:42", or "unknown place" for an empty file.
std::string format_site(std::string_view file, std::uint32_t line);

}  // namespace taskscope::viewer
