#include "viewer/panels/search_field.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/text_field.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

void show_hit(const PanelContext& context, ViewState& view, const SearchHit& hit) {
  if (hit.span != kNoSpan) {
    select_span(context, view, hit.span);
    return;
  }
  select_task(view, hit.task);
  const Track& track = context.session.tasks()[hit.task].track;
  const TimeRange visible = view.time.target();
  if (track.empty() || visible.overlaps(track.start_ns(), track.end_ns())) return;
  view.time.remember();
  view.time.glide_to(with_margin({track.start_ns(), track.end_ns()}));
}

void take_step(const PanelContext& context, ViewState& view) {
  if (view.search.step == 0) return;
  const auto hits = shown_hits(context, view);
  if (hits == nullptr) return;
  const std::int64_t from = view.selection.span != kNoSpan
                                ? context.session.span_range(view.selection.span).start_ns
                                : view.time.visible().start_ns;
  view.search.hit = step_hit(hits->hits, view.search.hit, from, view.search.step);
  view.search.step = 0;
  if (view.search.hit != kNoHit) show_hit(context, view, hits->hits[view.search.hit]);
}

// "3 of 42 hits", "no hit", "first 10,000 of 1,234,567".
std::string count_of(const SearchHits& hits, const SearchState& search) {
  if (hits.total == 0) return "no hit";
  const bool cut = hits.hits.size() < hits.total;
  if (search.hit < hits.hits.size()) {
    return fmt::format("{} of {}", count_text(search.hit + 1), count_text(hits.total));
  }
  if (cut) {
    return fmt::format("first {} of {}", count_text(hits.hits.size()), count_text(hits.total));
  }
  return hits.total == 1 ? "1 hit" : count_text(hits.total) + " hits";
}

void draw_help_note(const PanelContext& context, const Box& box) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  draw_note(context, {box.x0, box.y1 + context.px(6)},
            {{"state:blocked dur:>10ms site:worker.cpp -name:logger", colors.text, fonts.text},
             {"name site parent program task label log find tasks", colors.muted, fonts.text},
             {"state reason dur worker object woken-by find spans", colors.muted, fonts.text},
             {"Enter, Shift+Enter: next hit, hit before", colors.muted, fonts.small},
             {"Ctrl+Enter: only rows of tasks that match", colors.muted, fonts.small}});
}

}  // namespace

SearchHitsPtr shown_hits(const PanelContext& context, const ViewState& view) {
  if (!view.search.active() || !context.shows_rows()) return nullptr;
  const std::string& text = view.search.editor.text();
  if (!parse_query(text).error.empty()) return nullptr;
  const auto reply = context.input.answers->hits(text);
  return reply.current ? reply.answer : nullptr;
}

void handle_search_keys(const PanelContext& context, ViewState& view, bool typing) {
  SearchState& search = view.search;
  if (typing) {
    const ImGuiIO& io = ImGui::GetIO();
    if (edit_line(search.editor)) search.hit = kNoHit;
    if (key_pressed(Key::Enter) && !io.KeyCtrl) step_search(view, io.KeyShift ? -1 : 1);
    if (key_pressed(Key::Escape)) search.open = false;
  }
  take_step(context, view);
}

void draw_search_field(const PanelContext& context, ViewState& view, const Box& box) {
  SearchState& search = view.search;
  const ImGuiIO& io = ImGui::GetIO();
  if (io.MouseClicked[0]) {
    const bool inside = box.contains(io.MousePos);
    if (inside && !search.open) open_search(view);
    if (!inside) search.open = false;
  }
  const ParsedQuery parsed = parse_query(search.editor.text());
  const auto hits = shown_hits(context, view);
  const std::string count = !search.active() || !parsed.error.empty() ? ""
                            : hits == nullptr                         ? "…"
                                                                      : count_of(*hits, search);
  const float margin =
      count.empty() ? 0
                    : std::ceil(context.canvas.width(context.fonts().text, count)) + context.px(8);
  draw_field(context, context.canvas, box, search.editor,
             {.focused = search.open,
              .hint = "Search  /",
              .error_begin = parsed.error_begin,
              .error_end = parsed.error_end},
             margin);
  const bool none = hits != nullptr && hits->total == 0;
  context.canvas.label_right(context.fonts().text, {box.x0, box.y0, box.x1 - context.px(8), box.y1},
                             none ? context.colors.alarm : context.colors.muted, count);
  if (!search.open) return;
  if (!parsed.error.empty()) {
    // Of a term that is still being typed it is a hint.
    const bool typing = parsed.error_end == search.editor.cursor();
    const ImU32 color = typing ? context.colors.muted : context.colors.alarm;
    draw_note(context, {box.x0, box.y1 + context.px(6)},
              {{parsed.error, color, context.fonts().text}});
  } else if (!search.active()) {
    draw_help_note(context, box);
  }
}

void draw_hits_in_minimap(const PanelContext& context, const ViewState& view) {
  const auto hits = shown_hits(context, view);
  if (hits == nullptr || hits->total == 0) return;
  const Box map = context.layout.minimap;
  const float height = context.px(4);
  float drawn_to = map.x0 - 1;
  for (std::size_t part = 0; part < hits->density.size(); ++part) {
    if (hits->density[part] == 0) continue;
    const auto share = static_cast<float>(part) / static_cast<float>(hits->density.size());
    const float x = map.x0 + std::round(share * map.width());
    if (x < drawn_to) continue;
    drawn_to = x + 2;
    context.canvas.fill({x, map.y0, drawn_to, map.y0 + height}, context.colors.text);
  }
}

void draw_hits_in_ruler(const PanelContext& context, const ViewState& view) {
  const auto hits = shown_hits(context, view);
  if (hits == nullptr) return;
  const Box ruler = context.layout.ruler;
  const TimeRange visible = view.time.visible();
  const auto first =
      std::lower_bound(hits->hits.begin(), hits->hits.end(), visible.start_ns,
                       [](const SearchHit& hit, std::int64_t ns) { return hit.ns < ns; });
  float drawn_to = ruler.x0 - 1;
  for (auto hit = first; hit != hits->hits.end() && hit->ns < visible.end_ns; ++hit) {
    const bool chosen = static_cast<std::size_t>(hit - hits->hits.begin()) == view.search.hit;
    const float x = ruler.x0 + static_cast<float>(std::round(view.time.to_px(hit->ns)));
    if (x < drawn_to && !chosen) continue;
    drawn_to = x + 2;
    const float top = ruler.y1 - context.px(chosen ? 10 : 5);
    context.canvas.fill({x, top, x + 2, ruler.y1 - 1}, context.colors.text);
  }
}

}  // namespace taskscope::viewer
