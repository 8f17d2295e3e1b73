#include "viewer/panels/live_chip.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/findings_pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

std::string state_text(const LiveInfo& live, bool following) {
  switch (live.stage) {
    case LiveStage::Connecting:
      return "waiting for " + live.program;
    case LiveStage::Recording:
      return following ? "live" : "live, paused";
    case LiveStage::Finishing:
      return "completing the file";
    case LiveStage::Ended:
      return "recorded";
  }
  return "";
}

// How many findings are new, beside the dot. Returns where it begins.
float draw_badge(const PanelContext& context, ViewState& view, float right) {
  const Box bar = context.layout.top_bar;
  const std::string text = fmt::format("{} new", view.finding_news.fresh);
  const float width =
      std::ceil(context.canvas.width(context.fonts().strong, text)) + context.px(12);
  const Box box{right - width, bar.y0 + context.px(8), right, bar.y1 - context.px(9)};
  if (draw_chip(context, box, text, "Findings since you looked; click or I: the list",
                ChipKind::Alarm)) {
    show_findings(view, true);
  }
  return box.x0 - context.px(6);
}

}  // namespace

float draw_live(const PanelContext& context, ViewState& view, float right) {
  const LiveInfo* live = context.input.live;
  if (live == nullptr || context.input.footer) return right;
  const Box bar = context.layout.top_bar;
  ImFont* font = context.fonts().text;
  const bool recording = live->stage == LiveStage::Recording;
  if (recording) {
    const auto button = [&](const char* text, const char* hint) {
      const float width = std::ceil(context.canvas.width(font, text)) + context.px(20);
      const Box box{right - width, bar.y0 + context.px(5), right, bar.y1 - context.px(6)};
      right = box.x0 - context.px(6);
      return draw_button(context, box, text, hint);
    };
    if (button("Detach", "Ctrl+D: the program goes on, the file stays")) {
      view.detach_requested = true;
    }
    if (button(view.following ? "Pause" : "Follow", "Space")) view.following = !view.following;
    right -= context.px(6);
  }
  const auto put = [&](ImU32 color, const std::string& text) {
    const float width = std::ceil(context.canvas.width(font, text));
    context.canvas.label(font, {right - width, bar.y0, right + 1, bar.y1}, color, text);
    right -= width + context.px(12);
  };
  if (live->lost_events > 0) put(context.colors.alarm, count_text(live->lost_events) + " lost");
  if (recording) {
    put(context.colors.muted, duration_text(live->behind_ns / 100'000'000 * 100'000'000) + " old");
    const auto rate = static_cast<std::uint64_t>(std::max(live->events_per_s, 0.0));
    put(context.colors.muted, count_text(rate) + " events/s");
  }
  put(context.colors.text, state_text(*live, view.following));
  if (view.finding_news.fresh > 0) right = draw_badge(context, view, right);
  const float side = context.px(8);
  const float middle = std::round((bar.y0 + bar.y1) / 2);
  const ImU32 dot =
      recording ? context.colors.state[index_of(StateClass::Leaked)] : context.colors.muted;
  right -= side - context.px(6);
  context.canvas.fill({right - side, middle - side / 2, right, middle + side / 2}, dot);
  return right - side - context.px(16);
}

}  // namespace taskscope::viewer
