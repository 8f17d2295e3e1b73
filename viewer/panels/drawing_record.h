// What a Canvas drew, as shapes instead of triangles: the source of vector pictures. Filled within
// one frame, read after it, on the same thread.
#pragma once

#include <imgui.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace taskscope::viewer {

// Edges in px; right and bottom are outside.
struct Box {
  float x0 = 0;
  float y0 = 0;
  float x1 = 0;
  float y1 = 0;

  float width() const { return x1 - x0; }
  float height() const { return y1 - y0; }
  bool contains(ImVec2 at) const { return at.x >= x0 && at.x < x1 && at.y >= y0 && at.y < y1; }
  friend bool operator==(const Box&, const Box&) = default;
};

// What both have; empty boxes have no area.
Box overlap(const Box& a, const Box& b);

struct Shape {
  enum class Kind : std::uint8_t { Fill, Hatch, Triangle, Line, Text };
  Kind kind = Kind::Fill;
  Box box;                         // of Text: its top left corner, width and line height
  std::array<ImVec2, 3> points{};  // of Triangle three, of Line two
  float thickness = 1;
  ImU32 color = 0;
  Box clip;  // nothing outside it is seen
  const ImFont* font = nullptr;
  std::string text;
};

class DrawingRecord {
 public:
  // Keeps what can be seen.
  void add(Shape shape);

  const std::vector<Shape>& shapes() const { return shapes_; }

 private:
  std::vector<Shape> shapes_;
};

}  // namespace taskscope::viewer
