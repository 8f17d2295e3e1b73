#include "viewer/model/view_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <utility>

#include "viewer/model/findings.h"
#include "viewer/model/pane_sizes.h"
#include "viewer/model/query.h"
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
    RowWord{RowKind::CountersHeader, "counters", false, true},
    RowWord{RowKind::TasksHeader, "tasks", false, true},
    RowWord{RowKind::Queues, "queued", false, false},
    RowWord{RowKind::Collector, "collector", false, false},
    RowWord{RowKind::GroupHeader, "group", true, true},
    RowWord{RowKind::Worker, "worker", true, false},
    RowWord{RowKind::Thread, "thread", true, false},
    RowWord{RowKind::Counter, "counter", true, false},
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

bool read_rows(std::string_view text, bool (*may_stand)(RowKind), std::vector<RowName>& rows) {
  if (text.empty() || text.back() == ',') return false;
  while (!text.empty()) {
    const auto row = parse_row(take_until(text, ','));
    if (!row || !may_stand(row->kind)) return false;
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

bool read_size(std::string_view text, const SizeLimits& limits, std::optional<float>& to) {
  const auto parsed = parse_number<int>(text);
  if (!parsed) return false;
  const auto value = static_cast<float>(*parsed);
  if (value < limits.min || value > limits.max) return false;
  to = value;
  return true;
}

bool read_theme(std::string_view text, std::optional<Theme>& theme) {
  if (text == "dark") theme = Theme::Dark;
  if (text == "light") theme = Theme::Light;
  return theme.has_value();
}

struct GroupingWord {
  Grouping grouping;
  std::string_view word;
};
constexpr std::array kGroupingWords = {
    GroupingWord{Grouping::SpawnSite, "site"}, GroupingWord{Grouping::Name, "name"},
    GroupingWord{Grouping::Parent, "parent"}, GroupingWord{Grouping::None, "none"}};

bool keep_grouping(std::string_view text, Grouping& grouping) {
  const auto found = parse_grouping(text);
  grouping = found.value_or(grouping);
  return found.has_value();
}

struct SortWord {
  SortBy sort;
  StateClass state_class;  // of Time
  std::string_view word;
};
constexpr std::array kSortWords = {SortWord{SortBy::Id, StateClass::Running, "id"},
                                   SortWord{SortBy::Creation, StateClass::Running, "creation"},
                                   SortWord{SortBy::Name, StateClass::Running, "name"},
                                   SortWord{SortBy::Time, StateClass::Running, "running"},
                                   SortWord{SortBy::Time, StateClass::Runnable, "runnable"},
                                   SortWord{SortBy::Time, StateClass::Channel, "channel"},
                                   SortWord{SortBy::Time, StateClass::Lock, "lock"},
                                   SortWord{SortBy::Time, StateClass::Io, "io"},
                                   SortWord{SortBy::Time, StateClass::Sleep, "sleep"},
                                   SortWord{SortBy::Time, StateClass::Gc, "gc"},
                                   SortWord{SortBy::Time, StateClass::Leaked, "stuck"}};

bool read_sort(std::string_view text, ViewDescription& view) {
  for (const SortWord& known : kSortWords) {
    if (known.word != text) continue;
    view.sort = known.sort;
    view.sort_class = known.state_class;
    return true;
  }
  return false;
}

// Queries are free text: what is no letter, digit or one of ":=.-_" is %XX, so commas separate.
std::string encoded(std::string_view text) {
  constexpr std::string_view kPlain = ":=.-_";
  std::string out;
  for (const char letter : text) {
    const bool word = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                      (letter >= '0' && letter <= '9') || kPlain.find(letter) != kPlain.npos;
    if (word) {
      out += letter;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(letter));
    }
  }
  return out;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '%') {
      const auto byte = static_cast<unsigned char>(text.front());
      if (byte < 0x20 || byte == 0x7f) return std::nullopt;
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(1, 2);
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (error != std::errc() || end != digits.data() + 2 || value < 0x20 || value == 0x7f) {
      return std::nullopt;
    }
    out += static_cast<char>(value);
    text.remove_prefix(3);
  }
  return out;
}

// Only queries that are ones: the rows would show nothing and not say why.
bool read_filters(std::string_view text, std::vector<std::string>& filters) {
  while (!text.empty()) {
    auto filter = decoded(take_until(text, ','));
    if (!filter || filter->empty() || !parse_query(*filter).error.empty()) return false;
    filters.push_back(*std::move(filter));
  }
  return !filters.empty();
}

