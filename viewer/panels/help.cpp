#include "viewer/panels/help.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "viewer/panels/commands.h"
#include "viewer/panels/worker_row.h"

namespace taskscope::viewer {
namespace {

constexpr std::array kMarks = {
    std::pair{DecisionKind::Steal, "it took tasks from another worker"},
    std::pair{DecisionKind::Wake, "it woke a worker"},
    std::pair{DecisionKind::Poll, "the network made tasks ready"},
    std::pair{DecisionKind::Timers, "timers were due"},
    std::pair{DecisionKind::Preempt, "a task ran too long"},
    std::pair{DecisionKind::Handoff, "a task is in a call"},
    std::pair{DecisionKind::Takeover, "another thread drives it"},
};

struct Line {
  enum class Kind : std::uint8_t { Heading, Entry, Mark, Crowd, Gap };
  Kind kind = Kind::Entry;
  std::string key;
  std::string what;
  DecisionKind mark = DecisionKind::Steal;
};

// Everything that has a key or a gesture, section by section; then what stands above workers'
// spans.
std::vector<Line> all_lines() {
  std::vector<Line> lines;
  const auto heading = [&](const char* text) {
    if (!lines.empty()) lines.push_back({Line::Kind::Gap, "", "", {}});
    lines.push_back({Line::Kind::Heading, "", text, {}});
  };
  for (std::size_t at = 0; at < kCommandSections; ++at) {
    const auto section = static_cast<CommandSection>(at);
    heading(to_text(section));
    for (const Command& command : all_commands()) {
      const std::string keys = keys_text(command);
      if (command.section != section || keys.empty()) continue;
      lines.push_back({Line::Kind::Entry, keys, command.name, {}});
    }
    for (const Gesture& gesture : all_gestures()) {
      if (gesture.section != section) continue;
      lines.push_back({Line::Kind::Entry, gesture.gesture, gesture.what, {}});
    }
  }
  heading("On a worker's row");
  for (const auto& [kind, text] : kMarks) lines.push_back({Line::Kind::Mark, "", text, kind});
  lines.push_back({Line::Kind::Crowd, "", "several close together", {}});
  return lines;
}

void draw_line(const PanelContext& context, Canvas& canvas, const Line& line, const Box& box,
               float key_width) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const Box beside_mark{box.x0 + context.px(22), box.y0, box.x1, box.y1};
  switch (line.kind) {
    case Line::Kind::Gap:
      break;
    case Line::Kind::Heading:
      canvas.label(fonts.strong, box, colors.text, line.what);
      break;
    case Line::Kind::Entry:
      canvas.label(fonts.text, {box.x0, box.y0, box.x0 + key_width - context.px(6), box.y1},
                   colors.accent, line.key);
      canvas.label(fonts.text, {box.x0 + key_width, box.y0, box.x1, box.y1}, colors.text,
                   line.what);
      break;
    case Line::Kind::Mark:
      draw_glyph(context, canvas, line.mark, box.x0 + context.px(6),
                 std::round((box.y0 + box.y1 - context.px(7)) / 2));
      canvas.label(fonts.text, beside_mark, colors.text, line.what);
      break;
    case Line::Kind::Crowd:
      for (int at = 0; at < 3; ++at) {
        const float x = box.x0 + context.px(2) + static_cast<float>(at) * context.px(3);
        const float floor = std::round((box.y0 + box.y1) / 2) + context.px(4);
        const float top = floor - context.px(static_cast<float>(3 + 2 * at));
        canvas.fill({x, top, x + context.px(3), floor}, colors.text);
      }
      canvas.label(fonts.text, beside_mark, colors.text, line.what);
      break;
  }
}

// No heading stands at the foot of a column, alone.
std::size_t balance(std::vector<Line>& lines, std::size_t columns) {
  std::size_t rows = (lines.size() + columns - 1) / columns;
  for (std::size_t column = 1; column < columns; ++column) {
    const std::size_t last = rows * column - 1;
    if (last >= lines.size() || lines[last].kind != Line::Kind::Heading) continue;
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(last), Line{});
    lines[last].kind = Line::Kind::Gap;
  }
  while (rows * columns < lines.size()) ++rows;
  return rows;
}

}  // namespace

// In as many columns as the window has room for; lines come closer where it is low.
void draw_help(const PanelContext& context) {
  Canvas canvas(ImGui::GetForegroundDrawList(), context.fonts());
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  canvas.fill({0, 0, size.x, size.y}, with_alpha(context.colors.void_color, 0.7F));
  std::vector<Line> lines = all_lines();
  const float pad = context.px(20);
  const auto fitting = static_cast<int>((size.x - 2 * pad) / context.px(345));
  const auto columns = static_cast<std::size_t>(std::clamp(fitting, 1, 3));
  const std::size_t rows = balance(lines, columns);
  const float room = (size.y - 2 * pad - context.px(16)) / static_cast<float>(rows);
  const float step = std::clamp(std::floor(room), context.px(12), context.px(20));
  const float column_width =
      std::min(context.px(410), std::floor((size.x - 2 * pad) / static_cast<float>(columns)));
  const float width = column_width * static_cast<float>(columns) + pad;
  const float height = step * static_cast<float>(rows) + 2 * pad;
  const float x = std::max(0.0F, std::round((size.x - width) / 2));
  const float y = std::max(0.0F, std::round((size.y - height) / 2));
  const Box box{x, y, x + width, y + height};
  canvas.fill(box, context.colors.panel);
  canvas.frame(box, context.colors.border, 1);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    const float left = x + pad + static_cast<float>(at / rows) * column_width;
    const float top = y + pad + static_cast<float>(at % rows) * step;
    draw_line(context, canvas, lines[at], {left, top, left + column_width - pad, top + step},
              context.px(154));
  }
}

}  // namespace taskscope::viewer
