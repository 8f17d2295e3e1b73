// Numbers and names as people read them: instants, shares, shortened labels, and beside them the
// durations and counts of viewer/analysis.
// Pure functions, usable from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "viewer/analysis/duration_text.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

// As the command says them.
using analysis::bytes_text;
using analysis::count_text;
using analysis::duration_text;

// An instant in the unit that suits ticks `step_ns` apart, so that neighbours agree, with as many
// digits as it takes to tell instants `precision_ns` apart (0: the step): "9.5 ms", "0.25 s".
std::string format_instant(std::int64_t ns, std::int64_t step_ns, std::int64_t precision_ns = 0);

// "8.000 – 9.000 ms": a thousandth of the range can be told apart.
std::string format_range(TimeRange range);

std::string format_share(double share);  // "0 %", "<0.1 %", "3.4 %", "57 %", "100 %"

// From the longest to the shortest: `ns::Type<T>::fn(args)`, `Type::fn`, `fn`. Never empty.
std::vector<std::string> shortened_names(std::string_view name);

// A function's name without arguments, its own and those of templates, and without what it returns:
// what a person calls it. Never empty.
std::string plain_name(std::string_view name);

// The longest of shortened_names for which `width_px` is at most `room_px`; else the shortest one
// cropped with "…"; empty if even a cropped one would need more than `room_px`.
std::string fit_label(std::string_view name, float room_px,
                      const std::function<float(std::string_view)>& width_px);

// "main.cpp:42", or "unknown place" for an empty file.
std::string format_site(std::string_view file, std::uint32_t line);

}  // namespace taskscope::viewer
