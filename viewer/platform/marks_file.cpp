#include "viewer/platform/marks_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "viewer/platform/whole_file.h"

namespace taskscope::viewer {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBytesMax = 8 << 20;
constexpr int kFormat = 1;
constexpr std::string_view kPartial = ".partial";

std::string marks_path(std::string recording) {
  if (recording.ends_with(kPartial)) recording.resize(recording.size() - kPartial.size());
  return recording + ".marks.json";
}

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

// Nothing if it is not what save() writes.
std::optional<std::vector<Mark>> parse(const Json& json) {
  if (!json.is_object() || json.value("format", Json()) != Json(kFormat)) return std::nullopt;
  const auto list = json.find("marks");
  if (list == json.end() || !list->is_array() || list->size() > kMarksMax) return std::nullopt;
  std::vector<Mark> marks;
  for (const Json& entry : *list) {
    if (!entry.is_object()) return std::nullopt;
    const auto ns = entry.find("ns");
    if (ns == entry.end() || !ns->is_number_integer()) return std::nullopt;
    const auto index = add_mark(marks, ns->get<std::int64_t>());
    if (!index) return std::nullopt;
    marks[*index].note = clean_note(text_of(entry, "note"));
  }
  return marks;
}

}  // namespace

MarksFile::MarksFile(const std::string& recording_path, std::string started)
    : path_(marks_path(recording_path)), started_(std::move(started)) {}

Result<std::vector<Mark>> MarksFile::load() {
  keep_aside_ = true;  // unless all is well
  const auto contents = read_whole_file(path_, kBytesMax, "the marks");
  if (!contents) return contents.error();
  if (!*contents) {
    keep_aside_ = false;
    return std::vector<Mark>();
  }
  const Json json = Json::parse(**contents, nullptr, false);
  auto marks = parse(json);
  if (!marks) return Error{fmt::format("{} is damaged; its marks are not shown.", path_)};
  if (const std::string of = text_of(json, "recording"); of != started_) {
    return Error{
        fmt::format("The marks in {} are of another recording, which began at {}; they "
                    "are not shown.",
                    path_, clean_note(of))};
  }
  keep_aside_ = false;
  return *std::move(marks);
}

Result<void> MarksFile::save(const std::vector<Mark>& marks) {
  if (keep_aside_) {
    const std::string aside = path_ + ".old";
    if (std::rename(path_.c_str(), aside.c_str()) != 0 && errno != ENOENT) {
      return Error{
          fmt::format("Cannot keep {} aside for new marks: {}.", path_, std::strerror(errno))};
    }
    keep_aside_ = false;
  }
  if (marks.empty()) {
    if (::unlink(path_.c_str()) == 0 || errno == ENOENT) return {};
    return Error{fmt::format("Cannot remove {}: {}.", path_, std::strerror(errno))};
  }
  Json list = Json::array();
  for (const Mark& mark : marks) {
    Json entry{{"ns", mark.ns}};
    if (!mark.note.empty()) entry["note"] = mark.note;
    list.push_back(std::move(entry));
  }
  const Json json{{"format", kFormat}, {"recording", started_}, {"marks", std::move(list)}};
  return write_whole_file(path_, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n",
                          FileReaders::OnlyMe, "the marks");
}

}  // namespace taskscope::viewer
