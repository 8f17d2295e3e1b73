// The one place that knows which Dear ImGui this is: Debian 12's 1.86, and what 1.90 calls things.
//
// 1.86 reports keys by the backend's numbers (GLFW's), later versions by ImGuiKey. Panels ask by
// the names below and never see the difference. UI thread only.
#pragma once

#include <imgui.h>

#include <cstdint>

namespace taskscope::viewer {

enum class Key : std::uint8_t {
  A,
  C,
  D,
  F,
  M,
  N,
  O,
  Q,
  S,
  T,
  V,
  W,
  Escape,
  Backspace,
  Delete,
  Space,
  Left,
  Right,
  Up,
  Down,
  PageUp,
  PageDown,
  Home,
  End,
  Enter,
};

// Went down in this frame or repeats.
bool key_pressed(Key key);
// Is down now.
bool key_down(Key key);

}  // namespace taskscope::viewer
