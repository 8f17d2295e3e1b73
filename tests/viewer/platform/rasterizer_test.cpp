#include <gtest/gtest.h>
#include <imgui_internal.h>

#include <array>

#include "viewer/platform/soft_rasterizer.h"

namespace taskscope::viewer {
namespace {

constexpr std::uint32_t kBlack = 0xff000000;
constexpr std::uint32_t kRed = 0xff0000ff;

// A draw list outside of any ImGui frame, over a texture of 8×8 texels: the first one opaque, a
// ramp in the second row.
class Rasterizer : public ::testing::Test {
 protected:
  Rasterizer() : list_(&shared_) {
    shared_.TexUvWhitePixel = {0.5F / 8, 0.5F / 8};
    shared_.ClipRectFullscreen = {0, 0, 64, 64};
    list_.Flags = ImDrawListFlags_AllowVtxOffset;
    list_._ResetForNewFrame();
    list_.PushClipRect({0, 0}, {16, 12});
    list_.PushTextureID(nullptr);
    texels_[0] = 255;
    for (std::size_t at = 0; at < 8; ++at) texels_[8 + at] = static_cast<std::uint8_t>(at * 32);
  }

  const Image& draw() {
    list_._PopUnusedDrawCmd();
    ImDrawList* lists[] = {&list_};
    ImDrawData data;
    data.Valid = true;
    data.CmdLists = lists;
    data.CmdListsCount = 1;
    data.DisplaySize = {16, 12};
    data.FramebufferScale = {1, 1};
    image_.width = 16;
    image_.height = 12;
    rasterize(data, {texels_.data(), 8, 8}, kBlack, image_);
    return image_;
  }
  std::uint32_t at(int x, int y) const {
    return image_.pixels[static_cast<std::size_t>(y * image_.width + x)];
  }
  std::size_t count(std::uint32_t color) const {
    return static_cast<std::size_t>(std::count(image_.pixels.begin(), image_.pixels.end(), color));
  }

  ImDrawListSharedData shared_;
  ImDrawList list_;
  std::array<std::uint8_t, 64> texels_{};
  Image image_;
};

TEST_F(Rasterizer, FillsExactlyThePixelsOfARectangle) {
  list_.AddRectFilled({2, 3}, {5, 7}, kRed);
  draw();
  EXPECT_EQ(count(kRed), 12U);
  EXPECT_EQ(at(2, 3), kRed);
  EXPECT_EQ(at(4, 6), kRed);
  EXPECT_EQ(at(5, 6), kBlack);
  EXPECT_EQ(at(4, 7), kBlack);
}

TEST_F(Rasterizer, HonoursClipRectanglesAndTheEdgeOfThePicture) {
  list_.PushClipRect({4, 4}, {6, 6});
  list_.AddRectFilled({-100, -100}, {100, 100}, kRed);
  list_.PopClipRect();
  list_.AddRectFilled({14, 10}, {1e6F, 1e6F}, kRed);
  draw();
  EXPECT_EQ(count(kRed), 4U + 4U);
}

TEST_F(Rasterizer, BlendsByAlpha) {
  list_.AddRectFilled({0, 0}, {16, 12}, IM_COL32(255, 255, 255, 128));
  draw();
  EXPECT_EQ(at(5, 5), 0xff808080);
}

TEST_F(Rasterizer, CopiesTexelsOneToOne) {
  list_.PrimReserve(6, 4);
  list_.PrimRectUV({3, 2}, {11, 3}, {0, 1.0F / 8}, {1, 2.0F / 8}, IM_COL32_WHITE);
  draw();
  for (int x = 0; x < 8; ++x) {
    EXPECT_EQ(at(3 + x, 2) & 0xff, static_cast<std::uint32_t>(x * 32)) << x;
  }
}

TEST_F(Rasterizer, TrianglesThatShareAnEdgeShareNoPixel) {
  list_.AddTriangleFilled({1, 1}, {11, 1}, {1, 11}, IM_COL32(255, 0, 0, 128));
  list_.AddTriangleFilled({11, 1}, {11, 11}, {1, 11}, IM_COL32(255, 0, 0, 128));
  draw();
  EXPECT_EQ(count(0xff000080), 100U);
}

TEST_F(Rasterizer, DegenerateTrianglesAreNothing) {
  list_.AddTriangleFilled({1, 1}, {1, 1}, {5, 5}, kRed);
  const float nothing = std::numeric_limits<float>::quiet_NaN();
  list_.AddTriangleFilled({nothing, 1}, {2, 9}, {5, 5}, kRed);
  draw();
  EXPECT_EQ(count(kRed), 0U);
}

}  // namespace
}  // namespace taskscope::viewer
