// Where tasks were spawned, and their ancestors: exact for the last few, bounded for all.
#include "runtime/sched/spawn_paths.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace taskscope::sched {
namespace {

base::Site site(std::uint32_t line) { return {"a.cpp", "f", line}; }

std::vector<std::uint32_t> lines(const SpawnPath& path) {
  std::vector<std::uint32_t> result;
  for (const SpawnPath* p = &path; p != nullptr && p->length > 0; p = p->parent) {
    result.push_back(p->site.line);
  }
  return result;
}

TEST(SpawnPaths, APathNamesThePlacesFromTheTaskToTheFirst) {
  SpawnPaths paths;
  const SpawnPath& main = paths.add_main(site(1));
  const SpawnPath& child = paths.below(main, site(2));
  EXPECT_EQ(lines(paths.below(child, site(3))), (std::vector<std::uint32_t>{3, 2, 1}));
  EXPECT_TRUE(main.is_main);
  EXPECT_FALSE(child.is_main);
}

TEST(SpawnPaths, TheSameWayIsTheSamePath) {
  SpawnPaths paths;
  const SpawnPath& main = paths.add_main(site(1));
  EXPECT_EQ(&paths.below(main, site(2)), &paths.below(main, site(2)));
  EXPECT_NE(&paths.below(main, site(2)), &paths.below(paths.root(), site(2)));
  // In one bucket.
  EXPECT_NE(&paths.below(main, site(2)), &paths.below(main, site(2 + SpawnPath::kBuckets)));
  EXPECT_NE(&paths.below(main, site(2)), &paths.below(main, {"b.cpp", "f", 2}));
}

TEST(SpawnPaths, OfALongChainTheLastPlacesAreKept) {
  SpawnPaths paths;
  const SpawnPath* path = &paths.add_main(site(1));
  for (std::uint32_t line = 2; line <= 50; ++line) path = &paths.below(*path, site(line));
  std::vector<std::uint32_t> last;
  for (std::uint32_t i = 0; i < SpawnPaths::kLengthMax; ++i) last.push_back(50 - i);
  EXPECT_EQ(lines(*path), last);
}

TEST(SpawnPaths, ATaskThatStartsTheNextForEverNeedsAFewPaths) {
  SpawnPaths paths;
  const SpawnPath* path = &paths.add_main(site(1));
  std::set<const SpawnPath*> seen;
  for (int i = 0; i < 1000; ++i) {
    path = &paths.below(*path, site(2));
    seen.insert(path);
  }
  EXPECT_LE(seen.size(), SpawnPaths::kLengthMax + 1);
}

TEST(SpawnPaths, HoweverManyWaysThereAreThePathsAreBounded) {
  SpawnPaths paths;
  std::set<const SpawnPath*> seen;
  std::vector<const SpawnPath*> row = {&paths.add_main(site(1))};
  constexpr std::uint32_t kPlaces = 5;
  for (int depth = 0; depth < 8; ++depth) {
    std::vector<const SpawnPath*> next;
    for (const SpawnPath* path : row) {
      for (std::uint32_t line = 0; line < kPlaces; ++line) {
        next.push_back(&paths.below(*path, site(100 + line)));
        EXPECT_EQ(next.back()->site.line, 100 + line);
      }
    }
    seen.insert(next.begin(), next.end());
    row = std::vector<const SpawnPath*>(seen.begin(), seen.end());
  }
  EXPECT_GT(seen.size(), SpawnPaths::kPathsMax / 2);
  EXPECT_LE(seen.size(), SpawnPaths::kPathsMax + kPlaces);
}

}  // namespace
}  // namespace taskscope::sched
