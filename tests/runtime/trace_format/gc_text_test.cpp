#include "runtime/trace_format/gc_text.h"

#include <gtest/gtest.h>

#include <string>

namespace taskscope::trace_format {
namespace {

EscapeSiteText example() {
  EscapeSiteText site{.file = "src/leaky.cpp",
                      .line = 59,
                      .function = "serve",
                      .type = "Msg",
                      .learned = true,
                      .bytes = 32000,
                      .escaped_bytes = 26000,
                      .stayed = 188,
                      .heap = 3};
  site.reasons[static_cast<std::size_t>(EscapeReason::Sent)] = 800;
  site.reasons[static_cast<std::size_t>(EscapeReason::Stored)] = 12;
  return site;
}

TEST(GcText, ACollectionComesBackAsItWasWritten) {
  const GcBeginText begin{.forced = true, .heap_bytes = 7, .goal_bytes = 4'194'304};
  EXPECT_EQ(format_gc_begin(begin), "1\t7\t4194304");
  EXPECT_EQ(parse_gc_begin(format_gc_begin(begin)), begin);
  const GcPhaseText phase{.phase = GcPhase::Mark, .ago_ns = 900, .length_ns = 200};
  EXPECT_EQ(format_gc_phase(phase), "mark\t900\t200");
  EXPECT_EQ(parse_gc_phase_text(format_gc_phase(phase)), phase);
  const GcEndText end{
      .live_bytes = 10, .live_objects = 2, .freed_bytes = 90, .goal_bytes = 4'194'314};
  EXPECT_EQ(format_gc_end(end), "10\t2\t90\t4194314");
  EXPECT_EQ(parse_gc_end(format_gc_end(end)), end);
}

TEST(GcText, EveryPhaseAndEveryReasonHasAText) {
#define TASKSCOPE_GC_PHASE(number, name, text) \
  EXPECT_EQ(parse_gc_phase(to_text(GcPhase::name)), GcPhase::name);
#define TASKSCOPE_ESCAPE_REASON(number, name, text) \
  EXPECT_EQ(parse_escape_reason(to_text(EscapeReason::name)), EscapeReason::name);
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_GC_PHASE
#undef TASKSCOPE_ESCAPE_REASON
  EXPECT_EQ(to_text(EscapeReason::None), "does not escape");
  EXPECT_FALSE(parse_escape_reason("does not escape").has_value());
}

TEST(GcText, ASiteComesBackAsItWasWritten) {
  EXPECT_EQ(format_escape_site(example()),
            "src/leaky.cpp\t59\tserve\tMsg\t1\t32000\t26000\t188\t3\tsent to channel\t800\t"
            "stored in heap object\t12");
  EXPECT_EQ(parse_escape_site(format_escape_site(example())), example());
}

TEST(GcText, ASiteWithLongNamesFitsIntoAnEvent) {
  EscapeSiteText site = example();
  site.file = std::string(5000, 'f') + "/end.cpp";
  site.function = std::string(5000, 'g');
  site.type = "a";  // so that a character lies across the limit
  for (int i = 0; i < 2000; ++i) site.type += "ä";
  site.reasons.fill(std::uint64_t{1} << 62);
  site.reasons[0] = 0;
  const std::string text = format_escape_site(site);
  EXPECT_LE(text.size(), kTextBytesMax);
  const auto back = parse_escape_site(text);
  ASSERT_TRUE(back.has_value());
  EXPECT_TRUE(back->file.ends_with("f/end.cpp"));
  EXPECT_EQ(back->type.size(), EscapeSiteText::kNameBytesMax - 1);
  EXPECT_EQ(back->reasons, site.reasons);
}

TEST(GcText, TabsInNamesAreSpaces) {
  EscapeSiteText site = example();
  site.type = "A\tB";
  EXPECT_EQ(parse_escape_site(format_escape_site(site))->type, "A B");
}

TEST(GcText, WhatIsNoneIsRefused) {
  for (const std::string text : {"", "2\t1\t1", "1\t1", "1\t1\t1\t1", "0\t-1\t1", "x\t1\t1"}) {
    EXPECT_FALSE(parse_gc_begin(text).has_value()) << text;
  }
  for (const std::string text : {"", "nap\t1\t1", "mark\t1", "mark\t1\t2", "mark\t2\t1\t1"}) {
    EXPECT_FALSE(parse_gc_phase_text(text).has_value()) << text;
  }
  for (const std::string text : {"", "1\t1\t1", "1\t1\t1\t1\t1", "1\t1\tx\t1"}) {
    EXPECT_FALSE(parse_gc_end(text).has_value()) << text;
  }
  for (const std::string text :
       {"", "f\t1\tg\tT\t0\t1\t1\t1", "f\tx\tg\tT\t0\t1\t1\t1\t1", "f\t1\tg\tT\t2\t1\t1\t1\t1",
        "f\t1\tg\tT\t0\t1\t1\t1\t1\tfor fun\t1", "f\t1\tg\tT\t0\t1\t1\t1\t1\tsent to channel"}) {
    EXPECT_FALSE(parse_escape_site(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace taskscope::trace_format
