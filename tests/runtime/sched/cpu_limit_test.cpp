#include "runtime/sched/cpu_limit.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>

namespace taskscope::sched {
namespace {

class CpuLimitTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/cpu_limit_XXXXXX";
    mount_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(mount_); }
  void write(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(mount_ + path).parent_path());
    std::ofstream(mount_ + path) << text;
  }
  std::string mount_;
};

TEST_F(CpuLimitTest, WithoutLimitsThereIsNone) {
  EXPECT_EQ(cgroup_limit("0::/\n", mount_), std::nullopt);
  write("/a/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_limit("0::/a\n", mount_), std::nullopt);
  EXPECT_EQ(cgroup_limit("", mount_), std::nullopt);
  EXPECT_EQ(cgroup_limit("nonsense\n7:\n", mount_), std::nullopt);
}

TEST_F(CpuLimitTest, TheTightestGroupOnTheWayUpCounts) {
  write("/cpu.max", "800000 100000\n");
  write("/a/cpu.max", "250000 100000\n");
  write("/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(cgroup_limit("0::/a/b\n", mount_), 3u);
  EXPECT_EQ(cgroup_limit("0::/\n", mount_), 8u);
  EXPECT_EQ(cgroup_limit("0::/not/visible/here\n", mount_), 8u);
}

TEST_F(CpuLimitTest, VersionOneIsReadToo) {
  write("/cpu,cpuacct/job/cpu.cfs_quota_us", "150000\n");
  write("/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  write("/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  write("/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  const std::string list = "12:cpuset:/job\n4:cpu,cpuacct:/job\n0::/job\n";
  EXPECT_EQ(cgroup_limit(list, mount_), 2u);
}

TEST_F(CpuLimitTest, AtLeastOneProcessorIsUsable) { EXPECT_GE(usable_cpus(), 1u); }

TEST_F(CpuLimitTest, NoMoreThanTheAffinityAllows) {
  cpu_set_t before;
  ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &before)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cpus(), 1u);
  ASSERT_EQ(sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace taskscope::sched
