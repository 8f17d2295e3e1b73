#include "viewer/platform/soft_rasterizer.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace taskscope::viewer {
namespace {

constexpr float kNearlyWhole = 0.01F;

// `source` over `target` with coverage 0 to 255; the target is opaque and stays so.
std::uint32_t blend(std::uint32_t target, std::uint32_t source, std::uint32_t coverage) {
  const std::uint32_t rest = 255 - coverage;
  std::uint32_t red_blue = (source & 0xff00ff) * coverage + (target & 0xff00ff) * rest + 0x800080;
  red_blue = (red_blue + (red_blue >> 8 & 0xff00ff)) >> 8 & 0xff00ff;
  std::uint32_t green = (source >> 8 & 0xff) * coverage + (target >> 8 & 0xff) * rest + 0x80;
  green = (green + (green >> 8)) >> 8;
  return 0xff00'0000U | red_blue | (green & 0xff) << 8;
}

struct Clip {
  int x0, y0, x1, y1;
  bool empty() const { return x0 >= x1 || y0 >= y1; }
};

class Rasterizer {
 public:
  Rasterizer(const ImDrawData& data, const CoverageTexture& texture, Image& image)
      : texture_(texture), image_(image), offset_(data.DisplayPos), scale_(data.FramebufferScale) {}

  void draw(const ImDrawList& list) {
    for (const ImDrawCmd& command : list.CmdBuffer) {
      if (command.UserCallback != nullptr) continue;
      const Clip clip{
          std::max(0, static_cast<int>((command.ClipRect.x - offset_.x) * scale_.x)),
          std::max(0, static_cast<int>((command.ClipRect.y - offset_.y) * scale_.y)),
          std::min(image_.width, static_cast<int>((command.ClipRect.z - offset_.x) * scale_.x)),
          std::min(image_.height, static_cast<int>((command.ClipRect.w - offset_.y) * scale_.y))};
      if (clip.empty()) continue;
      const ImDrawVert* vertices = list.VtxBuffer.Data + command.VtxOffset;
      const ImDrawIdx* indices = list.IdxBuffer.Data + command.IdxOffset;
      for (unsigned at = 0; at + 3 <= command.ElemCount;) {
        if (at + 6 <= command.ElemCount && quad(vertices, indices + at, clip)) {
          at += 6;
        } else {
          triangle(vertices[indices[at]], vertices[indices[at + 1]], vertices[indices[at + 2]],
                   clip);
          at += 3;
        }
      }
    }
  }

 private:
  float x_of(const ImDrawVert& vertex) const { return (vertex.pos.x - offset_.x) * scale_.x; }
  float y_of(const ImDrawVert& vertex) const { return (vertex.pos.y - offset_.y) * scale_.y; }
  std::uint32_t* line(int y) {
    return image_.pixels.data() +
           static_cast<std::size_t>(y) * static_cast<std::size_t>(image_.width);
  }

