#include "app/view_options.h"

#include <charconv>
#include <map>
#include <tuple>
#include <utility>

#include "viewer/model/time_text.h"
#include "viewer/model/view_text.h"

namespace taskscope::app {
namespace {

// A range of a recording has no instants before it.
std::optional<viewer::TimeRange> parse_range(std::string_view text) {
  const auto range = viewer::parse_range(text);
  return range && range->start_ns >= 0 ? range : std::nullopt;
}

std::optional<std::pair<int, int>> parse_size(std::string_view text) {
  const std::size_t cross = text.find('x');
  if (cross == std::string_view::npos) return std::nullopt;
  int width = 0;
  int height = 0;
  const auto whole = [](std::string_view digits, int& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!whole(text.substr(0, cross), width) || !whole(text.substr(cross + 1), height)) {
    return std::nullopt;
  }
  if (width < 320 || width > 16384 || height < 240 || height > 16384) return std::nullopt;
  return std::pair(width, height);
}

// A sentence as the part of another.
std::string without_stop(std::string sentence) {
  if (!sentence.empty() && sentence.back() == '.') sentence.pop_back();
  return sentence;
}

void add_finding_options(CLI::App& command, viewer::ViewRequest& request) {
  command.add_flag("--findings", request.findings, "With the list of findings at the right");
  command
      .add_option("--finding", request.finding,
                  "Go to the finding with this number, as the list has them: 1 is the worst")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
}

}  // namespace

std::optional<std::int64_t> parse_duration_ns(std::string_view text) {
  const auto ns = viewer::parse_time(text);
  return ns && *ns >= 0 ? ns : std::nullopt;
}

void add_view_options(CLI::App& command, viewer::ViewRequest& request) {
  command
      .add_option_function<std::string>(
          "--view-state",
          [&request](const std::string& text) {
            if (auto view = viewer::parse_view(text)) request.view_state = std::move(*view);
          },
          "Show what Ctrl+C copied in the window; options below go before it")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const auto view = viewer::parse_view(text);
            return view ? std::string() : without_stop(view.error().message);
          },
          ""))
      ->type_name("TEXT");
  command
      .add_option_function<std::string>(
          "--range", [&request](const std::string& text) { request.range = parse_range(text); },
          "Show this part of the recording, such as 10ms..25.5ms")
      ->check(CLI::Validator(
          [](const std::string& text) {
            if (parse_range(text)) return std::string();
            return "takes START..END with units, such as 10ms..25.5ms, not '" + text + "'";
          },
          ""))
      ->type_name("START..END");
  command
      .add_option_function<std::uint64_t>(
          "--select", [&request](const std::uint64_t& id) { request.selected_task = id; },
          "Select the task with this id")
      ->type_name("TASK");
  command
      .add_option_function<std::string>(
          "--group",
          [&request](const std::string& text) { request.grouping = viewer::parse_grouping(text); },
          "Group tasks by where they were started (site, the default), by name, by who started "
          "them (parent), or not at all (none)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            if (viewer::parse_grouping(text)) return std::string();
            return "takes site, name, parent or none, not '" + text + "'";
          },
          ""))
      ->type_name("KEY");
  add_finding_options(command, request);
  command
      .add_option_function<std::string>(
          "--size",
          [&request](const std::string& text) {
            if (const auto size = parse_size(text)) std::tie(request.width, request.height) = *size;
          },
          "Size in pixels at scale 1 (default 1440x900)")
      ->check(CLI::Validator(
          [](const std::string& text) {
            if (parse_size(text)) return std::string();
            return "takes WIDTHxHEIGHT from 320x240 to 16384x16384, not '" + text + "'";
          },
          ""))
      ->type_name("WxH");
  command.add_option("--scale", request.scale, "Enlarge everything (default 1)")
      ->check(CLI::Range(0.5F, 4.0F));
  const std::map<std::string, viewer::Theme> themes{{"dark", viewer::Theme::Dark},
                                                    {"light", viewer::Theme::Light}};
  command
      .add_option_function<viewer::Theme>(
          "--theme", [&request](const viewer::Theme& theme) { request.theme = theme; },
          "dark (default) or light")
      ->transform(CLI::CheckedTransformer(themes, CLI::ignore_case).description(""))
      ->option_text("dark|light");
}

}  // namespace taskscope::app
