#include "viewer/panels/imgui_compat.h"

namespace taskscope::viewer {
namespace {

#if IMGUI_VERSION_NUM >= 18700
ImGuiKey native_key(Key key) {
  switch (key) {
    case Key::A:
      return ImGuiKey_A;
    case Key::C:
      return ImGuiKey_C;
    case Key::D:
      return ImGuiKey_D;
    case Key::F:
      return ImGuiKey_F;
    case Key::M:
      return ImGuiKey_M;
    case Key::N:
      return ImGuiKey_N;
    case Key::O:
      return ImGuiKey_O;
    case Key::Q:
      return ImGuiKey_Q;
    case Key::S:
      return ImGuiKey_S;
    case Key::T:
      return ImGuiKey_T;
    case Key::V:
      return ImGuiKey_V;
    case Key::W:
      return ImGuiKey_W;
    case Key::Escape:
      return ImGuiKey_Escape;
    case Key::Backspace:
      return ImGuiKey_Backspace;
    case Key::Delete:
      return ImGuiKey_Delete;
    case Key::Space:
      return ImGuiKey_Space;
    case Key::Left:
      return ImGuiKey_LeftArrow;
    case Key::Right:
      return ImGuiKey_RightArrow;
    case Key::Up:
      return ImGuiKey_UpArrow;
    case Key::Down:
      return ImGuiKey_DownArrow;
    case Key::PageUp:
      return ImGuiKey_PageUp;
    case Key::PageDown:
      return ImGuiKey_PageDown;
    case Key::Home:
      return ImGuiKey_Home;
    case Key::End:
      return ImGuiKey_End;
    case Key::Enter:
      return ImGuiKey_Enter;
  }
  return ImGuiKey_None;
}
#else
// Letters carry their ASCII numbers in GLFW; the rest go through ImGui's own map.
int native_key(Key key) {
  switch (key) {
    case Key::A:
      return 'A';
    case Key::C:
      return 'C';
    case Key::D:
      return 'D';
    case Key::F:
      return 'F';
    case Key::M:
      return 'M';
    case Key::N:
      return 'N';
    case Key::O:
      return 'O';
    case Key::Q:
      return 'Q';
    case Key::S:
      return 'S';
    case Key::T:
      return 'T';
    case Key::V:
      return 'V';
    case Key::W:
      return 'W';
    case Key::Escape:
      return ImGui::GetKeyIndex(ImGuiKey_Escape);
    case Key::Backspace:
      return ImGui::GetKeyIndex(ImGuiKey_Backspace);
    case Key::Delete:
      return ImGui::GetKeyIndex(ImGuiKey_Delete);
    case Key::Space:
      return ImGui::GetKeyIndex(ImGuiKey_Space);
    case Key::Left:
      return ImGui::GetKeyIndex(ImGuiKey_LeftArrow);
    case Key::Right:
      return ImGui::GetKeyIndex(ImGuiKey_RightArrow);
    case Key::Up:
      return ImGui::GetKeyIndex(ImGuiKey_UpArrow);
    case Key::Down:
      return ImGui::GetKeyIndex(ImGuiKey_DownArrow);
    case Key::PageUp:
      return ImGui::GetKeyIndex(ImGuiKey_PageUp);
    case Key::PageDown:
      return ImGui::GetKeyIndex(ImGuiKey_PageDown);
    case Key::Home:
      return ImGui::GetKeyIndex(ImGuiKey_Home);
    case Key::End:
      return ImGui::GetKeyIndex(ImGuiKey_End);
    case Key::Enter:
      return ImGui::GetKeyIndex(ImGuiKey_Enter);
  }
  return -1;
}
#endif

}  // namespace

bool key_pressed(Key key) { return ImGui::IsKeyPressed(native_key(key), true); }
bool key_down(Key key) { return ImGui::IsKeyDown(native_key(key)); }

}  // namespace taskscope::viewer
