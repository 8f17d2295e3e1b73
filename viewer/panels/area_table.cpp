#include "viewer/panels/area_table.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

constexpr std::array<const char*, kAreaColumns> kHeads = {"state", "spans", "total", "mean",
                                                          "p50",   "p95",   "p99",   "max"};
constexpr float kStateWidth = 150;  // px at scale 1
constexpr float kColumnWidth = 92;
constexpr float kRowHeight = 18;

std::string rows_text(const AreaRows& rows) {
  const std::string count = count_text(rows.size());
  const char* kind = rows.kind == RowKind::Worker   ? "worker"
                     : rows.kind == RowKind::Thread ? "thread"
                                                    : "task";
  return fmt::format("{} {}{}", count, kind, rows.size() == 1 ? "" : "s");
}

std::string cell_text(const ClassStatistics& row, AreaColumn column) {
  switch (column) {
    case AreaColumn::State:
      return std::string(to_text(row.state));
    case AreaColumn::Count:
      return count_text(row.count);
    case AreaColumn::Total:
      return duration_text(row.total_ns);
    case AreaColumn::Mean:
      return duration_text(row.mean_ns);
    case AreaColumn::P50:
      return duration_text(row.p50_ns);
    case AreaColumn::P95:
      return duration_text(row.p95_ns);
    case AreaColumn::P99:
      return duration_text(row.p99_ns);
    case AreaColumn::Max:
      return duration_text(row.max_ns);
  }
  return "";
}

// Columns share what room there is.
struct Columns {
  float x0;
  float state_width;
  float width;

  Box box(std::size_t at, float y0, float y1) const {
    if (at == 0) return {x0, y0, x0 + state_width, y1};
    const float left = x0 + state_width + static_cast<float>(at - 1) * width;
    return {left, y0, left + width, y1};
  }
};

// Beside the head of the column that is sorted by, the largest on top.
void draw_arrow_down(const PanelContext& context, float x, bool right_of, const Box& box) {
  const float half = context.px(3);
  const float middle = std::round((box.y0 + box.y1) / 2);
  const float at = right_of ? x + context.px(8) : x - context.px(8);
  context.canvas.triangle({at - half, middle - half + 1}, {at + half, middle - half + 1},
                          {at, middle + half - 1}, context.colors.accent);
}

void draw_heads(const PanelContext& context, ViewState& view, const Columns& columns, float y) {
  const ImGuiIO& io = ImGui::GetIO();
  for (std::size_t at = 0; at < kAreaColumns; ++at) {
    const Box box = columns.box(at, y, y + context.px(kRowHeight));
    const bool sorted = static_cast<std::size_t>(view.area_sort) == at;
    const bool hovered = box.contains(io.MousePos) && !context.input.footer;
    const ImU32 color = sorted    ? context.colors.accent
                        : hovered ? context.colors.text
                                  : context.colors.muted;
    const std::string text = kHeads[at];
    const float width = std::ceil(context.canvas.width(context.fonts().text, text));
    if (at == 0) {
      context.canvas.label(context.fonts().text, box, color, text);
    } else {
      context.canvas.label_right(context.fonts().text, box, color, text);
    }
    if (sorted) draw_arrow_down(context, at == 0 ? box.x0 + width : box.x1 - width, at == 0, box);
    if (hovered && io.MouseClicked[0]) view.area_sort = static_cast<AreaColumn>(at);
  }
}

void draw_line(const PanelContext& context, const Columns& columns, const ClassStatistics& row,
               float y) {
  Canvas& canvas = context.canvas;
  const float swatch = context.px(9);
  for (std::size_t at = 0; at < kAreaColumns; ++at) {
    Box box = columns.box(at, y, y + context.px(kRowHeight));
    const std::string text = cell_text(row, static_cast<AreaColumn>(at));
    if (at > 0) {
      canvas.label_right(context.fonts().text, box, context.colors.text, text);
      continue;
    }
    const float middle = std::round((box.y0 + box.y1) / 2);
    canvas.fill({box.x0, middle - context.px(4), box.x0 + swatch, middle + context.px(5)},
                context.colors.state[index_of(row.state)]);
    box.x0 += swatch + context.px(6);
    canvas.label(context.fonts().text, box, context.colors.text,
                 canvas.width(context.fonts().text, text) <= box.width()
                     ? text
                     : std::string(to_short_text(row.state)));
  }
}

}  // namespace

void draw_area_table(const PanelContext& context, ViewState& view, const Box& drawer) {
  Canvas& canvas = context.canvas;
  const float pad = context.px(12);
  const Area& area = *view.area;
  float y = drawer.y0 + context.px(8);
  const auto reply = context.input.answers->statistics(area);
  const bool exact = reply.answer == nullptr || reply.answer->exact;
  const std::string title =
      fmt::format("{} × {}", rows_text(*area.rows), duration_text(area.time.length_ns()));
  Box line{drawer.x0 + pad, y, drawer.x1 - pad, y + context.px(20)};
  if (!context.input.footer) {
    const float width = context.px(92);
    const Box button{line.x1 - width, line.y0, line.x1, line.y1};
    if (draw_button(context, button, "Copy CSV", "Ctrl+C")) copy_statistics(context, view);
    line.x1 -= width + pad;
  }
  canvas.label(context.fonts().strong, line, context.colors.text, title);
  line.x0 += std::ceil(canvas.width(context.fonts().strong, title)) + context.px(10);
  canvas.label(context.fonts().text, line, context.colors.muted,
               !reply.current ? "counting …"
               : exact        ? "as far as they lie in the area"
                              : "as far as they lie in the area; percentiles within 0.4 %");
  y = line.y1 + context.px(6);
  const float room = drawer.width() - 2 * pad;
  const float whole = kStateWidth + kColumnWidth * static_cast<float>(kAreaColumns - 1);
  const float fit = std::min(1.0F, room / context.px(whole));
  const Columns columns{drawer.x0 + pad, std::floor(context.px(kStateWidth) * fit),
                        std::floor(context.px(kColumnWidth) * fit)};
  draw_heads(context, view, columns, y);
  if (reply.answer == nullptr) return;
  std::vector<ClassStatistics> classes = reply.answer->classes;
  sort_statistics(classes, view.area_sort);
  for (const ClassStatistics& row : classes) {
    y += context.px(kRowHeight);
    draw_line(context, columns, row, y);
  }
}

}  // namespace taskscope::viewer
