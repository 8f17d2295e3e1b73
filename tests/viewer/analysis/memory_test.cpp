#include "viewer/analysis/memory.h"

#include <gtest/gtest.h>

namespace taskscope::analysis {
namespace {

store::EscapeSiteRow site() {
  return {.id = 1,
          .file = "leaky.cpp",
          .line = 59,
          .function = "serve",
          .type = "Msg",
          .stayed = 188,
          .bytes = 32'000,
          .escaped_bytes = 26'000};
}

void escape(store::EscapeSiteRow& row, store::EscapeReason reason, std::uint64_t objects) {
  row.reasons[static_cast<std::size_t>(reason)] = objects;
  row.escaped += objects;
}

TEST(EscapeText, SaysWhyAndHowMany) {
  store::EscapeSiteRow row = site();
  escape(row, store::EscapeReason::Sent, 812);
  EXPECT_EQ(escape_text(row),
            "make<Msg> escapes to heap: sent to channel (812 of 1,000, 25.4 KiB)");
}

TEST(EscapeText, CountsReasonsIfThereAreSeveral) {
  store::EscapeSiteRow row = site();
  escape(row, store::EscapeReason::Stored, 12);
  escape(row, store::EscapeReason::Sent, 800);
  EXPECT_EQ(reasons_text(row), "sent to channel 800, stored in heap object 12");
}

TEST(EscapeText, SaysWhatDoesNotEscapeAndWhatCouldNot) {
  store::EscapeSiteRow row = site();
  EXPECT_EQ(escape_text(row), "make<Msg> does not escape (188, 31.2 KiB)");
  row.heap = row.stayed;
  row.stayed = 0;
  EXPECT_EQ(escape_text(row), "make<Msg> is made outside of all scopes (188, 31.2 KiB)");
}

TEST(EscapeText, SaysWhatASiteHasLearned) {
  store::EscapeSiteRow row = site();
  escape(row, store::EscapeReason::Learned, 900);
  row.learned = true;
  EXPECT_TRUE(escape_text(row).ends_with("; learned: made on the heap at once"));
  EXPECT_EQ(reasons_text(row), "its site has learned");
  escape(row, store::EscapeReason::Sent, 64);
  EXPECT_EQ(reasons_text(row), "sent to channel") << "the others would have escaped so, too";
}

TEST(EscapeText, ArraysAreCalledAsTheyAreMade) {
  store::EscapeSiteRow row = site();
  row.type = "taskscope::array<int>";
  EXPECT_EQ(made_text(row), "make_array<int>");
}

}  // namespace
}  // namespace taskscope::analysis
