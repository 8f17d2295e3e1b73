#include "viewer/panels/wait_strip.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/panels/actions.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// Words from left to right, with arrows between them; what does not fit is counted.
class Strip {
 public:
  Strip(const PanelContext& context, const Box& box)
      : context_(context), font_(context.fonts().text), box_(box), x_(box.x0 + context.px(12)) {}

  void words(ImU32 color, const std::string& text) {
    const float width = std::ceil(context_.canvas.width(font_, text));
    if (!fits(width)) return;
    context_.canvas.label(font_, {x_, box_.y0, x_ + width + 1, box_.y1}, color, text);
    x_ += width + context_.px(6);
  }
  bool link(const std::string& text) {
    const float width = std::ceil(context_.canvas.width(font_, text));
    if (!fits(width)) return false;
    const Box room{x_, box_.y0 + context_.px(4), x_ + width + 1, box_.y1 - context_.px(4)};
    x_ += width + context_.px(6);
    return draw_link(context_, room, text);
  }
  void arrow(ImU32 color) {
    if (!fits(context_.px(14))) return;
    const float y = std::round((box_.y0 + box_.y1) / 2);
    const float size = context_.px(3);
    context_.canvas.fill({x_, y, x_ + context_.px(8), y + 1}, color);
    const float tip = x_ + context_.px(11);
    context_.canvas.triangle({tip - size - 1, y - size}, {tip, y + 0.5F},
                             {tip - size - 1, y + size + 1}, color);
    x_ = tip + context_.px(6);
  }
  bool full() const { return full_; }
  float x() const { return x_; }

 private:
  bool fits(float width) {
    full_ = full_ || x_ + width > box_.x1 - context_.px(40);
    return !full_;
  }

  const PanelContext& context_;
  ImFont* font_;
  Box box_;
  float x_;
  bool full_ = false;
};

}  // namespace

void draw_wait_chain(const PanelContext& context, ViewState& view, const Box& strip) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  canvas.fill(strip, colors.raised);
  canvas.fill({strip.x0, strip.y1 - 1, strip.x1, strip.y1}, colors.border);
  const auto reply =
      context.input.answers->chain(view.selection.span, context.input.findings->list);
  Strip line(context, strip);
  const TraceSession& session = context.session;
  const auto name = [&](TaskIndex task) { return numbered_label(session.tasks()[task]); };
  if (!reply.current) {
    line.words(colors.text, name(view.selection.task));
    return line.words(colors.muted, "waits; looking for whom …");
  }
  const WaitChain& chain = *reply.answer;
  SpanIndex go_to = kNoSpan;
  TaskIndex go_to_task = kNoTask;
  for (std::size_t at = 0; at < chain.links.size(); ++at) {
    const WaitLink& link = chain.links[at];
    const bool in_cycle = chain.cycle && at >= *chain.cycle;
    const ImU32 ink = in_cycle ? colors.alarm : colors.muted;
    if (at == 0) {
      line.words(colors.text, name(link.task));
    } else if (line.link(name(link.task))) {
      go_to = link.span;
    }
    line.arrow(ink);
    line.words(colors.text, link.what);
    if (link.holder == kNoTask) break;
    line.arrow(ink);
    line.words(colors.muted, std::string(to_text(link.kind)));
  }
  if (!chain.links.empty() && chain.links.back().holder != kNoTask) {
    const TaskIndex last = chain.links.back().holder;
    if (line.link(name(last))) go_to_task = last;
  }
  if (chain.cycle) {
    line.words(colors.alarm, "and so round: a cycle");
  } else if (!chain.end.empty()) {
    line.words(colors.muted, (chain.links.back().holder == kNoTask ? "– " : "") + chain.end);
  }
  if (line.full()) {
    canvas.label(context.fonts().text, {line.x(), strip.y0, strip.x1, strip.y1}, colors.muted,
                 "and on");
  }
  if (go_to != kNoSpan) select_span(context, view, go_to);
  if (go_to_task != kNoTask) select_task(view, go_to_task);
}

}  // namespace taskscope::viewer
