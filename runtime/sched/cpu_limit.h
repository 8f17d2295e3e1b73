// How many processors this process may use: its affinity mask, and the CPU limits of the control
// groups that it is in. Read once at the start of a run; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace taskscope::sched {

// Processors of the affinity mask, cut to the limit of the control groups; at least 1.
std::uint32_t usable_cpus();

// The tightest limit, rounded up to whole processors, of the groups that `list` (the text of
// /proc/self/cgroup) names and of those above them, below the folder `mount`. Version 2 (cpu.max)
// and version 1 (cpu.cfs_quota_us). None if no group is limited.
std::optional<std::uint32_t> cgroup_limit(const std::string& list, const std::string& mount);

}  // namespace taskscope::sched
