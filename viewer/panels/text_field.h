// A line that somebody types into: its box, and the keys that edit it. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// What was typed in this frame goes into the editor: characters, cursor keys, erasing, Ctrl+A, C
// and V. True if the text changed.
bool edit_line(LineEditor& editor);

struct FieldStyle {
  bool focused = false;
  std::string hint;             // while it is empty
  std::size_t error_begin = 0;  // underlined
  std::size_t error_end = 0;
};
// The text stays clear of the right `margin` px.
void draw_field(const PanelContext& context, Canvas& canvas, const Box& box,
                const LineEditor& editor, const FieldStyle& style, float margin);

}  // namespace taskscope::viewer
