#include "viewer/panels/stack_column.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/stack_text.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

using Inner = store::StackTable::Inner;

// px at scale 1.
constexpr float kTitle = 20;
constexpr float kLine = 17;
constexpr float kGap = 6;
constexpr float kWheel = 34;
constexpr float kPlaceShare = 0.45F;  // of the width, at most

float height_of(const PanelContext& context, const std::vector<ShownStack>& stacks) {
  float height = 0;
  for (const ShownStack& shown : stacks) {
    const auto calls = context.session.stacks().own_calls(shown.stack, shown.inner);
    height += context.px(kTitle) + context.px(kLine) * static_cast<float>(calls.size());
    height += context.px(kGap);
  }
  return height;
}

// Function at the left, place at the right; the whole of both in a note.
void draw_call(const PanelContext& context, const store::StackCall& call, const Box& line,
               bool pointed) {
  Canvas& canvas = context.canvas;
  const store::StackTable& stacks = context.session.stacks();
  const store::StackFunction& function = stacks.function(call);
  const Palette& colors = context.colors;
  ImFont* font = context.fonts().text;
  const std::string place =
      canvas.fit(font, call_place(stacks, call), std::floor(line.width() * kPlaceShare));
  const float place_width = std::ceil(canvas.width(font, place));
  float room = line.width() - place_width - context.px(10);
  const char* tag = call.inlined != 0 ? "inlined" : "";
  const float tag_width = *tag == '\0' ? 0 : std::ceil(canvas.width(context.fonts().small, tag));
  if (tag_width > 0) room -= tag_width + context.px(6);
  const std::string name = canvas.fit(font, plain_name(function.name), room);
  if (pointed) canvas.fill(line, colors.raised);
  canvas.label(font, {line.x0, line.y0, line.x0 + room + 1, line.y1},
               function.runtime ? colors.muted : colors.text, name);
  if (tag_width > 0) {
    const float x = line.x0 + std::ceil(canvas.width(font, name)) + context.px(6);
    canvas.label(context.fonts().small, {x, line.y0, x + tag_width + 1, line.y1}, colors.muted,
                 tag);
  }
  canvas.label(font, {line.x1 - place_width - 1, line.y0, line.x1, line.y1}, colors.muted, place);
  if (!pointed) return;
  std::vector<NoteLine> lines{{function.name, colors.text, font}};
  if (!function.file.empty()) {
    lines.push_back({fmt::format("{}:{}", function.file, +call.line), colors.muted, font});
  }
  const float above = context.px(20) * static_cast<float>(lines.size()) + context.px(12);
  draw_note(context, {line.x0, line.y0 - above}, lines);
}

// What is scrolled away, and how far: a thin bar at the right.
void draw_scroll(const PanelContext& context, const Box& column, float scroll, float content) {
  if (content <= column.height()) return;
  const float x1 = column.x1 + context.px(6);
  const float length = std::max(context.px(16), column.height() * column.height() / content);
  const float travel = column.height() - length;
  const float y = std::round(column.y0 + travel * scroll / (content - column.height()));
  context.canvas.fill({x1 - context.px(3), y, x1, std::round(y + length)},
                      with_alpha(context.colors.muted, 0.5F));
}

}  // namespace

std::vector<ShownStack> shown_stacks(const TraceSession& session, const Selection& of) {
  std::vector<ShownStack> shown;
  const store::StackTable& stacks = session.stacks();
  const auto add = [&](const char* title, std::uint32_t stack, Inner inner) {
    if (stack < stacks.size()) shown.push_back({title, stack, inner});
  };
  if (of.sample) add("Sampled in", session.samples()[*of.sample].stack, Inner::All);
  if (of.span != kNoSpan) add("Waits in", session.wait_stack(of.span), Inner::CalledOnly);
  if (of.task != kNoTask) add("Started in", session.spawn_stack(of.task), Inner::CalledOnly);
  return shown;
}

void draw_stack_column(const PanelContext& context, ViewState& view, const Box& column) {
  const std::vector<ShownStack> stacks = shown_stacks(context.session, view.selection);
  if (stacks.empty()) return;
  Canvas& canvas = context.canvas;
  const ImGuiIO& io = ImGui::GetIO();
  const bool mouse = has_mouse(context, view) && column.contains(io.MousePos);
  if (view.stacks_of != view.selection) view.stacks_scroll = 0;
  view.stacks_of = view.selection;
  if (mouse) view.stacks_scroll -= io.MouseWheel * context.px(kWheel);
  const float content = height_of(context, stacks);
  view.stacks_scroll =
      std::clamp(view.stacks_scroll, 0.0F, std::max(0.0F, content - column.height()));
  canvas.push_clip(column);
  const store::StackCall* pointed = nullptr;
  Box pointed_line;
  float y = column.y0 - std::round(view.stacks_scroll);
  for (const ShownStack& shown : stacks) {
    const Box title{column.x0, y, column.x1, y + context.px(kTitle)};
    canvas.label(context.fonts().strong, title, context.colors.text, shown.title);
    y = title.y1;
    for (const store::StackCall& call :
         context.session.stacks().own_calls(shown.stack, shown.inner)) {
      const Box line{column.x0, y, column.x1, y + context.px(kLine)};
      y = line.y1;
      if (line.y1 <= column.y0 || line.y0 >= column.y1) continue;
      if (mouse && line.contains(io.MousePos)) {
        pointed = &call;
        pointed_line = line;
      } else {
        draw_call(context, call, line, false);
      }
    }
    y += context.px(kGap);
  }
  canvas.pop_clip();
  if (pointed != nullptr) draw_call(context, *pointed, pointed_line, true);
  draw_scroll(context, column, view.stacks_scroll, content);
  const Box button{column.x1 - context.px(52), column.y0 + 1, column.x1,
                   column.y0 + context.px(kTitle)};
  if (!context.input.footer && view.stacks_scroll == 0 &&
      draw_button(context, button, "Copy", "Ctrl+Shift+C")) {
    copy_stacks(context, view);
  }
}

void copy_stacks(const PanelContext& context, ViewState& view) {
  std::string text;
  for (const ShownStack& shown : shown_stacks(context.session, view.selection)) {
    text += (text.empty() ? "" : "\n") + shown.title + ":\n" +
            stack_text(context.session.stacks(), shown.stack);
  }
  if (text.empty()) return;
  ImGui::SetClipboardText(text.c_str());
  show_toast(view, "The stack is in the clipboard.");
}

std::vector<std::string> call_lines(const store::StackTable& stacks,
                                    std::span<const store::StackCall> calls,
                                    std::size_t calls_max) {
  std::vector<std::string> lines;
  for (const store::StackCall& call : calls.first(std::min(calls.size(), calls_max))) {
    const std::vector<std::string> names = shortened_names(plain_name(stacks.function(call).name));
    const std::string& name = names.size() > 2 ? names[names.size() - 2] : names.back();
    const std::string place = call_place(stacks, call);
    lines.push_back(place.empty() ? name : name + "  " + place);
  }
  if (calls.size() > calls_max) {
    lines.back() += fmt::format("  < {} more", calls.size() - calls_max);
  }
  return lines;
}

}  // namespace taskscope::viewer
