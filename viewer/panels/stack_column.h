// The stacks of what is selected, as a column of the drawer: where a sample was taken or a wait
// began, and where the task was started. UI thread only.
#pragma once

#include <string>
#include <vector>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// One stack of the selection: a number of the session's StackTable, and what it is of.
struct ShownStack {
  std::string title;
  std::uint32_t stack = 0;
  store::StackTable::Inner inner = store::StackTable::Inner::All;
};
// Those that are known; none in recordings without stacks.
std::vector<ShownStack> shown_stacks(const TraceSession& session, const Selection& of);

void draw_stack_column(const PanelContext& context, ViewState& view, const Box& column);
// All of them, to the clipboard.
void copy_stacks(const PanelContext& context, ViewState& view);

// The innermost calls as lines of a note, at most `calls_max` of them: "take  queue.cpp:17".
std::vector<std::string> call_lines(const store::StackTable& stacks,
                                    std::span<const store::StackCall> calls, std::size_t calls_max);

}  // namespace taskscope::viewer
