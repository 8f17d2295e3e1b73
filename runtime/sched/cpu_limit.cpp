#include "runtime/sched/cpu_limit.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

namespace taskscope::sched {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

File open_file(const std::string& path) { return File(std::fopen(path.c_str(), "re")); }

std::string read_all(const std::string& path) {
  std::string text;
  const File file = open_file(path);
  char part[4096];
  while (file != nullptr) {
    const std::size_t size = std::fread(part, 1, sizeof part, file.get());
    if (size == 0) break;
    text.append(part, size);
  }
  return text;
}

// "max 100000" has no number first: no limit.
std::optional<std::uint32_t> to_cpus(long long quota_us, long long period_us) {
  if (quota_us <= 0 || period_us <= 0) return std::nullopt;
  return static_cast<std::uint32_t>((quota_us + period_us - 1) / period_us);
}

std::optional<std::uint32_t> limit_of_group(const std::string& folder, bool version_2) {
  long long quota_us = 0;
  long long period_us = 0;
  if (version_2) {
    const File file = open_file(folder + "/cpu.max");
    if (file == nullptr) return std::nullopt;
    if (std::fscanf(file.get(), "%lld %lld", &quota_us, &period_us) != 2) return std::nullopt;
    return to_cpus(quota_us, period_us);
  }
  const File quota = open_file(folder + "/cpu.cfs_quota_us");
  const File period = open_file(folder + "/cpu.cfs_period_us");
  if (quota == nullptr || period == nullptr) return std::nullopt;
  if (std::fscanf(quota.get(), "%lld", &quota_us) != 1) return std::nullopt;
  if (std::fscanf(period.get(), "%lld", &period_us) != 1) return std::nullopt;
  return to_cpus(quota_us, period_us);
}

void tighten(std::optional<std::uint32_t>& limit, std::optional<std::uint32_t> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

// From the group up to the mount's root: in a container the upper folders may be another's, or the
// group's own folder be mounted as the root.
void tighten_upwards(std::optional<std::uint32_t>& limit, const std::string& root, std::string path,
                     bool version_2) {
  for (;;) {
    tighten(limit, limit_of_group(root + path, version_2));
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return;
    path.resize(slash);
  }
}

// The kernel refuses a set that is too small for the machine; cpu_set_t has room for 1,024.
int count_affinity() {
  for (std::size_t sets = 1; sets <= 64; sets *= 2) {
    std::vector<cpu_set_t> mask(sets);
    const std::size_t bytes = sets * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) == 0) return CPU_COUNT_S(bytes, mask.data());
    if (errno != EINVAL) break;
  }
  return 1;
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<std::uint32_t> cgroup_limit(const std::string& list, const std::string& mount) {
  std::optional<std::uint32_t> limit;
  std::string_view rest = list;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    // "HIERARCHY:CONTROLLERS:PATH"; version 2 has no controllers there.
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    std::string path(line.substr(second + 1));
    if (path == "/") path.clear();
    if (controllers.empty()) {
      tighten_upwards(limit, mount, path, true);
    } else if (lists_cpu(controllers)) {
      tighten_upwards(limit, mount + "/cpu", path, false);
      tighten_upwards(limit, mount + '/' + std::string(controllers), path, false);
    }
  }
  return limit;
}

std::uint32_t usable_cpus() {
  const auto cpus = static_cast<std::uint32_t>(std::max(1, count_affinity()));
  const auto limit = cgroup_limit(read_all("/proc/self/cgroup"), "/sys/fs/cgroup");
  return std::clamp(limit.value_or(cpus), 1u, cpus);
}

}  // namespace taskscope::sched
