#include "viewer/panels/marks_panel.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/ruler.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/minimap.h"
#include "viewer/panels/text_field.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

constexpr float kListWidth = 340;
constexpr float kLine = 24;
constexpr std::size_t kLinesMax = 12;
constexpr float kFlagWidthMax = 200;

float mark_x(const PanelContext& context, const ViewState& view, const Mark& mark) {
  const double x = std::clamp(std::round(view.time.to_px(mark.ns)), -1e5, 1e5);
  return context.layout.ruler.x0 + static_cast<float>(x);
}

std::string instant(const PanelContext& context, const ViewState& view, const Mark& mark) {
  const Ticks ticks =
      make_ticks(view.time.visible(), static_cast<double>(context.layout.ruler.width()),
                 static_cast<double>(context.px(120)));
  return format_instant(mark.ns, ticks.step_ns, ticks.step_ns / 100 + 1);
}

// Notes are words: cropped at their end, not shortened like names.
std::string cropped(const Canvas& canvas, ImFont* font, const std::string& note, float room) {
  if (canvas.width(font, note) <= room) return note;
  std::string shown = note;
  while (!shown.empty() && canvas.width(font, shown + "…") > room) {
    while (shown.size() > 1 && (static_cast<unsigned char>(shown.back()) & 0xc0) == 0x80) {
      shown.pop_back();
    }
    shown.pop_back();
  }
  return shown + "…";
}

std::size_t lines_shown(const ViewState& view) {
  return std::clamp<std::size_t>(view.marks.size(), 1, kLinesMax);
}

Box list_box(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const float width = std::min(context.px(kListWidth), rows.width() - context.px(24));
  const float height = context.px(kLine) * static_cast<float>(lines_shown(view)) + context.px(66);
  const float x1 = rows.x1 - context.px(16);
  const float y0 = rows.y0 + context.px(8);
  return {x1 - width, y0, x1, y0 + height};
}

// Keeps the chosen mark one that there is, and in sight.
void settle(ViewState& view) {
  MarkList& list = view.mark_list;
  const std::size_t count = view.marks.size();
  list.chosen = std::min(list.chosen, count == 0 ? 0 : count - 1);
  if (count == 0) list.editing = false;
  list.first = std::min(list.first, list.chosen);
  if (list.chosen >= list.first + kLinesMax) list.first = list.chosen + 1 - kLinesMax;
  list.first = std::min(list.first, count > kLinesMax ? count - kLinesMax : 0);
}

void go_to(ViewState& view, std::size_t index) {
  view.mark_list.chosen = index;
  settle(view);
  const std::int64_t ns = view.marks[index].ns;
  const TimeRange target = view.time.target();
  if (target.contains(ns)) return;
  view.time.remember();
  view.time.glide_to({ns - target.length_ns() / 2, ns + target.length_ns() / 2});
}

void begin_note(ViewState& view) {
  if (view.marks.empty()) return;
  view.mark_list.editing = true;
  view.mark_list.editor.set_text(view.marks[view.mark_list.chosen].note);
}

void keep_note(ViewState& view) {
  if (!view.mark_list.editing) return;
  view.mark_list.editing = false;
  view.marks[view.mark_list.chosen].note = clean_note(view.mark_list.editor.text());
}

void remove_chosen(ViewState& view) {
  if (view.marks.empty()) return;
  view.marks.erase(view.marks.begin() + static_cast<std::ptrdiff_t>(view.mark_list.chosen));
  settle(view);
}

void edit(ViewState& view) {
  edit_line(view.mark_list.editor);
  if (key_pressed(Key::Enter)) keep_note(view);
  if (key_pressed(Key::Escape)) view.mark_list.editing = false;
}

