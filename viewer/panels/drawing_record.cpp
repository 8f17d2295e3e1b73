#include "viewer/panels/drawing_record.h"

#include <algorithm>
#include <utility>

namespace taskscope::viewer {

Box overlap(const Box& a, const Box& b) {
  const float x0 = std::max(a.x0, b.x0);
  const float y0 = std::max(a.y0, b.y0);
  return {x0, y0, std::max(x0, std::min(a.x1, b.x1)), std::max(y0, std::min(a.y1, b.y1))};
}

void DrawingRecord::add(Shape shape) {
  if (shape.clip.width() <= 0 || shape.clip.height() <= 0) return;
  shapes_.push_back(std::move(shape));
}

}  // namespace taskscope::viewer
