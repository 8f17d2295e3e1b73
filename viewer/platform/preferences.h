// What is remembered between windows: tastes, where the window stood, and which files were open.
//
// Files of the user's own (0600 in 0700 folders). Whatever they hold never stops a window: what is
// damaged or senseless is as if it were not there. UI thread only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "viewer/model/start.h"
#include "viewer/model/theme.h"

namespace taskscope::viewer {

// Empty: nothing is remembered there.
struct UserFolders {
  std::string config;  // of preferences
  std::string state;   // of recent files
};

// As the XDG base directories say; "" where the home folder is not known.
UserFolders user_folders(const char* xdg_config_home, const char* xdg_state_home, const char* home);

struct WindowPlace {
  int x = 0;
  int y = 0;
  int width = 0;
  int height = 0;
  friend bool operator==(const WindowPlace&, const WindowPlace&) = default;
};

struct Preferences {
  std::optional<Theme> theme;
  std::optional<float> scale;
  std::optional<float> left_width;  // px at scale 1
  std::optional<float> drawer_height;
  std::optional<float> findings_width;
  std::optional<float> profile_height;
  std::optional<bool> findings_open;
  std::optional<WindowPlace> window;
  friend bool operator==(const Preferences&, const Preferences&) = default;
};

Preferences load_preferences(const UserFolders& folders);
Result<void> save_preferences(const UserFolders& folders, const Preferences& preferences);

inline constexpr std::size_t kRecentMax = 20;
// The latest first, without those that are gone.
std::vector<RecentFile> load_recent(const UserFolders& folders);
// Puts `path` in front.
Result<void> add_recent(const UserFolders& folders, const std::string& path, std::int64_t now_s);

}  // namespace taskscope::viewer
