#include "viewer/platform/source_files.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "viewer/platform/whole_file.h"

namespace taskscope::viewer {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBytesMax = std::size_t{4} << 20;
constexpr std::string_view kTab = "    ";
constexpr int kFoldersMax = 8;  // above the program

// Empty if it is not here.
std::string find(const SourceName& name) {
  std::error_code none;
  const auto is_file = [&](const fs::path& path) { return fs::is_regular_file(path, none); };
  const fs::path path(name.path);
  if (path.is_absolute()) return is_file(path) ? name.path : "";
  fs::path folder = fs::path(name.program).parent_path();
  for (int i = 0; i < kFoldersMax && folder.has_relative_path(); ++i) {
    const fs::path there = (folder / path).lexically_normal();
    if (is_file(there)) return there.string();
    folder = folder.parent_path();
  }
  return is_file(path) ? name.path : "";
}

std::vector<std::string> lines_of(std::string_view contents) {
  std::vector<std::string> lines;
  std::string line;
  for (const char letter : contents) {
    if (letter == '\n') {
      lines.push_back(std::move(line));
      line.clear();
    } else if (letter == '\t') {
      line += kTab;
    } else if (static_cast<unsigned char>(letter) >= ' ') {
      line += letter;
    }
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

}  // namespace

void SourceFiles::want(const SourceName& name) {
  if (name == text_.name) return;
  text_ = {.name = name, .lines = {}, .problem = ""};
  if (name.path.empty()) return;
  const std::string path = find(name);
  const auto contents = read_whole_file(path, kBytesMax, "the source");
  if (path.empty() || (contents && !*contents)) {
    text_.problem = name.path + " is not on this machine.";
  } else if (!contents) {
    text_.problem = contents.error().message;
  } else {
    text_.lines = lines_of(**contents);
  }
}

}  // namespace taskscope::viewer
