// Drawing on whole pixels: rectangles, hatches, clipped text. Wraps one ImDrawList for one frame,
// and tells a DrawingRecord, if there is one, what it draws.
//
// No rounding, no gradients, no anti-aliased edges: software renderers pay by the vertex, and spans
// must stand where the trace says. UI thread only.
#pragma once

#include <imgui.h>

#include <string>
#include <string_view>
#include <vector>

#include "viewer/panels/drawing_record.h"

namespace taskscope::viewer {

// How a font is called elsewhere than here.
struct FontFace {
  const ImFont* font = nullptr;
  std::string family;  // as in CSS, with a generic one behind it
  int weight = 400;
  float em_px = 0;  // its size as others count: without the room between lines
};

// What the platform loaded. The hatch is a tile of 45° stripes in the font texture whose pattern
// repeats every `hatch_period` px in both directions.
struct Fonts {
  ImFont* text = nullptr;    // 12 px
  ImFont* small = nullptr;   // 10 px
  ImFont* strong = nullptr;  // 12 px, semi-bold
  ImFont* mono = nullptr;    // 12 px, for numbers in columns
  ImVec2 hatch_uv0;          // of the tile's first texel
  ImVec2 texel;              // size of one texel in uv
  int hatch_period = 8;
  int hatch_size = 0;  // of the tile, px
  std::vector<FontFace> faces;
};

class Canvas {
 public:
  Canvas(ImDrawList* list, const Fonts& fonts, DrawingRecord* record = nullptr)
      : list_(list), fonts_(fonts), record_(record) {}

  void fill(const Box& box, ImU32 color);
  void frame(const Box& box, ImU32 color, float thickness);  // inside the box
  void hatch(const Box& box, ImU32 color);                   // phase is that of the screen
  void triangle(ImVec2 a, ImVec2 b, ImVec2 c, ImU32 color);
  void line(ImVec2 from, ImVec2 to, ImU32 color, float thickness);
  void push_clip(const Box& box);
  void pop_clip();

  // Text with its top left corner at (x, y), cut off at the right of `room_px`; returns its width.
  float text(ImFont* font, float x, float y, ImU32 color, std::string_view text,
             float room_px = 1e6F);
  // Cropped with "…" to the room; vertically centred in the box.
  void label(ImFont* font, const Box& box, ImU32 color, std::string_view text);
  void label_right(ImFont* font, const Box& box, ImU32 color, std::string_view text);

  float width(ImFont* font, std::string_view text) const;
  std::string fit(ImFont* font, std::string_view text, float room_px) const;
  // Lines that fit, broken at spaces; a word that is longer than the room has its own line.
  std::vector<std::string> wrap(ImFont* font, std::string_view text, float room_px) const;
  const Fonts& fonts() const { return fonts_; }

 private:
  Box clip() const;

  ImDrawList* list_;
  const Fonts& fonts_;
  DrawingRecord* record_;
};

}  // namespace taskscope::viewer
