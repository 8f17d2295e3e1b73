// pulse: a program with a steady load, for watching how it is recorded.
//
//   pulse SECONDS TASKS
//
// Each millisecond TASKS short tasks start that hand a number each to one that collects them.
// Prints when the task "beacon" was started (CLOCK_MONOTONIC, in ns): that brings the recording's
// clock together with that of whoever looks at it.
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "runtime/taskscope.h"

namespace {

std::int64_t monotonic_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

bool parse(const char* text, int& number) {
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end && number > 0;
}

}  // namespace

int main(int argc, char** argv) {
  int seconds = 0;
  int tasks = 0;
  if (argc != 3 || !parse(argv[1], seconds) || !parse(argv[2], tasks)) {
    std::fprintf(stderr, "usage: pulse SECONDS TASKS\n");
    return 2;
  }
  return ts::run([&] {
    const std::int64_t before_ns = monotonic_ns();
    ts::go("beacon", [] {});
    const std::int64_t after_ns = monotonic_ns();
    std::printf("%lld\n", static_cast<long long>((before_ns + after_ns) / 2));
    std::fflush(stdout);
    const auto numbers = ts::make_chan<int>();
    ts::go("collector", [numbers] {
      for ([[maybe_unused]] const int number : numbers) continue;
    });
    const std::int64_t end_ns = after_ns + std::int64_t{seconds} * 1'000'000'000;
    while (monotonic_ns() < end_ns) {
      ts::WaitGroup all;
      for (int i = 0; i < tasks; ++i) all.go([numbers, i] { numbers.send(i); });
      all.wait();
      ts::sleep(std::chrono::milliseconds(1));
    }
    numbers.close();
    return 0;
  });
}
