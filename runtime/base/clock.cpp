#include "runtime/base/clock.h"

#include <time.h>

#include <cstdio>
#include <cstring>
#include <limits>
#include <string>

namespace taskscope::base {
namespace {

std::int64_t read_clock_ns(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

#if defined(__x86_64__)
bool cpu_says_constant_tsc() {
  std::FILE* file = std::fopen("/proc/cpuinfo", "re");
  if (file == nullptr) return false;
  char line[8192];
  bool constant = false;
  while (std::fgets(line, sizeof line, file) != nullptr) {
    if (std::strncmp(line, "flags", 5) != 0) continue;
    constant = std::strstr(line, " constant_tsc") != nullptr &&
               std::strstr(line, " nonstop_tsc") != nullptr;
    break;
  }
  std::fclose(file);
  return constant;
}

// The kernel watches the counter against other clocks and strikes it from this list when it
// drifts or differs between cores. True also if the list cannot be read (a container without /sys).
bool kernel_trusts_tsc() {
  std::FILE* file =
      std::fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "re");
  if (file == nullptr) return true;
  char line[256] = "";
  const bool read = std::fgets(line, sizeof line, file) != nullptr;
  std::fclose(file);
  return !read || (std::string(" ") + line).find(" tsc") != std::string::npos;
}
#endif

TickSource find_tick_source() {
#if defined(__x86_64__)
  return cpu_says_constant_tsc() && kernel_trusts_tsc() ? TickSource::Hardware
                                                        : TickSource::MonotonicNs;
#elif defined(__aarch64__)
  return TickSource::Hardware;
#else
  return TickSource::MonotonicNs;
#endif
}

}  // namespace

std::int64_t monotonic_ns() { return read_clock_ns(CLOCK_MONOTONIC); }
std::int64_t realtime_ns() { return read_clock_ns(CLOCK_REALTIME); }

TickSource tick_source() {
  static const TickSource source = find_tick_source();
  return source;
}

ClockAnchor read_clock_anchor(TickSource source) {
  ClockAnchor best;
  std::uint64_t best_width = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = ticks(source);
    const std::int64_t now_ns = monotonic_ns();
    const std::uint64_t after = ticks(source);
    if (after - before >= best_width) continue;
    best_width = after - before;
    best.ticks = source == TickSource::MonotonicNs ? static_cast<std::uint64_t>(now_ns)
                                                   : before + (after - before) / 2;
    best.monotonic_ns = now_ns;
  }
  best.realtime_ns = realtime_ns();
  return best;
}

}  // namespace taskscope::base
