// The few things one can click that are not part of the timeline. UI thread only.
#pragma once

#include <cstdint>
#include <string_view>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// True when it was clicked in this frame. `hint` is the key that does the same, shown on hover.
bool draw_button(const PanelContext& context, const Box& box, std::string_view text,
                 std::string_view hint);

// A button that wants to be seen: filled with the colour of what is stuck, or of a warning.
enum class ChipKind : std::uint8_t { Alarm, Warning };
bool draw_chip(const PanelContext& context, const Box& box, std::string_view text,
               std::string_view hint, ChipKind kind);

// Text in the accent colour, underlined while hovered; true when clicked.
bool draw_link(const PanelContext& context, const Box& box, std::string_view text);

// A bar of `times` in the state colours, by exact share of `whole_ns`, most severe first.
void draw_share_bar(const PanelContext& context, const Box& box, const ClassTimes& times,
                    std::int64_t whole_ns);

// A small box on the raised colour with lines of text; kept inside the window.
struct NoteLine {
  std::string text;
  ImU32 color = 0;
  ImFont* font = nullptr;
};
void draw_note(const PanelContext& context, ImVec2 at, const std::vector<NoteLine>& lines);

}  // namespace taskscope::viewer