  // Draws two triangles that are one axis-aligned rectangle of one colour; false if they are not.
  bool quad(const ImDrawVert* vertices, const ImDrawIdx* index, const Clip& clip) {
    const ImDrawVert& a = vertices[index[0]];
    const ImDrawVert& b = vertices[index[1]];
    const ImDrawVert& c = vertices[index[2]];
    const ImDrawVert& d = vertices[index[5]];
    const bool rectangle = index[3] == index[0] && index[4] == index[2] && a.pos.y == b.pos.y &&
                           b.pos.x == c.pos.x && c.pos.y == d.pos.y && d.pos.x == a.pos.x &&
                           a.pos.x <= c.pos.x && a.pos.y <= c.pos.y;
    if (!rectangle || a.col != b.col || a.col != c.col || a.col != d.col) return false;
    const float fx0 = x_of(a);
    const float fy0 = y_of(a);
    const float fx1 = x_of(c);
    const float fy1 = y_of(c);
    const Clip part{std::max(clip.x0, static_cast<int>(std::ceil(fx0 - 0.5F))),
                    std::max(clip.y0, static_cast<int>(std::ceil(fy0 - 0.5F))),
                    std::min(clip.x1, static_cast<int>(std::ceil(fx1 - 0.5F))),
                    std::min(clip.y1, static_cast<int>(std::ceil(fy1 - 0.5F)))};
    if (part.empty()) return true;
    if (a.uv.x == c.uv.x && a.uv.y == c.uv.y) {
      fill(part, a.col);
      return true;
    }
    const float du = (c.uv.x - a.uv.x) / (fx1 - fx0);
    const float dv = (c.uv.y - a.uv.y) / (fy1 - fy0);
    const auto width = static_cast<float>(texture_.width);
    const auto height = static_cast<float>(texture_.height);
    const float u = (a.uv.x + (static_cast<float>(part.x0) + 0.5F - fx0) * du) * width - 0.5F;
    const float v = (a.uv.y + (static_cast<float>(part.y0) + 0.5F - fy0) * dv) * height - 0.5F;
    const bool texel_per_pixel =
        std::abs(du * width - 1) < kNearlyWhole && std::abs(dv * height - 1) < kNearlyWhole &&
        std::abs(u - std::rint(u)) < kNearlyWhole && std::abs(v - std::rint(v)) < kNearlyWhole;
    const int texel_x = static_cast<int>(std::rint(u));
    const int texel_y = static_cast<int>(std::rint(v));
    const bool inside = texel_x >= 0 && texel_y >= 0 &&
                        texel_x + part.x1 - part.x0 <= texture_.width &&
                        texel_y + part.y1 - part.y0 <= texture_.height;
    if (texel_per_pixel && inside) {
      copy(part, a.col, texel_x, texel_y);
      return true;
    }
    for (int y = part.y0; y < part.y1; ++y) {
      const float row_v = a.uv.y + (static_cast<float>(y) + 0.5F - fy0) * dv;
      for (int x = part.x0; x < part.x1; ++x) {
        const float column_u = a.uv.x + (static_cast<float>(x) + 0.5F - fx0) * du;
        put(x, y, a.col, sample(column_u, row_v));
      }
    }
    return true;
  }

  void fill(const Clip& part, std::uint32_t color) {
    const std::uint32_t alpha = color >> 24;
    if (alpha == 0) return;
    for (int y = part.y0; y < part.y1; ++y) {
      std::uint32_t* row = line(y);
      if (alpha == 255) {
        std::fill(row + part.x0, row + part.x1, color);
      } else {
        for (int x = part.x0; x < part.x1; ++x) row[x] = blend(row[x], color, alpha);
      }
    }
  }

  void copy(const Clip& part, std::uint32_t color, int texel_x, int texel_y) {
    for (int y = part.y0; y < part.y1; ++y) {
      const std::uint8_t* texel = texture_.texels +
                                  static_cast<std::size_t>(texel_y + y - part.y0) *
                                      static_cast<std::size_t>(texture_.width) +
                                  texel_x;
      for (int x = part.x0; x < part.x1; ++x, ++texel) {
        if (*texel != 0) put(x, y, color, *texel);
      }
    }
  }

  void put(int x, int y, std::uint32_t color, std::uint32_t coverage) {
    const std::uint32_t alpha = (coverage * (color >> 24) + 127) / 255;
    if (alpha == 0) return;
    std::uint32_t& pixel = line(y)[x];
    pixel = blend(pixel, color, alpha);
  }

  std::uint32_t texel(int x, int y) const {
    x = std::clamp(x, 0, texture_.width - 1);
    y = std::clamp(y, 0, texture_.height - 1);
    return texture_.texels[static_cast<std::size_t>(y) * static_cast<std::size_t>(texture_.width) +
                           static_cast<std::size_t>(x)];
  }

  std::uint32_t sample(float u, float v) const {
    const float x = u * static_cast<float>(texture_.width) - 0.5F;
    const float y = v * static_cast<float>(texture_.height) - 0.5F;
    const float left = std::floor(x);
    const float top = std::floor(y);
    const float fx = x - left;
    const float fy = y - top;
    const int ix = static_cast<int>(left);
    const int iy = static_cast<int>(top);
    const auto at = [&](int dx, int dy) { return static_cast<float>(texel(ix + dx, iy + dy)); };
    const float upper = at(0, 0) * (1 - fx) + at(1, 0) * fx;
    const float lower = at(0, 1) * (1 - fx) + at(1, 1) * fx;
    // NOLINTNEXTLINE(bugprone-incorrect-roundings): it is not negative, and a call is slow
    return static_cast<std::uint32_t>(upper * (1 - fy) + lower * fy + 0.5F);
  }

