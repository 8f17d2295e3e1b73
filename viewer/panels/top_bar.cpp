#include "viewer/panels/top_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/findings_pane.h"
#include "viewer/panels/live_chip.h"
#include "viewer/panels/search_field.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

constexpr float kSearchMin = 150;  // px at scale 1
constexpr float kSearchMax = 420;

std::string file_name(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// What has been found, shortly, or how far the search is.
std::string findings_text(const PanelContext& context, float room) {
  const FindingList& findings = context.findings();
  const FindingState& state = *context.input.findings;
  if (!findings.empty()) {
    const std::string counts = counts_text(findings);
    if (context.canvas.width(context.fonts().strong, counts) <= room) return counts;
    return fmt::format("{} {}", findings.size(), findings.size() == 1 ? "finding" : "findings");
  }
  if (state.stage == FindingStage::Looking) return fmt::format("{:.0f} %", state.progress * 100);
  const bool none = state.stage == FindingStage::Done || state.stage == FindingStage::Stored;
  return none ? "Nothing found" : "Findings";
}

// Returns where it begins.
float draw_findings(const PanelContext& context, ViewState& view, float right) {
  const FindingList& findings = context.findings();
  if (context.input.footer && findings.empty()) return right;
  const Box bar = context.layout.top_bar;
  const std::string text = findings_text(context, std::floor(bar.width() * 0.16F));
  const float width =
      std::ceil(context.canvas.width(context.fonts().strong, text)) + context.px(20);
  const Box box{right - width, bar.y0 + context.px(5), right, bar.y1 - context.px(6)};
  const char* hint = "I: the list of findings   N: the next one";
  const bool clicked =
      findings.empty() ? draw_button(context, box, text, hint)
                       : draw_chip(context, box, text, hint,
                                   findings[0].weight == FindingWeight::Severe ? ChipKind::Alarm
                                                                               : ChipKind::Warning);
  if (clicked) show_findings(view, !view.findings_pane.open);
  return box.x0 - context.px(6);
}

// The name of the file and what is in it, as far as there is room: what does not fit is left out
// whole, and so is what follows.
void draw_facts(const PanelContext& context, const Box& bar) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  float x = bar.x0;
  const auto width_of = [&](ImFont* font, const std::string& text) {
    return std::ceil(canvas.width(font, text));
  };
  const auto put = [&](ImFont* font, ImU32 color, const std::string& text, float gap) {
    const float width = width_of(font, text);
    canvas.label(font, {x, bar.y0, x + width, bar.y1}, color, text);
    x += width + context.px(gap);
  };
  ImFont* font = context.fonts().text;
  const std::string path =
      context.input.session != nullptr ? context.session.path() : context.input.load.path;
  const std::string name = canvas.fit(
      context.fonts().strong, context.input.start != nullptr ? "Taskscope" : file_name(path),
      std::max(0.0F, bar.width()));
  put(context.fonts().strong, colors.text, name, 16);
  if (context.input.session == nullptr) return;
  bool full = false;
  const auto fits = [&](float width) {
    full = full || x + width > bar.x1;
    return !full;
  };
  const store::RecordingInfo& info = context.session.info();
  const std::string early = "recorder was killed: ends early";
  const bool killed = !info.complete && context.input.live == nullptr;
  if (killed && fits(width_of(font, early))) put(font, colors.alarm, early, 16);
  const std::string programs = info.programs.size() > 1
                                   ? fmt::format("{} programs", info.programs.size())
                                   : file_name(info.program);
  if (!programs.empty() && fits(width_of(font, programs))) put(font, colors.muted, programs, 16);
  const auto fact = [&](const std::string& value, const std::string& unit) {
    if (!fits(width_of(font, value) + context.px(4) + width_of(font, unit))) return;
    put(font, colors.text, value, 4);
    put(font, colors.muted, unit, 16);
  };
  fact(duration_text(info.duration_ns), "recorded");
  fact(count_text(info.tasks), info.tasks == 1 ? "task" : "tasks");
  fact(count_text(info.workers), info.workers == 1 ? "worker" : "workers");
  fact(count_text(info.events), "events");
}

}  // namespace

void draw_top_bar(const PanelContext& context, ViewState& view) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box bar = context.layout.top_bar;
  canvas.fill(bar, colors.panel);
  canvas.fill({bar.x0, bar.y1 - 1, bar.x1, bar.y1}, colors.border);
  float right = bar.x1 - context.px(8);
  if (!context.input.footer) {
    const auto button = [&](const char* text, const char* hint) {
      const float width = std::ceil(canvas.width(context.fonts().text, text)) + context.px(20);
      const Box box{right - width, bar.y0 + context.px(5), right, bar.y1 - context.px(6)};
      right = box.x0 - context.px(6);
      return draw_button(context, box, text, hint);
    };
    if (button("Keys", "?")) view.help_open = !view.help_open;
    if (button("Commands", "Ctrl+Shift+P")) open_picker(view, PickerKind::Commands);
    const bool open = context.input.session != nullptr;
    if (open && button("Picture", "Ctrl+S; as SVG: Ctrl+Shift+S")) view.save_as = SaveAs::Png;
    if (button(view.theme == Theme::Dark ? "Light" : "Dark", "T")) {
      view.theme = view.theme == Theme::Dark ? Theme::Light : Theme::Dark;
    }
  }
  right = draw_live(context, view, right);
  if (context.shows_rows()) right = draw_findings(context, view, right);
  if (!context.input.footer && context.shows_rows()) {
    const float width =
        std::clamp(std::floor(bar.width() * 0.22F), context.px(kSearchMin), context.px(kSearchMax));
    const float x0 = std::max(right - width, bar.x0 + context.px(12));
    draw_search_field(context, view, {x0, bar.y0 + context.px(5), right, bar.y1 - context.px(6)});
    right = x0 - context.px(10);
  }
  draw_facts(context, {bar.x0 + context.px(12), bar.y0, right, bar.y1});
}

}  // namespace taskscope::viewer
