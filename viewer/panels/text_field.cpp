#include "viewer/panels/text_field.h"

#include <algorithm>
#include <cmath>

#include "viewer/panels/imgui_compat.h"

namespace taskscope::viewer {

bool edit_line(LineEditor& editor) {
  const ImGuiIO& io = ImGui::GetIO();
  const std::string before = editor.text();
  if (!io.KeyCtrl && !io.KeyAlt) {
    for (const ImWchar typed : io.InputQueueCharacters) editor.insert(typed);
    if (key_pressed(Key::Backspace)) editor.erase_before();
    if (key_pressed(Key::Delete)) editor.erase_after();
    if (key_pressed(Key::Left)) editor.left();
    if (key_pressed(Key::Right)) editor.right();
    if (key_pressed(Key::Home)) editor.home();
    if (key_pressed(Key::End)) editor.end();
  } else if (io.KeyCtrl) {
    if (key_pressed(Key::A)) editor.select_all();
    if (key_pressed(Key::Backspace)) editor.erase_word_before();
    if (key_pressed(Key::C)) ImGui::SetClipboardText(editor.text().c_str());
    if (key_pressed(Key::V)) {
      if (const char* text = ImGui::GetClipboardText()) editor.insert(std::string_view(text));
    }
  }
  return editor.text() != before;
}

void draw_field(const PanelContext& context, Canvas& canvas, const Box& box,
                const LineEditor& editor, const FieldStyle& style, float margin) {
  const Palette& colors = context.colors;
  ImFont* font = context.fonts().text;
  canvas.fill(box, colors.void_color);
  canvas.frame(box, style.focused ? colors.accent : colors.border, 1);
  const float pad = context.px(8);
  const Box room{box.x0 + pad, box.y0, std::max(box.x0 + pad, box.x1 - pad - margin), box.y1};
  canvas.push_clip({room.x0 - 1, room.y0, room.x1 + 1, room.y1});
  const std::string& text = editor.text();
  const auto width_to = [&](std::size_t byte) {
    return canvas.width(font, std::string_view(text).substr(0, byte));
  };
  // The cursor is never out of sight.
  const float cursor = width_to(editor.cursor());
  const float start =
      room.x0 - (style.focused ? std::max(0.0F, cursor + context.px(2) - room.width()) : 0.0F);
  const float y = box.y0 + std::floor((box.height() - font->FontSize) / 2);
  const float line_y1 = y + font->FontSize + 1;
  if (text.empty()) {
    // Clear of the cursor.
    const float x = room.x0 + (style.focused ? context.px(4) : 0);
    canvas.label(font, {x, room.y0, room.x1, room.y1}, colors.muted, style.hint);
  } else {
    if (editor.all_selected() && style.focused) {
      canvas.fill({start, y - 1, start + std::ceil(width_to(text.size())), line_y1},
                  with_alpha(colors.accent, 0.4F));
    }
    canvas.text(font, start, y, colors.text, text);
    if (style.error_end > style.error_begin) {
      canvas.fill({std::round(start + width_to(style.error_begin)), line_y1,
                   std::round(start + width_to(style.error_end)), line_y1 + context.px(1)},
                  colors.alarm);
    }
  }
  if (style.focused && !editor.all_selected()) {
    const float x = std::round(start + cursor);
    canvas.fill({x, y - 1, x + context.px(1), line_y1}, colors.text);
  }
  canvas.pop_clip();
}

}  // namespace taskscope::viewer