bool can_pin(RowKind kind) {
  return kind == RowKind::Task || kind == RowKind::Worker || kind == RowKind::Thread ||
         kind == RowKind::Queues;
}

bool read_findings(std::string_view text, ViewDescription& view) {
  const bool known =
      text == "closed" || text == "all" || (!text.empty() && is_finding_filter(text));
  if (known) view.findings = std::string(text);
  return known;
}

struct ProfileWord {
  ViewDescription::Profile profile;
  std::string_view word;
};
constexpr std::array kProfileWords = {
    ProfileWord{{true, ProfileOf::Cpu, ProfileScope::All}, "cpu"},
    ProfileWord{{true, ProfileOf::Cpu, ProfileScope::Task}, "cpu:task"},
    ProfileWord{{true, ProfileOf::Cpu, ProfileScope::Group}, "cpu:group"},
    ProfileWord{{true, ProfileOf::Cpu, ProfileScope::Worker}, "cpu:worker"},
    ProfileWord{{true, ProfileOf::Waits, ProfileScope::All}, "waits"},
    ProfileWord{{true, ProfileOf::Waits, ProfileScope::Task}, "waits:task"},
    ProfileWord{{true, ProfileOf::Waits, ProfileScope::Group}, "waits:group"},
    ProfileWord{{true, ProfileOf::Waits, ProfileScope::Worker}, "waits:worker"}};

bool read_profile(std::string_view text, ViewDescription& view) {
  if (text == "closed") view.profile = ViewDescription::Profile{};
  for (const ProfileWord& known : kProfileWords) {
    if (known.word == text) view.profile = known.profile;
  }
  return view.profile.has_value();
}

std::string_view profile_text(const ViewDescription::Profile& profile) {
  for (const ProfileWord& known : kProfileWords) {
    if (known.profile == profile) return known.word;
  }
  return "closed";
}

bool read_memory(std::string_view text, ViewDescription& view) {
  if (text == "closed") view.memory = ViewDescription::MemoryOpen{};
  for (const SiteFilter filter : kSiteFilters) {
    if (to_text(filter) == text) view.memory = ViewDescription::MemoryOpen{true, filter};
  }
  return view.memory.has_value();
}

bool read_hidden(std::string_view text, bool& hidden) {
  hidden = text == "hidden";
  return hidden;
}

bool read_wait_for(std::string_view text, ViewDescription& view) {
  view.wait_for = text == "shown";
  return view.wait_for;
}

