#include "viewer/panels/help.h"

#include <array>
#include <cmath>
#include <utility>

#include "viewer/panels/worker_row.h"

namespace taskscope::viewer {
namespace {

using Entry = std::pair<const char*, const char*>;  // key, what it does; no key: a heading

constexpr std::array kEntries = {
    Entry{"", "Time"},
    Entry{"Ctrl + wheel,  W  S", "zoom in and out"},
    Entry{"Shift + wheel,  A  D,  middle drag", "earlier and later"},
    Entry{"F", "fit the selection, or the whole recording"},
    Entry{"Double click", "zoom to a span"},
    Entry{"Backspace", "back to the range before"},
    Entry{"Drag on the ruler", "measure a distance"},
    Entry{"Drag on the overview", "move or resize the visible range"},
    Entry{"M,  Shift + M", "a mark at the pointer, with a note"},
    Entry{"Ctrl + M", "the list of marks"},
    Entry{"", "Rows"},
    Entry{"Wheel,  Page Up  Page Down", "scroll"},
    Entry{"Up  Down", "row before and after"},
    Entry{"Left  Right", "span before and after"},
    Entry{"Enter,  click on a heading", "fold or unfold a group"},
    Entry{"", "Causes"},
    Entry{"Click", "select a span, a task or a worker"},
    Entry{"[", "to whoever ended this wait"},
    Entry{"]", "to the wait that this span ended"},
    Entry{"N", "to the next finding, and what it says"},
    Entry{"Esc", "clear the selection, the measure, this page"},
    Entry{"", "Window"},
    Entry{"T", "dark and light"},
    Entry{"Ctrl + O", "the start screen: other files and programs"},
    Entry{"Space,  Ctrl + D", "live: follow or pause, detach"},
    Entry{"Ctrl + S,  Ctrl + Shift + S", "save a picture beside the recording, as SVG"},
    Entry{"Ctrl + C  Ctrl + V", "this view as a text, and back from one"},
    Entry{"?", "this page"},
    Entry{"Ctrl + Q", "quit"},
};

constexpr std::array kMarks = {
    std::pair{DecisionKind::Steal, "it took tasks from another worker"},
    std::pair{DecisionKind::Wake, "it woke a worker"},
    std::pair{DecisionKind::Poll, "the network made tasks ready"},
    std::pair{DecisionKind::Timers, "timers were due"},
    std::pair{DecisionKind::Preempt, "a task ran too long"},
    std::pair{DecisionKind::Handoff, "a task is in a call"},
    std::pair{DecisionKind::Takeover, "another thread drives it"},
};

// What stands above workers' spans.
void draw_marks(const PanelContext& context, Canvas& canvas, const Box& box) {
  const float line = context.px(20);
  float y = box.y0;
  const auto label = [&](ImFont* font, float indent, const char* text) {
    canvas.label(font, {box.x0 + indent, y, box.x1, y + line}, context.colors.text, text);
  };
  label(context.fonts().strong, 0, "On a worker's row");
  for (const auto& [kind, text] : kMarks) {
    y += line;
    draw_glyph(context, canvas, kind, box.x0 + context.px(6), y + context.px(7));
    label(context.fonts().text, context.px(22), text);
  }
  y += line;
  for (int at = 0; at < 3; ++at) {
    const float x = box.x0 + context.px(2) + static_cast<float>(at) * context.px(3);
    const float top = y + context.px(static_cast<float>(11 - 2 * at));
    canvas.fill({x, top, x + context.px(3), y + context.px(14)}, context.colors.text);
  }
  label(context.fonts().text, context.px(22), "several close together");
}

}  // namespace

void draw_help(const PanelContext& context, ViewState& view) {
  Canvas canvas(ImGui::GetForegroundDrawList(), context.fonts());
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  canvas.fill({0, 0, size.x, size.y}, with_alpha(context.colors.void_color, 0.7F));
  const float line = context.px(20);
  const float pad = context.px(20);
  const float key_width = context.px(230);
  float height = 2 * pad;
  for (const Entry& entry : kEntries) height += *entry.first == '\0' ? line * 1.5F : line;
  const float marks_width = context.px(240);
  const float width = context.px(570) + marks_width;
  const float x = std::max(0.0F, std::round((size.x - width) / 2));
  const float y = std::max(0.0F, std::round((size.y - height) / 2));
  const Box box{x, y, x + width, y + std::round(height)};
  canvas.fill(box, context.colors.panel);
  canvas.frame(box, context.colors.border, 1);
  float at = y + pad;
  for (const auto& [key, what] : kEntries) {
    if (*key == '\0') {
      at += at > y + pad ? line * 0.5F : 0;
      canvas.label(context.fonts().strong, {x + pad, at, box.x1 - pad, at + line},
                   context.colors.text, what);
    } else {
      canvas.label(context.fonts().text, {x + pad, at, x + pad + key_width, at + line},
                   context.colors.accent, key);
      canvas.label(context.fonts().text,
                   {x + pad + key_width, at, box.x1 - marks_width - pad, at + line},
                   context.colors.text, what);
    }
    at += line;
  }
  draw_marks(context, canvas, {box.x1 - marks_width, y + pad, box.x1 - pad, box.y1});
  const ImGuiIO& io = ImGui::GetIO();
  if (io.MouseClicked[0] && io.MousePos.y > context.layout.top_bar.y1) view.help_open = false;
}

}  // namespace taskscope::viewer
