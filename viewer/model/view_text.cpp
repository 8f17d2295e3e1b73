#include "viewer/model/view_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "viewer/model/time_text.h"

namespace taskscope::viewer {
namespace {

constexpr std::string_view kVersion = "ts1";
constexpr std::size_t kTextMax = 1 << 20;

struct RowWord {
  RowKind kind;
  std::string_view word;
  bool has_id;
  bool folds;
};
constexpr std::array kRowWords = {
    RowWord{RowKind::WorkersHeader, "workers", false, true},
    RowWord{RowKind::ThreadsHeader, "threads", false, true},
    RowWord{RowKind::TasksHeader, "tasks", false, true},
    RowWord{RowKind::Queues, "queued", false, false},
    RowWord{RowKind::GroupHeader, "group", true, true},
    RowWord{RowKind::Worker, "worker", true, false},
    RowWord{RowKind::Thread, "thread", true, false},
    RowWord{RowKind::Task, "task", true, false},
};

std::string row_text(const RowName& row) {
  for (const RowWord& known : kRowWords) {
    if (known.kind != row.kind) continue;
    return known.has_id ? fmt::format("{}:{}", known.word, row.id) : std::string(known.word);
  }
  return "";
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<RowName> parse_row(std::string_view text) {
  const std::size_t colon = text.find(':');
  for (const RowWord& known : kRowWords) {
    if (known.word != text.substr(0, colon) || known.has_id != (colon != text.npos)) continue;
    if (!known.has_id) return RowName{known.kind, 0};
    const auto id = parse_number<std::uint64_t>(text.substr(colon + 1));
    return id ? std::optional(RowName{known.kind, *id}) : std::nullopt;
  }
  return std::nullopt;
}

bool can_fold(RowKind kind) {
  for (const RowWord& known : kRowWords) {
    if (known.kind == kind) return known.folds;
  }
  return false;
}

// Cuts what stands before `separator` off the front of `rest`.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

bool read_rows(std::string_view text, std::vector<RowName>& rows) {
  if (text.empty() || text.back() == ',') return false;
  while (!text.empty()) {
    const auto row = parse_row(take_until(text, ','));
    if (!row || !can_fold(row->kind)) return false;
    rows.push_back(*row);
  }
  return true;
}

bool read_anchor(std::string_view text, std::optional<RowAnchor>& anchor) {
  const std::size_t plus = text.find('+');
  const auto row = parse_row(text.substr(0, plus));
  const auto offset = plus == text.npos ? 0 : parse_number<int>(text.substr(plus + 1));
  if (!row || !offset || *offset < 0 || *offset > 10'000) return false;
  anchor = RowAnchor{*row, *offset};
  return true;
}

template <class T>
bool keep(std::optional<T> value, std::optional<T>& to) {
  to = std::move(value);
  return to.has_value();
}

bool read_size(std::string_view text, float min, float max, std::optional<float>& to) {
  const auto value = parse_number<int>(text);
  if (!value || static_cast<float>(*value) < min || static_cast<float>(*value) > max) return false;
  to = static_cast<float>(*value);
  return true;
}

bool read_theme(std::string_view text, std::optional<Theme>& theme) {
  if (text == "dark") theme = Theme::Dark;
  if (text == "light") theme = Theme::Light;
  return theme.has_value();
}

struct KnownKey {
  std::string_view key;
  std::string_view takes;
  bool (*read)(std::string_view, ViewDescription&);
};

constexpr std::string_view kTakesRange = "two times, such as 1.2ms..3.4ms";
constexpr std::string_view kTakesId = "a number";
constexpr std::string_view kTakesHeadings = "headings, such as workers,group:3";

using Text = std::string_view;
using View = ViewDescription;
constexpr std::array kKeys = {
    KnownKey{"range", kTakesRange, [](Text t, View& v) { return keep(parse_range(t), v.range); }},
    KnownKey{"task", kTakesId,
             [](Text t, View& v) { return keep(parse_number<store::TaskId>(t), v.task); }},
    KnownKey{"span", "a time, such as 1.25ms",
             [](Text t, View& v) { return keep(parse_time(t), v.span_ns); }},
    KnownKey{"worker", kTakesId,
             [](Text t, View& v) { return keep(parse_number<store::WorkerId>(t), v.worker); }},
    KnownKey{"finding", kTakesId,
             [](Text t, View& v) { return keep(parse_number<std::int64_t>(t), v.finding); }},
    KnownKey{"measure", kTakesRange,
             [](Text t, View& v) { return keep(parse_range(t), v.measured); }},
    KnownKey{"top", "a row and what is scrolled away of it, such as task:17+4",
             [](Text t, View& v) { return read_anchor(t, v.top); }},
    KnownKey{"fold", kTakesHeadings, [](Text t, View& v) { return read_rows(t, v.folded); }},
    KnownKey{"unfold", kTakesHeadings, [](Text t, View& v) { return read_rows(t, v.unfolded); }},
    KnownKey{"theme", "dark or light", [](Text t, View& v) { return read_theme(t, v.theme); }},
    KnownKey{"left", "a width from 120 to 600",
             [](Text t, View& v) { return read_size(t, 120, 600, v.left_width); }},
    KnownKey{"drawer", "a height from 60 to 500",
             [](Text t, View& v) { return read_size(t, 60, 500, v.drawer_height); }},
};

// Somebody else's text within a sentence of ours: short, and printable whatever it is.
std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 40;
  std::string shown;
  for (const char letter : text.substr(0, kShown)) {
    shown += letter >= ' ' && letter <= '~' ? letter : '?';
  }
  return fmt::format("'{}{}'", shown, text.size() > kShown ? "…" : "");
}

}  // namespace

std::string to_text(const ViewDescription& view) {
  std::string text(kVersion);
  const auto put = [&](std::string_view key, const std::string& value) {
    text += fmt::format("/{}={}", key, value);
  };
  if (view.range) put("range", exact_range_text(*view.range));
  if (view.task) put("task", std::to_string(*view.task));
  if (view.span_ns) put("span", exact_time_text(*view.span_ns));
  if (view.worker) put("worker", std::to_string(*view.worker));
  if (view.finding) put("finding", std::to_string(*view.finding));
  if (view.measured) put("measure", exact_range_text(*view.measured));
  if (view.top) put("top", fmt::format("{}+{}", row_text(view.top->row), view.top->offset));
  const auto put_rows = [&](std::string_view key, const std::vector<RowName>& rows) {
    std::string list;
    for (const RowName& row : rows) list += (list.empty() ? "" : ",") + row_text(row);
    if (!list.empty()) put(key, list);
  };
  put_rows("fold", view.folded);
  put_rows("unfold", view.unfolded);
  if (view.theme) put("theme", *view.theme == Theme::Dark ? "dark" : "light");
  if (view.left_width) put("left", fmt::format("{:.0f}", *view.left_width));
  if (view.drawer_height) put("drawer", fmt::format("{:.0f}", *view.drawer_height));
  return text;
}

Result<ViewDescription> parse_view(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  if (text.size() > kTextMax) return Error{"This is no view: it is longer than a megabyte."};
  std::string_view rest = text;
  const std::string_view version = take_until(rest, '/');
  if (version != kVersion) {
    const bool newer = version.substr(0, 2) == "ts" && parse_number<unsigned>(version.substr(2));
    return Error{newer
                     ? fmt::format("The view is of another version of Taskscope: {}, not {}.",
                                   quoted(version), kVersion)
                     : fmt::format("{} is no view; views begin with {}/.", quoted(text), kVersion)};
  }
  ViewDescription view;
  std::set<std::string_view> seen;
  while (!rest.empty()) {
    std::string_view value = take_until(rest, '/');
    const std::string_view key = take_until(value, '=');
    const auto* const known = std::find_if(kKeys.begin(), kKeys.end(),
                                           [&](const KnownKey& entry) { return entry.key == key; });
    if (known == kKeys.end()) {
      return Error{fmt::format("The view says {}, which this version of Taskscope does not know.",
                               quoted(key))};
    }
    if (!seen.insert(known->key).second) {
      return Error{fmt::format("The view says {} twice.", known->key)};
    }
    if (!known->read(value, view)) {
      return Error{fmt::format("In the view, {} takes {}, not {}.", known->key, known->takes,
                               quoted(value))};
    }
  }
  if (view.span_ns && !view.task) return Error{"The view says span without saying of which task."};
  return view;
}

}  // namespace taskscope::viewer
