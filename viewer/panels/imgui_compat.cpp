#include "viewer/panels/imgui_compat.h"

#include <algorithm>

namespace taskscope::viewer {
namespace {

#if IMGUI_VERSION_NUM >= 18700
using NativeKey = ImGuiKey;
NativeKey letter(int number) { return static_cast<ImGuiKey>(ImGuiKey_A + number); }
NativeKey named(ImGuiKey key) { return key; }
const NativeKey kF3 = ImGuiKey_F3;
NativeKey keypad_enter() { return ImGuiKey_KeypadEnter; }
#else
// Letters carry their ASCII numbers in GLFW; the rest go through ImGui's own map, but for F3.
using NativeKey = int;
NativeKey letter(int number) { return 'A' + number; }
NativeKey named(ImGuiKey key) { return ImGui::GetKeyIndex(key); }
constexpr NativeKey kF3 = 292;
NativeKey keypad_enter() { return named(ImGuiKey_KeyPadEnter); }
#endif

NativeKey native_key(Key key) {
  switch (key) {
    case Key::Escape:
      return named(ImGuiKey_Escape);
    case Key::Backspace:
      return named(ImGuiKey_Backspace);
    case Key::Delete:
      return named(ImGuiKey_Delete);
    case Key::Left:
      return named(ImGuiKey_LeftArrow);
    case Key::Right:
      return named(ImGuiKey_RightArrow);
    case Key::Up:
      return named(ImGuiKey_UpArrow);
    case Key::Down:
      return named(ImGuiKey_DownArrow);
    case Key::PageUp:
      return named(ImGuiKey_PageUp);
    case Key::PageDown:
      return named(ImGuiKey_PageDown);
    case Key::Home:
      return named(ImGuiKey_Home);
    case Key::End:
      return named(ImGuiKey_End);
    case Key::Enter:
      return named(ImGuiKey_Enter);
    case Key::F3:
      return kF3;
    default:
      return letter(static_cast<int>(key) - static_cast<int>(Key::A));
  }
}

}  // namespace

bool key_pressed(Key key, bool repeats) {
  if (key == Key::None) return false;
  if (key == Key::Enter && ImGui::IsKeyPressed(keypad_enter(), repeats)) return true;
  return ImGui::IsKeyPressed(native_key(key), repeats);
}

bool typed(char wanted) {
  const ImGuiIO& io = ImGui::GetIO();
  return std::find(io.InputQueueCharacters.begin(), io.InputQueueCharacters.end(),
                   static_cast<ImWchar>(wanted)) != io.InputQueueCharacters.end();
}

}  // namespace taskscope::viewer
