// The two clocks of a trace: raw ticks for events, nanoseconds for everything shown to people.
//
// Ticks are the cheapest monotonic counter of the machine that all cores share: the time-stamp
// counter on x86-64 (when the kernel says that it is invariant), the virtual counter on aarch64,
// and CLOCK_MONOTONIC in nanoseconds where neither can be trusted. The producer of a trace writes
// ticks and says in its Hello which clock they come from; the recorder turns them into
// nanoseconds with anchors, pairs of both clocks read together. Callable from any thread.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace taskscope::base {

enum class TickSource : std::uint8_t { Hardware = 1, MonotonicNs = 2 };

// Nanoseconds since boot (CLOCK_MONOTONIC).
std::int64_t monotonic_ns();
// Nanoseconds since 1970-01-01 UTC (CLOCK_REALTIME).
std::int64_t realtime_ns();

// Hardware if this machine's counter is constant-rate and shared by all cores, and the kernel
// counts it among its own clock sources; else MonotonicNs. Decided once per process.
TickSource tick_source();

// The hardware counter itself. REQUIRES: tick_source() == TickSource::Hardware.
inline std::uint64_t hardware_ticks() {
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

// Ticks of tick_source(). The tracer's hot path uses hardware_ticks() when it may.
inline std::uint64_t ticks(TickSource source) {
  return source == TickSource::Hardware ? hardware_ticks()
                                        : static_cast<std::uint64_t>(monotonic_ns());
}

// Both clocks, read together: `ticks` was the counter when CLOCK_MONOTONIC was `monotonic_ns`.
// The pair with the shortest read of several tries is kept (about 25 ns of uncertainty).
struct ClockAnchor {
  std::uint64_t ticks = 0;
  std::int64_t monotonic_ns = 0;
  std::int64_t realtime_ns = 0;
};
ClockAnchor read_clock_anchor(TickSource source);

}  // namespace taskscope::base
