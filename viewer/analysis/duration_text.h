// Times and amounts as people read them: three significant digits and a unit. Any thread.
#pragma once

#include <cstdint>
#include <string>

namespace taskscope::analysis {

// "0 s", "950 ns", "12.3 µs", "4.56 ms", "1.23 s", "2 min 5 s", "3 h 4 min".
std::string duration_text(std::int64_t ns);
// "999", "12,345", "1,234,567".
std::string count_text(std::uint64_t count);
// "512 B", "4.00 KiB", "1.50 MiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace taskscope::analysis
