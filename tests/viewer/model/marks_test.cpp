#include "viewer/model/marks.h"

#include <gtest/gtest.h>

#include <random>

namespace taskscope::viewer {
namespace {

TEST(Marks, StandInTheOrderOfTimeHoweverTheyAreSet) {
  std::mt19937_64 random(5);
  std::vector<Mark> marks;
  for (int round = 0; round < 500; ++round) {
    const auto ns = static_cast<std::int64_t>(random() % 300);
    const auto index = add_mark(marks, ns);
    ASSERT_TRUE(index);
    EXPECT_EQ(marks[*index].ns, ns);
  }
  for (std::size_t at = 1; at < marks.size(); ++at) EXPECT_LT(marks[at - 1].ns, marks[at].ns);
}

TEST(Marks, SetAgainKeepTheirNote) {
  std::vector<Mark> marks{{10, "here it hangs"}};
  EXPECT_EQ(add_mark(marks, 10), 0U);
  EXPECT_EQ(marks[0].note, "here it hangs");
  EXPECT_EQ(marks.size(), 1U);
}

TEST(Marks, TheNearestIsFoundWithinReach) {
  const std::vector<Mark> marks{{0, {}}, {10, {}}, {18, {}}};
  EXPECT_EQ(mark_near(marks, 13, 5), 1U);
  EXPECT_EQ(mark_near(marks, 15, 5), 2U);
  EXPECT_EQ(mark_near(marks, 100, 5), std::nullopt);
  EXPECT_EQ(mark_near({}, 0, 5), std::nullopt);
}

TEST(Marks, AreNotMoreThanAnyoneCanLookAt) {
  std::vector<Mark> marks;
  for (std::size_t at = 0; at < kMarksMax; ++at) {
    ASSERT_TRUE(add_mark(marks, static_cast<std::int64_t>(at)));
  }
  EXPECT_FALSE(add_mark(marks, 1 << 30));
  EXPECT_TRUE(add_mark(marks, 5));  // is there
}

TEST(Notes, AreOneLineOfUtf8CutBetweenCharacters) {
  EXPECT_EQ(clean_note("µs – ok"), "µs – ok");
  EXPECT_EQ(clean_note("two\nlines\x1b[31m"), "two lines [31m");
  EXPECT_EQ(clean_note("bad \xff\xc3 bytes"), "bad ?? bytes");
  std::string longer;
  for (int at = 0; at < 300; ++at) longer += "ü";
  EXPECT_EQ(clean_note("x" + longer).size(), kNoteBytesMax - 1);
  EXPECT_EQ(clean_note(longer).size(), kNoteBytesMax);
}

}  // namespace
}  // namespace taskscope::viewer
