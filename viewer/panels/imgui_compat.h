// The one place that knows which Dear ImGui this is: Debian 12's 1.86, and what 1.90 calls things.
//
// 1.86 reports keys by the backend's numbers (GLFW's), later versions by ImGuiKey. Panels ask by
// the names below and never see the difference. UI thread only.
#pragma once

#include <imgui.h>

#include <cstdint>

namespace taskscope::viewer {

enum class Key : std::uint8_t {
  None,
  // clang-format off
  A, B, C, D, E, F, G, H, I, J, K, L, M, N, O, P, Q, R, S, T, U, V, W, X, Y, Z,
  // clang-format on
  Escape,
  Backspace,
  Delete,
  Left,
  Right,
  Up,
  Down,
  PageUp,
  PageDown,
  Home,
  End,
  Enter,
  F3,
};

// Went down in this frame, or repeats while it is held.
bool key_pressed(Key key, bool repeats = true);
// Was this character typed in this frame, whatever keys that takes on this keyboard?
bool typed(char wanted);

}  // namespace taskscope::viewer