// True when it was clicked.
bool draw_line(const PanelContext& context, const ViewState& view, std::size_t at, const Box& box) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Mark& mark = view.marks[at];
  const bool chosen = at == view.mark_list.chosen;
  const bool hovered = box.contains(ImGui::GetIO().MousePos);
  if (chosen || hovered) canvas.fill(box, with_alpha(colors.accent, chosen ? 0.22F : 0.1F));
  const float x = box.x0 + context.px(12);
  const float split = x + context.px(96);
  canvas.label(context.fonts().text, {x, box.y0, split - context.px(8), box.y1},
               chosen ? colors.text : colors.muted, instant(context, view, mark));
  const Box rest{split, box.y0, box.x1 - context.px(12), box.y1};
  if (chosen && view.mark_list.editing) {
    draw_field(context, canvas,
               {rest.x0 - context.px(8), box.y0 + 2, box.x1 - context.px(6), box.y1 - 2},
               view.mark_list.editor, {.focused = true, .hint = "a note"}, 0);
  } else if (mark.note.empty()) {
    if (chosen) canvas.label(context.fonts().text, rest, colors.muted, "Enter: write a note");
  } else {
    ImFont* font = context.fonts().text;
    canvas.text(font, rest.x0, rest.y0 + std::floor((rest.height() - font->FontSize) / 2),
                colors.text, cropped(canvas, font, mark.note, rest.width()));
  }
  return hovered && ImGui::GetIO().MouseClicked[0];
}

// At the pointer; without one at the selected span, or in the middle.
std::int64_t pointed_ns(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const float x = ImGui::GetIO().MousePos.x;
  if (x >= rows.x0 && x < rows.x1) {
    return view.time.to_ns(static_cast<double>(std::floor(x) - rows.x0));
  }
  if (view.selection.span != kNoSpan) {
    return context.session.span_range(view.selection.span).start_ns;
  }
  return view.time.to_ns(static_cast<double>(std::floor(rows.width() / 2)));
}

double reach_ns(const ViewState& view) { return view.time.grid().ns_per_px * 4; }

std::optional<std::size_t> set_mark(ViewState& view, std::int64_t ns) {
  const auto index = add_mark(view.marks, ns);
  if (!index) {
    show_toast(view, fmt::format("There are {} marks already, which is the most there can be.",
                                 count_text(kMarksMax)));
  }
  return index;
}

}  // namespace

void draw_marks(const PanelContext& context, const ViewState& view) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box ruler = context.layout.ruler;
  const Box rows = context.layout.rows;
  ImFont* font = context.fonts().small;
  canvas.push_clip({ruler.x0, ruler.y0, ruler.x1, rows.y1});
  for (std::size_t at = 0; at < view.marks.size(); ++at) {
    const Mark& mark = view.marks[at];
    const float x = mark_x(context, view, mark);
    if (x > ruler.x1) break;
    const float next = at + 1 < view.marks.size() ? mark_x(context, view, view.marks[at + 1])
                                                  : ruler.x1 + context.px(kFlagWidthMax);
    const float room = std::min(context.px(kFlagWidthMax), next - x - context.px(3));
    if (x + room < ruler.x0) continue;
    canvas.fill({x, ruler.y0, x + 1, rows.y1}, colors.accent);
    const Box flag{x, ruler.y0 + context.px(3), x, ruler.y1 - context.px(4)};
    const float wanted = std::ceil(canvas.width(font, mark.note)) + context.px(10);
    if (mark.note.empty() || room < context.px(24)) {
      canvas.triangle({x, flag.y0}, {x + context.px(8), flag.y0 + context.px(4)},
                      {x, flag.y0 + context.px(8)}, colors.accent);
      continue;
    }
    const float width = std::min(wanted, room);
    canvas.fill({x, flag.y0, x + width, flag.y1}, colors.accent);
    canvas.text(font, x + context.px(5), flag.y0 + std::floor((flag.height() - font->FontSize) / 2),
                colors.panel, cropped(canvas, font, mark.note, width - context.px(8)));
  }
  canvas.pop_clip();
}

void draw_minimap_marks(const PanelContext& context, const ViewState& view) {
  const Box map = context.layout.minimap;
  const auto duration =
      static_cast<double>(std::max<std::int64_t>(context.session.duration_ns(), 1));
  float last = -1;  // of many marks in one pixel one is drawn
  for (const Mark& mark : view.marks) {
    const double share = std::clamp(static_cast<double>(mark.ns) / duration, 0.0, 1.0);
    const float x = map.x0 + std::round(static_cast<float>(share) * (map.width() - 1));
    if (x == last) continue;
    last = x;
    context.canvas.fill({x, map.y0, x + 1, map.y1 - 1}, context.colors.accent);
    context.canvas.triangle({x - context.px(3), map.y0}, {x + context.px(4), map.y0},
                            {x + 0.5F, map.y0 + context.px(5)}, context.colors.accent);
  }
}

