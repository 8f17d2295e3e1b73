#include "viewer/model/radix_sort.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <utility>

namespace taskscope::viewer {
namespace {

using Item = std::pair<std::int64_t, std::size_t>;  // key, where it stood

void expect_sorted_as_by_comparison(std::vector<Item> items) {
  for (std::size_t at = 0; at < items.size(); ++at) items[at].second = at;
  std::vector<Item> wanted = items;
  std::stable_sort(wanted.begin(), wanted.end(),
                   [](const Item& a, const Item& b) { return a.first < b.first; });
  radix_sort(items, [](const Item& item) { return item.first; });
  EXPECT_EQ(items, wanted);
}

TEST(RadixSort, SortsStablyWhateverTheSizeAndTheReachOfTheKeys) {
  std::mt19937_64 random(1);
  for (const std::size_t size : {0U, 1U, 100U, 5'000U, 70'000U}) {
    for (const std::int64_t reach : {std::int64_t{3}, std::int64_t{2048}, std::int64_t{1} << 40}) {
      std::vector<Item> items(size);
      for (Item& item : items) item.first = static_cast<std::int64_t>(random()) % reach;
      expect_sorted_as_by_comparison(std::move(items));
    }
  }
}

TEST(RadixSort, TakesTheLeastAndTheGreatestKeyThereIs) {
  std::mt19937_64 random(2);
  std::vector<Item> items(5'000);
  for (Item& item : items) item.first = static_cast<std::int64_t>(random());
  items[17].first = std::numeric_limits<std::int64_t>::max();
  items[18].first = std::numeric_limits<std::int64_t>::min();
  expect_sorted_as_by_comparison(std::move(items));
}

}  // namespace
}  // namespace taskscope::viewer