struct KnownKey {
  std::string_view key;
  std::string_view takes;
  bool (*read)(std::string_view, ViewDescription&);
  SizeLimits sizes{};  // behind what it takes, if that is a size
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
    KnownKey{"collection", kTakesId,
             [](Text t, View& v) { return keep(parse_number<store::GcCycleId>(t), v.collection); }},
    KnownKey{"finding", kTakesId,
             [](Text t, View& v) { return keep(parse_number<std::int64_t>(t), v.finding); }},
    KnownKey{"sample", "a time, such as 1.25ms",
             [](Text t, View& v) { return keep(parse_time(t), v.sample_ns); }},
    KnownKey{"measure", kTakesRange,
             [](Text t, View& v) { return keep(parse_range(t), v.measured); }},
    KnownKey{"top", "a row and what is scrolled away of it, such as task:17+4",
             [](Text t, View& v) { return read_anchor(t, v.top); }},
    KnownKey{"fold", kTakesHeadings,
             [](Text t, View& v) { return read_rows(t, can_fold, v.folds.folded); }},
    KnownKey{"unfold", kTakesHeadings,
             [](Text t, View& v) { return read_rows(t, can_fold, v.folds.unfolded); }},
    KnownKey{"group", "site, name, parent or none",
             [](Text t, View& v) { return keep_grouping(t, v.grouping); }},
    KnownKey{"sort", "id, creation, name, or a state such as lock", read_sort},
    KnownKey{"only", "queries, such as name:reader",
             [](Text t, View& v) { return read_filters(t, v.filters); }},
    KnownKey{"pin", "rows, such as worker:0,task:17",
             [](Text t, View& v) { return read_rows(t, can_pin, v.pins); }},
    KnownKey{"theme", "dark or light", [](Text t, View& v) { return read_theme(t, v.theme); }},
    KnownKey{"left", "a width from ",
             [](Text t, View& v) { return read_size(t, kLeftWidth, v.left_width); }, kLeftWidth},
    KnownKey{"drawer", "a height from ",
             [](Text t, View& v) { return read_size(t, kDrawerHeight, v.drawer_height); },
             kDrawerHeight},
    KnownKey{"pane", "a width from ",
             [](Text t, View& v) { return read_size(t, kFindingsWidth, v.findings_width); },
             kFindingsWidth},
    KnownKey{"regions", "hidden", [](Text t, View& v) { return read_hidden(t, v.regions_hidden); }},
    KnownKey{"samples", "hidden", [](Text t, View& v) { return read_hidden(t, v.samples_hidden); }},
    KnownKey{"profile", "closed, cpu or waits, and of what: cpu:task, waits:group", read_profile},
    KnownKey{"profile-height", "a height from ",
             [](Text t, View& v) { return read_size(t, kProfileHeight, v.profile_height); },
             kProfileHeight},
    KnownKey{"waits-for", "shown", read_wait_for},
    KnownKey{"memory", "closed, all, escape, stay, outside or learned", read_memory},
    KnownKey{"findings", "closed, all, severe, proved, or a group such as leak", read_findings},
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

std::optional<Grouping> parse_grouping(std::string_view text) {
  for (const GroupingWord& known : kGroupingWords) {
    if (known.word == text) return known.grouping;
  }
  return std::nullopt;
}

std::string to_text(const ViewDescription& view) {
  std::string text(kVersion);
  const auto put = [&](std::string_view key, const std::string& value) {
    text += fmt::format("/{}={}", key, value);
  };
  if (view.range) put("range", exact_range_text(*view.range));
  if (view.task) put("task", std::to_string(*view.task));
  if (view.span_ns) put("span", exact_time_text(*view.span_ns));
  if (view.worker) put("worker", std::to_string(*view.worker));
  if (view.collection) put("collection", std::to_string(*view.collection));
  if (view.sample_ns) put("sample", exact_time_text(*view.sample_ns));
  if (view.finding) put("finding", std::to_string(*view.finding));
  if (view.measured) put("measure", exact_range_text(*view.measured));
  if (view.top) put("top", fmt::format("{}+{}", row_text(view.top->row), view.top->offset));
  const auto put_rows = [&](std::string_view key, const std::vector<RowName>& rows) {
    std::string list;
    for (const RowName& row : rows) list += (list.empty() ? "" : ",") + row_text(row);
    if (!list.empty()) put(key, list);
  };
  for (const GroupingWord& known : kGroupingWords) {
    if (view.grouping != Grouping::SpawnSite && known.grouping == view.grouping) {
      put("group", std::string(known.word));
    }
  }
  for (const SortWord& known : kSortWords) {
    const bool same = known.sort == view.sort && known.state_class == view.sort_class;
    if (view.sort != SortBy::Id && same) put("sort", std::string(known.word));
  }
  std::string filters;
  for (const std::string& filter : view.filters) {
    filters += (filters.empty() ? "" : ",") + encoded(filter);
  }
  if (!filters.empty()) put("only", filters);
  put_rows("pin", view.pins);
  put_rows("fold", view.folds.folded);
  put_rows("unfold", view.folds.unfolded);
  if (view.theme) put("theme", *view.theme == Theme::Dark ? "dark" : "light");
  if (view.left_width) put("left", fmt::format("{:.0f}", *view.left_width));
  if (view.drawer_height) put("drawer", fmt::format("{:.0f}", *view.drawer_height));
  if (view.findings_width) put("pane", fmt::format("{:.0f}", *view.findings_width));
  if (view.regions_hidden) put("regions", "hidden");
  if (view.samples_hidden) put("samples", "hidden");
  if (view.profile) put("profile", std::string(profile_text(*view.profile)));
  if (view.wait_for) put("waits-for", "shown");
  if (view.memory) {
    put("memory", view.memory->open ? std::string(to_text(view.memory->filter)) : "closed");
  }
  if (view.profile_height) put("profile-height", fmt::format("{:.0f}", *view.profile_height));
  if (view.findings) put("findings", *view.findings);
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
      const SizeLimits& sizes = known->sizes;
      const std::string range =
          sizes.max > 0 ? fmt::format("{:.0f} to {:.0f}", sizes.min, sizes.max) : "";
      return Error{fmt::format("In the view, {} takes {}{}, not {}.", known->key, known->takes,
                               range, quoted(value))};
    }
  }
  if (view.span_ns && !view.task) return Error{"The view says span without saying of which task."};
  if (view.sample_ns && !view.task && !view.worker) {
    return Error{"The view says sample without saying of which task or worker."};
  }
  return view;
}

}  // namespace taskscope::viewer