bool over_mark_list(const PanelContext& context, const ViewState& view) {
  return view.mark_list.open && list_box(context, view).contains(ImGui::GetIO().MousePos);
}

void draw_mark_list(const PanelContext& context, ViewState& view) {
  if (!view.mark_list.open || context.input.footer) return;
  settle(view);
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box box = list_box(context, view);
  canvas.fill(box, colors.raised);
  canvas.frame(box, colors.border, 1);
  const float x = box.x0 + context.px(12);
  float y = box.y0 + context.px(6);
  canvas.label(context.fonts().strong, {x, y, box.x1, y + context.px(kLine)}, colors.text, "Marks");
  canvas.label_right(context.fonts().text, {x, y, box.x1 - context.px(12), y + context.px(kLine)},
                     colors.muted, count_text(view.marks.size()));
  y += context.px(kLine) + context.px(2);
  if (view.marks.empty()) {
    canvas.label(context.fonts().text, {x, y, box.x1, y + context.px(kLine)}, colors.muted,
                 "None yet: M sets one at the pointer.");
  }
  const std::size_t last = std::min(view.marks.size(), view.mark_list.first + kLinesMax);
  std::optional<std::size_t> clicked;
  float line_y = y;
  for (std::size_t at = view.mark_list.first; at < last; ++at, line_y += context.px(kLine)) {
    const Box line{box.x0 + 1, line_y, box.x1 - 1, line_y + context.px(kLine)};
    if (draw_line(context, view, at, line)) clicked = at;
  }
  const float hint_y = box.y1 - context.px(30);
  canvas.label(context.fonts().small, {x, hint_y, box.x1 - context.px(8), box.y1}, colors.muted,
               view.mark_list.editing ? "Enter: keep   Esc: as it was"
                                      : "Up Down: go   Enter: note   Delete: remove   Esc: close");
  if (!clicked) return;
  keep_note(view);
  go_to(view, *clicked);
}

bool handle_mark_keys(const PanelContext& context, ViewState& view) {
  MarkList& list = view.mark_list;
  if (!list.open || context.input.footer) return false;
  settle(view);
  const ImGuiIO& io = ImGui::GetIO();
  if (over_mark_list(context, view) && io.MouseWheel != 0) {
    const auto by = static_cast<std::ptrdiff_t>(std::lround(io.MouseWheel * 2));
    const auto most = static_cast<std::ptrdiff_t>(view.marks.size()) - kLinesMax;
    list.first = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(
        static_cast<std::ptrdiff_t>(list.first) - by, 0, std::max<std::ptrdiff_t>(most, 0)));
  }
  if (list.editing) {
    edit(view);
    return true;
  }
  if (key_pressed(Key::Escape)) {
    list.open = false;
    return true;
  }
  if (view.marks.empty()) return false;
  if (key_pressed(Key::Up) && list.chosen > 0) {
    go_to(view, list.chosen - 1);
  } else if (key_pressed(Key::Down) && list.chosen + 1 < view.marks.size()) {
    go_to(view, list.chosen + 1);
  } else if (key_pressed(Key::Enter)) {
    begin_note(view);
  } else if (key_pressed(Key::Delete)) {
    remove_chosen(view);
  } else {
    return key_pressed(Key::Up) || key_pressed(Key::Down);
  }
  return true;
}

void toggle_mark(const PanelContext& context, ViewState& view) {
  const std::int64_t ns = pointed_ns(context, view);
  const auto known = mark_near(view.marks, ns, reach_ns(view));
  if (!known) {
    (void)set_mark(view, ns);
  } else if (view.marks[*known].note.empty()) {
    view.marks.erase(view.marks.begin() + static_cast<std::ptrdiff_t>(*known));
  } else {
    view.mark_list.open = true;
    view.mark_list.chosen = *known;
    show_toast(view, "This mark has a note: Delete removes both.");
  }
}

void write_note(const PanelContext& context, ViewState& view) {
  const std::int64_t ns = pointed_ns(context, view);
  auto index = mark_near(view.marks, ns, reach_ns(view));
  if (!index) index = set_mark(view, ns);
  if (!index) return;
  view.mark_list.open = true;
  view.mark_list.chosen = *index;
  settle(view);
  begin_note(view);
}

}  // namespace taskscope::viewer
