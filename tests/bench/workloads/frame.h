// The measuring frame of the runtime's workloads: a case runs one repetition, the frame times it.
//
// A process measures one case and prints one JSON object a repetition: nanoseconds per operation,
// how long the repetition took, and how much of the machine others used meanwhile, so that whoever
// compares can drop what was disturbed. The Go program beside this one prints the same. One task at
// a time uses a Run.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taskscope::bench {

// What one repetition reports.
class Run {
 public:
  explicit Run(double operations) : operations_(operations) {}

  // Only what lies between start() and stop() counts. Without them the whole repetition does.
  void start();
  void stop();

  // For cases whose number of operations is not their size.
  void set_operations(double operations) { operations_ = operations; }
  // A further figure of the repetition.
  void set(std::string_view name, double value) { figures_.emplace_back(name, value); }
  // Median, 99th percentile and maximum of `ns`, in microseconds, as PREFIX_p50_us and so on.
  void set_percentiles(const std::string& prefix, std::vector<std::int64_t> ns);

  double operations() const { return operations_; }
  double timed_ns() const { return timed_ns_; }
  const std::vector<std::pair<std::string, double>>& figures() const { return figures_; }

 private:
  double operations_;
  double timed_ns_ = 0;
  std::int64_t started_ns_ = 0;
  std::vector<std::pair<std::string, double>> figures_;
};

// The size of a case whose cost per operation does not depend on it: as large as the time given.
constexpr std::int64_t kByTime = 0;

struct Case {
  std::string_view name;
  std::int64_t warm;  // the size of a first repetition, which is not reported; 0: none
  std::int64_t size;
  void (*body)(std::int64_t size, Run& run);
};

// The cases, by file.
std::vector<Case> scheduler_cases();
std::vector<Case> channel_cases();
std::vector<Case> net_cases();

struct Repetitions {
  std::int64_t warm = 0;        // 0: none, for which a size is required
  std::int64_t size = kByTime;  // by time: a multiple of `warm`
  double seconds = 0;           // what by time means
  int kept = 1;
};

// Runs a case and prints its lines. REQUIRES: called by a task.
void measure(const Case& bench_case, const Repetitions& repetitions);

std::int64_t resident_bytes();
double own_cpu_s();

}  // namespace taskscope::bench
