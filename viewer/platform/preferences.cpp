#include "viewer/platform/preferences.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

#include "viewer/model/pane_sizes.h"
#include "viewer/platform/whole_file.h"

namespace taskscope::viewer {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBytesMax = 1 << 20;
constexpr std::string_view kFolder = "/taskscope";

// A relative path in these variables is to be ignored, says the specification.
std::string base_folder(const char* variable, const char* home, std::string_view below_home) {
  if (variable != nullptr && variable[0] == '/') return std::string(variable);
  if (home == nullptr || home[0] != '/') return "";
  return std::string(home) + std::string(below_home);
}

std::string preferences_path(const UserFolders& folders) {
  return folders.config + "/preferences.json";
}

std::string recent_path(const UserFolders& folders) { return folders.state + "/recent.json"; }

// An object, whatever the file is.
Json load_object(const std::string& path, std::string_view what) {
  const auto contents = read_whole_file(path, kBytesMax, what);
  if (!contents || !*contents) return Json::object();
  Json json = Json::parse(**contents, nullptr, false);
  return json.is_object() ? json : Json::object();
}

std::optional<double> number_in(const Json& json, const char* key, double min, double max) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number()) return std::nullopt;
  const auto value = found->get<double>();
  return value >= min && value <= max ? std::optional(value) : std::nullopt;
}

std::optional<float> size_in(const Json& json, const char* key, const SizeLimits& limits) {
  const auto value =
      number_in(json, key, static_cast<double>(limits.min), static_cast<double>(limits.max));
  return value ? std::optional(static_cast<float>(*value)) : std::nullopt;
}

std::optional<WindowPlace> place_in(const Json& json) {
  const auto window = json.find("window");
  if (window == json.end() || !window->is_object()) return std::nullopt;
  const auto x = number_in(*window, "x", -32'000, 32'000);
  const auto y = number_in(*window, "y", -32'000, 32'000);
  const auto width = number_in(*window, "width", 320, 16'384);
  const auto height = number_in(*window, "height", 200, 16'384);
  if (!x || !y || !width || !height) return std::nullopt;
  return WindowPlace{static_cast<int>(*x), static_cast<int>(*y), static_cast<int>(*width),
                     static_cast<int>(*height)};
}

Result<void> write(const std::string& folder, const std::string& path, const Json& json,
                   std::string_view what) {
  if (const Result<void> made = make_private_folder(folder); !made) return made.error();
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
  return write_whole_file(path, text, FileReaders::OnlyMe, what);
}

}  // namespace

UserFolders user_folders(const char* xdg_config_home, const char* xdg_state_home,
                         const char* home) {
  UserFolders folders{base_folder(xdg_config_home, home, "/.config"),
                      base_folder(xdg_state_home, home, "/.local/state")};
  if (!folders.config.empty()) folders.config += kFolder;
  if (!folders.state.empty()) folders.state += kFolder;
  return folders;
}

Preferences load_preferences(const UserFolders& folders) {
  if (folders.config.empty()) return {};
  const Json json = load_object(preferences_path(folders), "the preferences");
  Preferences preferences;
  const auto theme = json.find("theme");
  if (theme != json.end() && *theme == "dark") preferences.theme = Theme::Dark;
  if (theme != json.end() && *theme == "light") preferences.theme = Theme::Light;
  preferences.scale = size_in(json, "scale", {0.5F, 4});
  preferences.left_width = size_in(json, "left_width", kLeftWidth);
  preferences.drawer_height = size_in(json, "drawer_height", kDrawerHeight);
  preferences.findings_width = size_in(json, "findings_width", kFindingsWidth);
  preferences.profile_height = size_in(json, "profile_height", kProfileHeight);
  const auto open = json.find("findings_open");
  if (open != json.end() && open->is_boolean()) preferences.findings_open = open->get<bool>();
  preferences.window = place_in(json);
  return preferences;
}

Result<void> save_preferences(const UserFolders& folders, const Preferences& preferences) {
  if (folders.config.empty()) return {};
  Json json = Json::object();
  if (preferences.theme) json["theme"] = *preferences.theme == Theme::Dark ? "dark" : "light";
  if (preferences.scale) json["scale"] = *preferences.scale;
  if (preferences.left_width) json["left_width"] = std::round(*preferences.left_width);
  if (preferences.drawer_height) json["drawer_height"] = std::round(*preferences.drawer_height);
  if (preferences.findings_width) json["findings_width"] = std::round(*preferences.findings_width);
  if (preferences.profile_height) json["profile_height"] = std::round(*preferences.profile_height);
  if (preferences.findings_open) json["findings_open"] = *preferences.findings_open;
  if (preferences.window) {
    const WindowPlace& place = *preferences.window;
    json["window"] = {
        {"x", place.x}, {"y", place.y}, {"width", place.width}, {"height", place.height}};
  }
  return write(folders.config, preferences_path(folders), json, "the preferences");
}

std::vector<RecentFile> load_recent(const UserFolders& folders) {
  std::vector<RecentFile> recent;
  if (folders.state.empty()) return recent;
  const Json json = load_object(recent_path(folders), "the recent files");
  const auto list = json.find("recent");
  if (list == json.end() || !list->is_array()) return recent;
  for (const Json& entry : *list) {
    if (recent.size() == kRecentMax) break;
    if (!entry.is_object()) continue;
    const auto path = entry.find("path");
    const auto opened = number_in(entry, "opened", 0, 1e15);
    if (path == entry.end() || !path->is_string() || !opened) continue;
    RecentFile file{path->get<std::string>(), static_cast<std::int64_t>(*opened)};
    std::error_code error;
    const bool there = file.path.find('\0') == std::string::npos &&
                       std::filesystem::is_regular_file(file.path, error);
    if (there) recent.push_back(std::move(file));
  }
  return recent;
}

Result<void> add_recent(const UserFolders& folders, const std::string& path, std::int64_t now_s) {
  if (folders.state.empty()) return {};
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::absolute(path, error).lexically_normal();
  std::vector<RecentFile> recent = load_recent(folders);
  std::erase_if(recent, [&](const RecentFile& file) { return file.path == whole.string(); });
  recent.insert(recent.begin(), {whole.string(), now_s});
  Json list = Json::array();
  for (std::size_t at = 0; at < std::min(recent.size(), kRecentMax); ++at) {
    list.push_back({{"path", recent[at].path}, {"opened", recent[at].opened_s}});
  }
  return write(folders.state, recent_path(folders), {{"recent", std::move(list)}},
               "the recent files");
}

}  // namespace taskscope::viewer
