#include "tests/bench/workloads/frame.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>

#include <nlohmann/json.hpp>

#include "runtime/base/clock.h"

namespace taskscope::bench {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// Processor time of the whole machine, in seconds: by anybody, and taken away by the hypervisor.
struct MachineTime {
  double busy = 0;
  double stolen = 0;
};

MachineTime read_machine_time() {
  MachineTime time;
  const File file(std::fopen("/proc/stat", "re"), std::fclose);
  if (file == nullptr) return time;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0,
                     steal = 0;
  if (std::fscanf(file.get(), "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system,
                  &idle, &wait, &irq, &soft, &steal) == 8) {
    constexpr double kTicksPerSecond = 100;  // USER_HZ
    time.busy = static_cast<double>(user + nice + system + irq + soft) / kTicksPerSecond;
    time.stolen = static_cast<double>(steal) / kTicksPerSecond;
  }
  return time;
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

nlohmann::json repeat(const Case& bench_case, std::int64_t size) {
  Run run(static_cast<double>(size));
  const MachineTime machine_before = read_machine_time();
  const double own_before = own_cpu_s();
  const std::int64_t before = base::monotonic_ns();
  bench_case.body(size, run);
  const auto whole_ns = static_cast<double>(base::monotonic_ns() - before);
  const double own = own_cpu_s() - own_before;
  const MachineTime machine = read_machine_time();
  const double timed_ns = run.timed_ns() == 0 ? whole_ns : run.timed_ns();
  nlohmann::json line = {{"case", bench_case.name},
                         {"operations", run.operations()},
                         {"ns_op", timed_ns / run.operations()},
                         {"wall_s", whole_ns / 1e9},
                         {"cpu_s", own},
                         {"foreign_s", machine.busy - machine_before.busy - own},
                         {"stolen_s", machine.stolen - machine_before.stolen}};
  for (const auto& [name, value] : run.figures()) line[name] = value;
  return line;
}

}  // namespace

void Run::start() { started_ns_ = base::monotonic_ns(); }
void Run::stop() { timed_ns_ += static_cast<double>(base::monotonic_ns() - started_ns_); }

void Run::set_percentiles(const std::string& prefix, std::vector<std::int64_t> ns) {
  std::sort(ns.begin(), ns.end());
  const auto us = [&](std::size_t index) { return static_cast<double>(ns[index]) / 1e3; };
  set(prefix + "_p50_us", us(ns.size() / 2));
  set(prefix + "_p99_us", us(ns.size() * 99 / 100));
  set(prefix + "_max_us", us(ns.size() - 1));
}

void measure(const Case& bench_case, const Repetitions& repetitions) {
  std::int64_t size = repetitions.size;
  if (repetitions.warm != 0) {
    const double warm_s = repeat(bench_case, repetitions.warm)["wall_s"];
    if (size == kByTime) {
      size =
          repetitions.warm * std::max<std::int64_t>(1, std::lround(repetitions.seconds / warm_s));
    }
  }
  for (int i = 0; i < repetitions.kept; ++i) {
    fmt::print("{}\n", repeat(bench_case, size).dump());
    std::fflush(stdout);
  }
}

std::int64_t resident_bytes() {
  const File file(std::fopen("/proc/self/smaps_rollup", "re"), std::fclose);
  if (file == nullptr) return 0;
  char line[256];
  long long kib = 0;
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    if (std::sscanf(line, "Rss: %lld kB", &kib) == 1) break;
  }
  return kib * 1024;
}

double own_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace taskscope::bench
