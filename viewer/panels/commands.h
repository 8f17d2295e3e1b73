// The one table of everything that the viewer can be told to do: name, keys, and what it does. The
// command palette, the page of keys and the keyboard are all made from it, so none of them knows a
// command that the others do not. UI thread only.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "viewer/panels/frame.h"
#include "viewer/panels/imgui_compat.h"

namespace taskscope::viewer {

struct Shortcut {
  enum Modifiers : std::uint8_t { Plain = 0, Ctrl = 1, Shift = 2, Alt = 4 };

  Key key = Key::None;
  std::uint8_t modifiers = Plain;
  char typed = '\0';  // instead of a key: a character, wherever the keyboard has it

  bool none() const { return key == Key::None && typed == '\0'; }
};
std::string to_text(const Shortcut& shortcut);  // "Ctrl+Shift+P"

enum class CommandSection : std::uint8_t { Time, Rows, Search, Causes, Window };
inline constexpr std::size_t kCommandSections = 5;
const char* to_text(CommandSection section);

struct Command {
  CommandSection section;
  const char* name;  // as a sentence without its full stop
  Shortcut keys[2];
  // What it can be applied to just then; nullptr: always.
  bool (*possible)(const PanelContext& context, const ViewState& view);
  void (*run)(const PanelContext& context, ViewState& view);
  bool needs_session = true;
  bool of_rows = false;  // stands in the menu of a row
};
std::span<const Command> all_commands();
bool is_possible(const Command& command, const PanelContext& context, const ViewState& view);
std::string keys_text(const Command& command);  // "Backspace, Alt+Left"; empty: none

// What only the mouse has a gesture for beside its command.
struct Gesture {
  CommandSection section;
  const char* gesture;
  const char* what;
};
std::span<const Gesture> all_gestures();

// Runs the commands whose keys were pressed in this frame; while somebody types only those whose
// keys are none of a text.
void run_shortcuts(const PanelContext& context, ViewState& view, bool typing);

}  // namespace taskscope::viewer
