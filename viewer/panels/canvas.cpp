#include "viewer/panels/canvas.h"

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"

namespace taskscope::viewer {

// All of it.
Box Canvas::clip() const {
  const ImVec2 low = list_->GetClipRectMin();
  const ImVec2 high = list_->GetClipRectMax();
  return {low.x, low.y, high.x, high.y};
}

void Canvas::fill(const Box& box, ImU32 color) {
  if (box.x1 <= box.x0 || box.y1 <= box.y0) return;
  if (record_ != nullptr) record_->add({.box = box, .color = color, .clip = clip()});
  list_->PrimReserve(6, 4);
  list_->PrimRect({box.x0, box.y0}, {box.x1, box.y1}, color);
}

void Canvas::frame(const Box& box, ImU32 color, float thickness) {
  fill({box.x0, box.y0, box.x1, box.y0 + thickness}, color);
  fill({box.x0, box.y1 - thickness, box.x1, box.y1}, color);
  fill({box.x0, box.y0 + thickness, box.x0 + thickness, box.y1 - thickness}, color);
  fill({box.x1 - thickness, box.y0 + thickness, box.x1, box.y1 - thickness}, color);
}

void Canvas::hatch(const Box& box, ImU32 color) {
  const int period = fonts_.hatch_period;
  const int step = fonts_.hatch_size - period;
  if (step <= 0) return;
  if (record_ != nullptr) {
    record_->add({.kind = Shape::Kind::Hatch, .box = box, .color = color, .clip = clip()});
  }
  const auto x1 = static_cast<int>(box.x1);
  const auto y1 = static_cast<int>(box.y1);
  for (int y = static_cast<int>(box.y0); y < y1; y += step) {
    for (int x = static_cast<int>(box.x0); x < x1; x += step) {
      const int width = std::min(step, x1 - x);
      const int height = std::min(step, y1 - y);
      const auto u = static_cast<float>(x % period) * fonts_.texel.x + fonts_.hatch_uv0.x;
      const auto v = static_cast<float>(y % period) * fonts_.texel.y + fonts_.hatch_uv0.y;
      const auto fx = static_cast<float>(x);
      const auto fy = static_cast<float>(y);
      list_->PrimReserve(6, 4);
      list_->PrimRectUV({fx, fy}, {fx + static_cast<float>(width), fy + static_cast<float>(height)},
                        {u, v},
                        {u + static_cast<float>(width) * fonts_.texel.x,
                         v + static_cast<float>(height) * fonts_.texel.y},
                        color);
    }
  }
}

void Canvas::triangle(ImVec2 a, ImVec2 b, ImVec2 c, ImU32 color) {
  if (record_ != nullptr) {
    record_->add(
        {.kind = Shape::Kind::Triangle, .points = {a, b, c}, .color = color, .clip = clip()});
  }
  list_->AddTriangleFilled(a, b, c, color);
}

void Canvas::line(ImVec2 from, ImVec2 to, ImU32 color, float thickness) {
  if (record_ != nullptr) {
    record_->add({.kind = Shape::Kind::Line,
                  .points = {from, to},
                  .thickness = thickness,
                  .color = color,
                  .clip = clip()});
  }
  list_->AddLine(from, to, color, thickness);
}

void Canvas::push_clip(const Box& box) {
  list_->PushClipRect({box.x0, box.y0}, {std::max(box.x0, box.x1), std::max(box.y0, box.y1)}, true);
}

void Canvas::pop_clip() { list_->PopClipRect(); }

float Canvas::text(ImFont* font, float x, float y, ImU32 color, std::string_view text,
                   float room_px) {
  const ImVec4 room(x, y, x + room_px, y + font->FontSize * 2);
  list_->AddText(font, font->FontSize, {std::round(x), std::round(y)}, color, text.data(),
                 text.data() + text.size(), 0, room_px < 1e6F ? &room : nullptr);
  const float shown = width(font, text);
  if (record_ != nullptr && !text.empty()) {
    record_->add({.kind = Shape::Kind::Text,
                  .box = {std::round(x), std::round(y), std::round(x) + shown,
                          std::round(y) + font->FontSize},
                  .color = color,
                  .clip = overlap(clip(), {room.x, room.y, room.z, room.w}),
                  .font = font,
                  .text = std::string(text)});
  }
  return shown;
}

void Canvas::label(ImFont* font, const Box& box, ImU32 color, std::string_view text) {
  const float y = box.y0 + std::floor((box.height() - font->FontSize) / 2);
  this->text(font, box.x0, y, color, fit(font, text, box.width()));
}

void Canvas::label_right(ImFont* font, const Box& box, ImU32 color, std::string_view text) {
  const std::string fitting = fit(font, text, box.width());
  const float y = box.y0 + std::floor((box.height() - font->FontSize) / 2);
  this->text(font, box.x1 - std::ceil(width(font, fitting)), y, color, fitting);
}

float Canvas::width(ImFont* font, std::string_view text) const {
  return font->CalcTextSizeA(font->FontSize, 1e9F, 0, text.data(), text.data() + text.size()).x;
}

std::string Canvas::fit(ImFont* font, std::string_view text, float room_px) const {
  return fit_label(text, room_px, [&](std::string_view part) { return width(font, part); });
}

std::vector<std::string> Canvas::wrap(ImFont* font, std::string_view text, float room_px) const {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::size_t length = text.size();
    if (width(font, text) > room_px) {
      length = text.find(' ');
      for (std::size_t at = length; at != std::string_view::npos; at = text.find(' ', at + 1)) {
        if (width(font, text.substr(0, at)) > room_px) break;
        length = at;
      }
      length = std::min(length, text.size());
    }
    lines.emplace_back(text.substr(0, length));
    text.remove_prefix(std::min(text.size(), length + 1));
  }
  return lines;
}

}  // namespace taskscope::viewer
