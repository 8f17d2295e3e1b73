#include <gtest/gtest.h>

#include "tests/support/synthetic_session.h"
#include "viewer/model/format.h"
#include "viewer/model/row_pictures.h"
#include "viewer/model/ruler.h"
#include "viewer/model/stack_heights.h"
#include "viewer/model/time_view.h"

namespace taskscope::viewer {
namespace {

TimeView view_of(std::int64_t duration_ns, double width_px) {
  TimeView view;
  view.set_duration(duration_ns);
  view.set_width(width_px);
  view.show(view.whole());
  return view;
}

TEST(TimeView, ZoomKeepsTheInstantUnderThePointer) {
  TimeView view = view_of(1'000'000'000, 1000);
  for (int step = 0; step < 30; ++step) {
    const std::int64_t before = view.to_ns(333);
    view.zoom_at(333, 1.25);
    EXPECT_NEAR(static_cast<double>(view.to_ns(333)), static_cast<double>(before),
                view.grid().ns_per_px * 2);
  }
}

TEST(TimeView, NeverShowsLessThanANanosecondAPixelNorMoreThanAll) {
  TimeView view = view_of(1'000'000, 1000);
  for (int step = 0; step < 200; ++step) view.zoom_at(10, 1.5);
  EXPECT_DOUBLE_EQ(view.grid().ns_per_px, 1);
  for (int step = 0; step < 200; ++step) view.zoom_at(10, 1 / 1.5);
  EXPECT_NEAR(static_cast<double>(view.visible().length_ns()),
              static_cast<double>(view.whole().length_ns()), 2);
}

TEST(TimeView, PanningByPixelsKeepsTheGrid) {
  TimeView view = view_of(1'000'000'000, 1000);
  view.show({100'000'000, 200'000'000});
  const ColumnGrid grid = view.grid();
  const std::int64_t column = view.first_column();
  view.pan_px(17);
  EXPECT_EQ(view.grid(), grid);
  EXPECT_EQ(view.first_column(), column + 17);
}

TEST(TimeView, ARangeSurvivesThatTheWidthBecomesKnownLater) {
  TimeView view;
  view.set_duration(21'000'000);
  view.show({8'000'000, 11'000'000});
  view.set_width(1220);
  EXPECT_NEAR(static_cast<double>(view.visible().start_ns), 8e6, 3000);
  EXPECT_NEAR(static_cast<double>(view.visible().end_ns), 11e6, 3000);
}

TEST(TimeView, MotionArrivesExactlyWhereItWasSent) {
  TimeView view = view_of(1'000'000'000, 1000);
  view.glide_to({250'000'000, 260'000'000});
  int frames = 0;
  while (view.advance(1.0 / 60) && frames < 1000) ++frames;
  EXPECT_LT(frames, 120);
  EXPECT_NEAR(static_cast<double>(view.visible().start_ns), 250e6, view.grid().ns_per_px);
  EXPECT_NEAR(static_cast<double>(view.visible().end_ns), 260e6, view.grid().ns_per_px);
}

TEST(TimeView, BackspaceReturnsThroughTheHistory) {
  TimeView view = view_of(1'000'000'000, 1000);
  const TimeRange whole = view.visible();
  EXPECT_FALSE(view.go_back());
  view.remember();
  view.show({0, 1'000'000});
  const TimeRange near = view.visible();
  view.remember();
  view.remember();  // the same again counts once
  view.show({5'000'000, 6'000'000});
  ASSERT_TRUE(view.go_back());
  view.finish_motion();
  EXPECT_EQ(view.visible(), near);
  ASSERT_TRUE(view.go_back());
  view.finish_motion();
  EXPECT_EQ(view.visible(), whole);
  EXPECT_FALSE(view.go_back());
}

TEST(TimeView, ForwardUndoesBackUntilTheViewMovesOtherwise) {
  TimeView view = view_of(1'000'000'000, 1000);
  const TimeRange whole = view.visible();
  view.remember();
  view.show({0, 1'000'000});
  const TimeRange near = view.visible();
  EXPECT_FALSE(view.go_forward());
  ASSERT_TRUE(view.go_back());
  view.finish_motion();
  ASSERT_TRUE(view.go_forward());
  view.finish_motion();
  EXPECT_EQ(view.visible(), near);
  ASSERT_TRUE(view.go_back());
  view.finish_motion();
  EXPECT_EQ(view.visible(), whole);
  view.remember();
  view.show({7'000'000, 9'000'000});
  EXPECT_FALSE(view.go_forward()) << "what was ahead is another story now";
}

TEST(Ruler, TicksAreMultiplesOfOneTwoFiveAndFarEnoughApart) {
  for (const std::int64_t length :
       {1'500LL, 77'777LL, 1'000'000LL, 123'456'789LL, 9'876'543'210LL}) {
    const Ticks ticks = make_ticks({1'000, 1'000 + length}, 1220, 120);
    std::int64_t leading = ticks.step_ns;
    while (leading % 10 == 0) leading /= 10;
    EXPECT_TRUE(leading == 1 || leading == 2 || leading == 5) << ticks.step_ns;
    EXPECT_GE(static_cast<double>(ticks.step_ns) / static_cast<double>(length) * 1220, 120);
    EXPECT_LT(static_cast<double>(ticks.step_ns) / static_cast<double>(length) * 1220, 301);
    for (const std::int64_t ns : ticks.instants_ns) EXPECT_EQ(ns % ticks.step_ns, 0);
  }
}

TEST(Format, InstantsTellNeighbouringTicksApart) {
  EXPECT_EQ(format_instant(5'000'000, 5'000'000), "5 ms");
  EXPECT_EQ(format_instant(9'500'000, 500'000), "9.5 ms");
  EXPECT_EQ(format_instant(500'000'000, 100'000'000), "0.5 s");
  EXPECT_EQ(format_instant(123'456'789'000, 1'000), "123.456789 s");
  EXPECT_EQ(format_range({8'000'000, 9'000'000}), "8.000 – 9.000 ms");
}

TEST(Format, SharesReadWell) {
  EXPECT_EQ(format_share(0), "0 %");
  EXPECT_EQ(format_share(0.00001), "<0.1 %");
  EXPECT_EQ(format_share(0.034), "3.4 %");
  EXPECT_EQ(format_share(1), "100 %");
}

TEST(Labels, ShortenFromTheWholeNameToTheFunction) {
  EXPECT_EQ(shortened_names("ns::Type<int, char>::fn(std::string)"),
            (std::vector<std::string>{"ns::Type<int, char>::fn(std::string)", "ns::Type::fn",
                                      "Type::fn", "fn"}));
  EXPECT_EQ(shortened_names("(anonymous namespace)::walk(int) const"),
            (std::vector<std::string>{"(anonymous namespace)::walk(int) const", "walk"}));
  EXPECT_EQ(shortened_names("a::run<T>(T)::{lambda()#1}::operator()() const::{lambda()#2}::"
                            "operator()()")
                .at(2),
            "{lambda#2}::operator()");
  EXPECT_EQ(shortened_names("operator<(a, b)").back(), "operator<(a, b)");
  EXPECT_EQ(plain_name("void ns::go<T>(T&&) [clone .cold]"), "ns::go");
  EXPECT_EQ(plain_name("bool ns::Type<T>::operator bool<T>() const"), "ns::Type::operator bool");
  EXPECT_EQ(plain_name("ns::Type<int, char>::fn(std::string)"), "ns::Type::fn");
  EXPECT_EQ(shortened_names("main"), std::vector<std::string>{"main"});
  EXPECT_EQ(shortened_names(""), std::vector<std::string>{""});
}

TEST(Labels, FitIntoTheirRoomWithoutCuttingCharacters) {
  const auto width = [](std::string_view text) {
    float px = 0;
    for (const char c : text) px += (static_cast<unsigned char>(c) & 0xc0) == 0x80 ? 0.0F : 10.0F;
    return px;
  };
  EXPECT_EQ(fit_label("ns::Type::fn", 200, width), "ns::Type::fn");
  EXPECT_EQ(fit_label("ns::Type::fn", 80, width), "Type::fn");
  EXPECT_EQ(fit_label("ns::Type::function", 50, width), "func…");
  EXPECT_EQ(fit_label("ns::Type::function", 59, width), "func…");
  EXPECT_EQ(fit_label("äöüß", 30, width), "äö…");
  EXPECT_EQ(fit_label("abc", 5, width), "");
}

TEST(StackHeights, AddUpAndKeepSevereStatesVisible) {
  std::array<std::uint8_t, kStateClasses> shares{};
  shares[index_of(StateClass::Running)] = 254;
  shares[index_of(StateClass::Lock)] = 1;
  const auto heights = stack_heights(shares, 18, 2);
  EXPECT_EQ(heights[index_of(StateClass::Lock)], 2);
  EXPECT_EQ(heights[index_of(StateClass::Running)], 16);
}

TEST(StackHeights, AreInProportionAndLeaveGapsOpen) {
  std::array<std::uint8_t, kStateClasses> shares{};
  EXPECT_EQ(stack_heights(shares, 20, 2), (std::array<int, kStateClasses>{}));
  shares[index_of(StateClass::Running)] = 64;
  shares[index_of(StateClass::Runnable)] = 64;
  const auto heights = stack_heights(shares, 20, 2);
  EXPECT_EQ(heights[index_of(StateClass::Running)], 5);
  EXPECT_EQ(heights[index_of(StateClass::Runnable)], 5);
}

TEST(RowPictures, BecomeWhatWasAskedForAndSurvivePanning) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  RowPictures pictures(session, {});
  const Row row{RowKind::Task, 3, 0, 18};
  const ColumnGrid grid{static_cast<double>(session->duration_ns()) / 1000};
  pictures.begin_frame();
  EXPECT_EQ(pictures.find(row, grid, 0, 1000), nullptr);
  pictures.wait_idle();
  const RowPicturePtr picture = pictures.find(row, grid, 0, 1000);
  ASSERT_NE(picture, nullptr);
  EXPECT_TRUE(picture->covers(grid, 0, 1000));
  EXPECT_EQ(pictures.find(row, grid, 400, 1400), picture);
  const RowPicturePtr coarse = pictures.find(row, {grid.ns_per_px / 2}, 0, 1000);
  EXPECT_EQ(coarse, picture) << "the old picture stays until the new one is there";
  pictures.wait_idle();
  EXPECT_NE(pictures.find(row, {grid.ns_per_px / 2}, 0, 1000), picture);
}

}  // namespace
}  // namespace taskscope::viewer
