#include "viewer/panels/status_bar.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/span_painter.h"

namespace taskscope::viewer {
namespace {

// The classes that can occur in the recording, in the order of a task's life.
std::vector<StateClass> legend(const TraceSession& session) {
  std::vector<StateClass> states{StateClass::Running, StateClass::Runnable, StateClass::Channel,
                                 StateClass::Lock,    StateClass::Io,       StateClass::Sleep};
  if (!session.memory().collections().empty()) states.push_back(StateClass::Gc);
  states.push_back(StateClass::Leaked);
  return states;
}

// Swatches that look like the spans they stand for. Returns the left edge of what was drawn.
float draw_legend(const PanelContext& context, const Box& bar, float right) {
  Canvas& canvas = context.canvas;
  ImFont* font = context.fonts().text;
  const float swatch = context.px(14);
  const float gap = context.px(5);
  const float step = context.px(14);
  const std::vector<StateClass> states = legend(context.session);
  float width = 0;
  for (const StateClass state : states) {
    width += swatch + gap + std::ceil(canvas.width(font, to_short_text(state))) + step;
  }
  float x = right - width + step;
  const float left = x;
  const float middle = std::round((bar.y0 + bar.y1) / 2);
  const float half = context.px(6);
  for (const StateClass state : states) {
    const float height = std::round(2 * half * height_share(state));
    const Box box{x, middle + half - height, x + swatch, middle + half};
    canvas.fill(box, context.colors.state[index_of(state)]);
    if (state == StateClass::Channel || state == StateClass::Lock) {
      canvas.hatch(box, context.colors.hatch);
    }
    x += swatch + gap;
    const float text_width = std::ceil(canvas.width(font, to_short_text(state)));
    canvas.label(font, {x, bar.y0, x + text_width, bar.y1}, context.colors.muted,
                 to_short_text(state));
    x += text_width + step;
  }
  return left;
}

std::string range_text(const PanelContext& context, const ViewState& view) {
  TimeRange visible = view.time.visible();
  visible.start_ns = std::max<std::int64_t>(visible.start_ns, 0);
  visible.end_ns = std::min(visible.end_ns, context.session.duration_ns());
  return format_range(visible);
}

}  // namespace

void draw_status_bar(const PanelContext& context, const ViewState& view) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box bar = context.layout.status;
  canvas.fill(bar, colors.panel);
  canvas.fill({bar.x0, bar.y0, bar.x1, bar.y0 + 1}, colors.border);
  float x = bar.x0 + context.px(12);
  float right = bar.x1 - context.px(12);
  const bool shows_tasks = context.input.session != nullptr && !context.session.tasks().empty();
  const bool news_shown = view.finding_news.left_s > 0 && !context.input.footer;
  if (shows_tasks && !news_shown) right = draw_legend(context, bar, right) - context.px(16);
  // What does not fit is left out whole; the most important comes first.
  const auto put = [&](ImU32 color, const std::string& text, ImFont* font) {
    const float width = std::ceil(canvas.width(font, text));
    if (x + width > right) return;
    canvas.label(font, {x, bar.y0, x + width + 1, bar.y1}, color, text);
    x += width + context.px(16);
  };
  ImFont* font = context.fonts().text;
  const store::RecordingInfo& info = context.session.info();
  if (context.input.footer) {
    const std::string range = shows_tasks ? range_text(context, view) : "";
    const float both = canvas.width(context.fonts().strong, "Taskscope") +
                       canvas.width(font, range) + context.px(16);
    if (x + both < right) put(colors.text, "Taskscope", context.fonts().strong);
    put(colors.muted, range, font);
  }
  // What has just been found stands where it covers nothing.
  if (news_shown) {
    put(colors.alarm, "New finding", context.fonts().strong);
    const std::string told = canvas.fit(font, view.finding_news.text, right - x);
    return put(colors.text, told, font);
  }
  if (context.input.load.stage == LoadStage::Decoding) {
    put(colors.accent, fmt::format("reading spans: {:.0f} %", context.input.load.progress * 100),
        font);
  }
  if (info.lost_events > 0) {
    put(colors.alarm, count_text(info.lost_events) + " events lost", font);
  }
  // While a recording grows, spans of tasks that are newer than the list of them come next time.
  const LiveInfo* live = context.input.live;
  const bool grows = live != nullptr && live->stage != LiveStage::Ended;
  if (context.session.skipped_spans() > 0 && !grows) {
    put(colors.alarm, count_text(context.session.skipped_spans()) + " damaged spans left out",
        font);
  }
  if (context.session.cut_spans() > 0) {
    put(colors.alarm, count_text(context.session.cut_spans()) + " overlapping spans cut", font);
  }
  if (context.input.footer) {
    put(colors.muted, info.started, font);
  } else {
    put(colors.muted, fmt::format("{:.1f} ms", context.input.last_frame_ms), font);
    if (shows_tasks) {
      put(colors.muted, "? keys", font);
      put(colors.muted, "F fit", font);
      put(colors.muted, "Ctrl+wheel zoom", font);
    }
  }
}

}  // namespace taskscope::viewer
