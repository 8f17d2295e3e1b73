#include "viewer/panels/choices_bar.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

std::string grouping_text(Grouping grouping) {
  switch (grouping) {
    case Grouping::SpawnSite:
      break;
    case Grouping::Name:
      return "grouped by name";
    case Grouping::Parent:
      return "grouped by who started them";
    case Grouping::None:
      return "not grouped";
  }
  return "";
}

std::string sort_text(const ArrangementOptions& options) {
  switch (options.sort) {
    case SortBy::Id:
      break;
    case SortBy::Creation:
      return "sorted by creation";
    case SortBy::Name:
      return "sorted by name";
    case SortBy::Time:
      return fmt::format("sorted by time {} in view", to_text(options.sort_class));
  }
  return "";
}

// Chips from left to right; what does not fit is counted.
class Chips {
 public:
  explicit Chips(const PanelContext& context)
      : context_(context), x_(context.layout.choices.x0 + context.px(12)) {}

  // True when its cross was clicked.
  bool chip(const std::string& text, const char* hint, float right) {
    const float gap = context_.px(6);
    const float cross = context_.input.footer ? 0 : context_.px(18);
    const Box bar = context_.layout.choices;
    const float wanted = std::ceil(width(text)) + context_.px(16) + cross;
    const float room = right - x_;
    if (room < std::min(wanted, context_.px(96))) {
      ++left_out_;
      return false;
    }
    const Box box{x_, bar.y0 + context_.px(3), x_ + std::min(wanted, room),
                  bar.y1 - context_.px(4)};
    x_ = box.x1 + gap;
    const bool hovered = box.contains(ImGui::GetIO().MousePos) && !context_.input.footer;
    Canvas& canvas = context_.canvas;
    canvas.fill(box, with_alpha(context_.colors.accent, hovered ? 0.34F : 0.2F));
    canvas.frame(box, context_.colors.accent, 1);
    canvas.label(context_.fonts().text,
                 {box.x0 + context_.px(8), box.y0, box.x1 - cross - context_.px(4), box.y1},
                 context_.colors.text, text);
    if (context_.input.footer) return false;
    draw_cross({box.x1 - cross, box.y0, box.x1, box.y1}, hovered);
    if (hovered) {
      draw_note(context_, {box.x0, box.y1 + context_.px(6)},
                {{hint, context_.colors.muted, context_.fonts().text}});
    }
    return hovered && ImGui::GetIO().MouseClicked[0];
  }
  float x() const { return x_; }
  int left_out() const { return left_out_; }

 private:
  float width(const std::string& text) const {
    return context_.canvas.width(context_.fonts().text, text);
  }
  void draw_cross(const Box& box, bool hovered) const {
    const float x = std::round((box.x0 + box.x1) / 2) - context_.px(1);
    const float y = std::round((box.y0 + box.y1) / 2);
    const float arm = context_.px(3.5F);
    const ImU32 color = hovered ? context_.colors.text : context_.colors.muted;
    const float thickness = context_.px(1.4F);
    context_.canvas.line({x - arm, y - arm}, {x + arm, y + arm}, color, thickness);
    context_.canvas.line({x - arm, y + arm}, {x + arm, y - arm}, color, thickness);
  }

  const PanelContext& context_;
  float x_;
  int left_out_ = 0;
};

}  // namespace

bool has_choices(const ViewState& view) { return !view.arrangement.is_default(); }

void draw_choices_bar(const PanelContext& context, ViewState& view) {
  const Box bar = context.layout.choices;
  if (bar.height() <= 0) return;
  Canvas& canvas = context.canvas;
  canvas.fill(bar, context.colors.panel);
  canvas.fill({bar.x0, bar.y1 - 1, bar.x1, bar.y1}, context.colors.border);
  ArrangementOptions& options = view.arrangement;
  float right = bar.x1 - context.px(12);
  const Arrangement& arrangement = *context.input.rows->arrangement();
  const std::string count =
      context.input.answers->arranging() ? "looking at all tasks …"
      : arrangement.filtered()
          ? fmt::format("{} of {} tasks have rows", count_text(arrangement.order().size()),
                        count_text(context.session.tasks().size()))
          : "";
  if (!count.empty()) {
    const float width = std::ceil(canvas.width(context.fonts().text, count));
    canvas.label(context.fonts().text, {right - width, bar.y0, right + 1, bar.y1},
                 context.colors.muted, count);
    right -= width + context.px(12);
  }
  Chips chips(context);
  std::size_t gone = options.filters.size();
  for (std::size_t at = 0; at < options.filters.size(); ++at) {
    const char* hint =
        at + 1 == options.filters.size() ? "Click: remove   Ctrl+Backspace" : "Click: remove";
    if (chips.chip(filter_text(options.filters[at]), hint, right)) gone = at;
  }
  if (gone < options.filters.size()) {
    options.filters.erase(options.filters.begin() + static_cast<std::ptrdiff_t>(gone));
    view.reveal = view.selection.task;
  }
  const std::string grouping = grouping_text(options.grouping);
  if (!grouping.empty() && chips.chip(grouping, "Click: by where they were started", right)) {
    options.grouping = Grouping::SpawnSite;
  }
  const std::string sort = sort_text(options);
  if (!sort.empty() && chips.chip(sort, "Click: by number", right)) options.sort = SortBy::Id;
  if (chips.left_out() > 0) {
    canvas.label(context.fonts().text, {chips.x(), bar.y0, right, bar.y1}, context.colors.muted,
                 fmt::format("and {} more", chips.left_out()));
  }
}

}  // namespace taskscope::viewer
