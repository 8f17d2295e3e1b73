#include "recorder/ingest/earliest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace taskscope::ingest {
namespace {

TEST(Earliest, IsTheSmallestKeyOfHoweverMany) {
  std::mt19937_64 random(1);
  Earliest earliest;
  for (std::size_t count = 1; count <= 70; ++count) {
    std::vector<std::uint64_t> keys(count);
    for (std::uint64_t& key : keys) key = random() % 100;
    earliest.reset(keys);
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(earliest.key(), *std::min_element(keys.begin(), keys.end())) << count << " keys";
      const std::size_t place = random() % count;
      keys[place] = random() % 10 == 0 ? ~std::uint64_t{0} : random() % 100;
      const std::uint64_t now = earliest.replace(place, keys[place]);
      ASSERT_EQ(now, earliest.key());
    }
  }
}

}  // namespace
}  // namespace taskscope::ingest
