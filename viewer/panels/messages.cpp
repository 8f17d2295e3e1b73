#include "viewer/panels/messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

constexpr double kToastSeconds = 4;

struct Message {
  std::string title;
  std::vector<std::string> lines;
  bool alarm = false;
};

Message message_of(const PanelContext& context) {
  const LoadStatus& load = context.input.load;
  if (load.stage == LoadStage::Failed) {
    return {"This recording cannot be shown",
            {load.error, "Ctrl+O shows other recordings, Ctrl+Q closes the window."},
            true};
  }
  if (context.input.session == nullptr && context.input.live != nullptr) {
    return {"Waiting for the program to say something",
            {fmt::format("{} is recorded from the moment on in which its workers stand between two "
                         "tasks.",
                         context.input.live->program)},
            false};
  }
  if (context.input.session == nullptr) {
    return {"Opening the recording", {load.path}, false};
  }
  return {"Nothing was recorded",
          {"The file is a recording, but it holds no task: the program ended before its runtime "
           "started,",
           "or it is not built with Taskscope. Record again with:",
           fmt::format("taskscope record -o {} -- PROGRAM ARGS…",
                       load.path.empty() ? context.session.path() : load.path)},
          false};
}

}  // namespace

void draw_message(const PanelContext& context) {
  Canvas& canvas = context.canvas;
  const Message message = message_of(context);
  const Box area{0, context.layout.top_bar.y1, context.layout.top_bar.x1, context.layout.status.y0};
  ImFont* font = context.fonts().text;
  const float room = std::min(area.width() - context.px(48), context.px(640));
  std::vector<std::string> lines;
  for (const std::string& text : message.lines) {
    for (std::string& line : canvas.wrap(font, text, room)) lines.push_back(std::move(line));
  }
  const float step = context.px(20);
  float y = std::round((area.y0 + area.y1) / 2 - step * static_cast<float>(lines.size() + 1) / 2);
  const auto centred = [&](ImFont* with, const std::string& text, ImU32 color) {
    const float x = std::round((area.width() - canvas.width(with, text)) / 2);
    canvas.text(with, std::max(x, context.px(12)), y, color, text);
    y += step;
  };
  centred(context.fonts().strong, message.title,
          message.alarm ? context.colors.alarm : context.colors.text);
  y += context.px(4);
  for (const std::string& line : lines) centred(font, line, context.colors.muted);
}

void show_toast(ViewState& view, std::string text) {
  view.toast = std::move(text);
  view.toast_left_s = kToastSeconds;
}

void draw_toast(const PanelContext& context, ViewState& view) {
  if (view.toast_left_s <= 0 || context.input.footer) return;
  view.toast_left_s -= context.input.seconds;
  view.animating = true;
  const float width = context.canvas.width(context.fonts().text, view.toast) + context.px(16);
  const Box status = context.layout.status;
  draw_note(context, {(status.x1 - width) / 2, status.y0 - context.px(44)},
            {{view.toast, context.colors.text, context.fonts().text}});
}

}  // namespace taskscope::viewer
