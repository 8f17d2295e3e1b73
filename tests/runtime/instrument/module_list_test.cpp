// What a recording is told of code that is loaded, unloaded and loaded again.
#include "runtime/instrument/module_list.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace taskscope::instrument {
namespace {

TEST(ToldModules, WhatComesBackToItsOldPlaceIsToldOfAgain) {
  ToldModules told;
  EXPECT_FALSE(told.contains(0x1000, "a"));
  told.add(0x1000, 0x2000, "a");
  EXPECT_TRUE(told.contains(0x1000, "a"));
  told.add(0x1000, 0x3000, "b");
  EXPECT_FALSE(told.contains(0x1000, "a"));
  told.add(0x1000, 0x2000, "a");
  EXPECT_TRUE(told.contains(0x1000, "a"));
  EXPECT_FALSE(told.contains(0x1000, "b"));
  EXPECT_EQ(told.count(), 3u);
}

TEST(ToldModules, WhatReachesIntoAPlaceTakesItAndLeavesItsNeighboursAlone) {
  ToldModules told;
  told.add(0x1000, 0x2000, "a");
  told.add(0x2000, 0x3000, "b");
  told.add(0x3000, 0x4000, "c");
  told.add(0x4000, 0x5000, "d");
  told.add(0x1fff, 0x3001, "over a, b and c");
  for (const char* gone : {"a", "b", "c"}) {
    for (const std::uint64_t first : {0x1000, 0x2000, 0x3000}) {
      EXPECT_FALSE(told.contains(first, gone)) << gone;
    }
  }
  EXPECT_TRUE(told.contains(0x1fff, "over a, b and c"));
  EXPECT_TRUE(told.contains(0x4000, "d"));
}

TEST(ModuleList, ALookTellsOfEachModuleOnceAndOfWhatHadNoRoomAgain) {
  ModuleList list;
  std::vector<std::string> texts;
  list.tell([&](std::uint64_t, std::string_view) { return false; });
  list.tell([&](std::uint64_t id, std::string_view text) {
    texts.emplace_back(text);
    EXPECT_EQ(id, texts.size());
    return true;
  });
  EXPECT_FALSE(texts.empty());
  list.tell([&](std::uint64_t, std::string_view text) {
    ADD_FAILURE() << text << " is known";
    return true;
  });
}

}  // namespace
}  // namespace taskscope::instrument