  // By edge functions with the top-left rule, so that neighbouring triangles share no pixel.
  void triangle(const ImDrawVert& a, const ImDrawVert& b, const ImDrawVert& c, const Clip& clip) {
    const std::array<float, 3> x{x_of(a), x_of(b), x_of(c)};
    const std::array<float, 3> y{y_of(a), y_of(b), y_of(c)};
    const float area = (x[1] - x[0]) * (y[2] - y[0]) - (y[1] - y[0]) * (x[2] - x[0]);
    if (area == 0 || !std::isfinite(area)) return;
    const auto [left, right] = std::minmax_element(x.begin(), x.end());
    const auto [top, bottom] = std::minmax_element(y.begin(), y.end());
    const auto bound = [](float value, int low, int high) {
      return static_cast<int>(std::clamp(value, static_cast<float>(low), static_cast<float>(high)));
    };
    const Clip part{bound(std::floor(*left), clip.x0, clip.x1),
                    bound(std::floor(*top), clip.y0, clip.y1),
                    bound(std::ceil(*right) + 1, clip.x0, clip.x1),
                    bound(std::ceil(*bottom) + 1, clip.y0, clip.y1)};
    const auto owns_edge = [&](int from, int to) {
      float dx = x[static_cast<std::size_t>(to)] - x[static_cast<std::size_t>(from)];
      float dy = y[static_cast<std::size_t>(to)] - y[static_cast<std::size_t>(from)];
      if (area < 0) {
        dx = -dx;
        dy = -dy;
      }
      return (dy == 0 && dx > 0) || dy < 0;
    };
    const std::array<bool, 3> owned{owns_edge(1, 2), owns_edge(2, 0), owns_edge(0, 1)};
    for (int py = part.y0; py < part.y1; ++py) {
      for (int px = part.x0; px < part.x1; ++px) {
        const float cx = static_cast<float>(px) + 0.5F;
        const float cy = static_cast<float>(py) + 0.5F;
        const std::array<float, 3> w{
            ((x[2] - x[1]) * (cy - y[1]) - (y[2] - y[1]) * (cx - x[1])) / area,
            ((x[0] - x[2]) * (cy - y[2]) - (y[0] - y[2]) * (cx - x[2])) / area,
            ((x[1] - x[0]) * (cy - y[0]) - (y[1] - y[0]) * (cx - x[0])) / area};
        bool outside = false;
        for (std::size_t at = 0; at < 3; ++at) outside |= w[at] < 0 || (w[at] == 0 && !owned[at]);
        if (outside) continue;
        put(px, py, mix(a.col, b.col, c.col, w),
            sample(w[0] * a.uv.x + w[1] * b.uv.x + w[2] * c.uv.x,
                   w[0] * a.uv.y + w[1] * b.uv.y + w[2] * c.uv.y));
      }
    }
  }

  static std::uint32_t mix(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                           const std::array<float, 3>& w) {
    if (a == b && a == c) return a;
    std::uint32_t color = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      const float channel = w[0] * static_cast<float>(a >> shift & 0xff) +
                            w[1] * static_cast<float>(b >> shift & 0xff) +
                            w[2] * static_cast<float>(c >> shift & 0xff);
      color |= static_cast<std::uint32_t>(std::clamp(channel + 0.5F, 0.0F, 255.0F)) << shift;
    }
    return color;
  }

  const CoverageTexture& texture_;
  Image& image_;
  ImVec2 offset_;
  ImVec2 scale_;
};

}  // namespace

void rasterize(const ImDrawData& data, const CoverageTexture& texture, std::uint32_t background,
               Image& image) {
  image.pixels.assign(
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height),
      background | 0xff00'0000U);
  Rasterizer rasterizer(data, texture, image);
  for (int at = 0; at < data.CmdListsCount; ++at) rasterizer.draw(*data.CmdLists[at]);
}

}  // namespace taskscope::viewer
