#include "viewer/panels/log_marks.h"

#include <algorithm>
#include <cmath>

#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

constexpr float kHalf = 4;    // px at scale 1, of a notch's width
constexpr float kHeight = 6;  // px at scale 1
constexpr std::size_t kTextMax = 100;

std::vector<LogLines> groups_between(const PanelContext& context, const ViewState& view,
                                     const Row& row, std::int64_t first, std::int64_t last) {
  const auto mark_px = static_cast<std::int64_t>(2 * context.px(kHalf));
  return context.session.annotations().logs().groups(row.index, view.time.grid(), first - mark_px,
                                                     last + mark_px, mark_px);
}

struct Reach {
  float x0 = 0;
  float x1 = 0;
};
Reach reach_of(const PanelContext& context, const ViewState& view, const LogLines& lines) {
  const LogTable& logs = context.session.annotations().logs();
  return {time_x(context, view, logs[lines.first].ns),
          time_x(context, view, logs[lines.last - 1].ns)};
}

}  // namespace

void draw_log_marks(const PanelContext& context, const ViewState& view, const Row& row,
                    const Box& spans) {
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(spans.width()));
  const float half = context.px(kHalf);
  const float height = context.px(kHeight);
  const float y = spans.y0;
  Canvas& canvas = context.canvas;
  const std::vector<LogLines> groups = groups_between(context, view, row, first, last);
  for (std::size_t at = 0; at < groups.size(); ++at) {
    const LogLines& lines = groups[at];
    const auto [x0, x1] = reach_of(context, view, lines);
    const float middle = std::round((x0 + x1) / 2);
    const float room = 2 * half + 2;
    const bool crowded =
        (at > 0 && x0 - reach_of(context, view, groups[at - 1]).x1 < room) ||
        (at + 1 < groups.size() && reach_of(context, view, groups[at + 1]).x0 - x1 < room);
    if (crowded) {
      // Where there are many, none of them is what to look at first: what is below stays visible.
      canvas.fill({x0 - 1, y, x1 + 2, y + context.px(2) + 1}, context.colors.panel);
      canvas.fill({x0 - 1, y, x1 + 2, y + context.px(2)},
                  view.hover_logs == lines ? context.colors.accent : context.colors.muted);
      continue;
    }
    // Its rim keeps it apart from whatever state it stands on.
    canvas.triangle({middle - half - 2, y}, {middle + half + 2, y}, {middle, y + height + 2},
                    context.colors.panel);
    const bool pointed = view.hover_logs == lines;
    const ImU32 color = pointed ? context.colors.accent : context.colors.text;
    canvas.triangle({middle - half, y}, {middle + half, y}, {middle, y + height}, color);
    // Several have a bar from the first to the last.
    if (lines.size() > 1) {
      canvas.fill({std::min(x0, middle - half), y, std::max(x1, middle + half), y + 2}, color);
    }
  }
}

std::optional<LogLines> find_log_lines(const PanelContext& context, const ViewState& view,
                                       const Row& row, const Box& spans, ImVec2 mouse) {
  if (mouse.y < spans.y0 || mouse.y > spans.y0 + context.px(kHeight) + 2) return std::nullopt;
  const auto column = view.time.first_column() + static_cast<std::int64_t>(mouse.x - spans.x0);
  std::optional<LogLines> nearest;
  float nearest_px = context.px(kHalf) + 2;
  for (const LogLines& lines : groups_between(context, view, row, column - 1, column + 1)) {
    const auto [x0, x1] = reach_of(context, view, lines);
    const float away = std::abs(std::round((x0 + x1) / 2) - std::floor(mouse.x));
    if (away > nearest_px || (nearest && away == nearest_px)) continue;
    nearest = lines;
    nearest_px = away;
  }
  return nearest;
}

std::string log_text(const LogLine& line) {
  std::string text = line.category.empty() ? line.message : line.category + ": " + line.message;
  const std::size_t whole = text.size();
  text.resize(std::min(text.find('\n'), whole));
  if (text.size() > kTextMax) {
    std::size_t cut = kTextMax;
    while (cut > 0 && (text[cut] & 0xc0) == 0x80) --cut;  // not within a letter
    text.resize(cut);
  }
  return text.size() < whole ? text + "…" : text;
}

}  // namespace taskscope::viewer
