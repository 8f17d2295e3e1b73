#include "viewer/model/query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace taskscope::viewer {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

struct FieldName {
  std::string_view name;
  QueryField field;
};
constexpr std::array kFieldNames = {
    FieldName{"name", QueryField::Name},      FieldName{"site", QueryField::Site},
    FieldName{"parent", QueryField::Parent},  FieldName{"program", QueryField::Program},
    FieldName{"task", QueryField::Task},      FieldName{"label", QueryField::Label},
    FieldName{"log", QueryField::Log},        FieldName{"state", QueryField::State},
    FieldName{"reason", QueryField::Reason},  FieldName{"dur", QueryField::Duration},
    FieldName{"worker", QueryField::Worker},  FieldName{"object", QueryField::Object},
    FieldName{"woken-by", QueryField::Waker},
};

std::optional<QueryField> find_field(std::string_view name) {
  for (const FieldName& known : kFieldNames) {
    if (known.name == name) return known.field;
  }
  return std::nullopt;
}

std::string all_field_names() {
  std::string text;
  for (const FieldName& known : kFieldNames) {
    text += (text.empty() ? "" : ", ") + std::string(known.name);
  }
  return text;
}

struct StateName {
  std::string_view name;
  std::uint32_t states;
  std::uint32_t classes;
};
constexpr std::uint32_t bit(store::TaskState state) {
  return 1U << static_cast<std::uint32_t>(state);
}
constexpr std::uint32_t bit(StateClass state) { return 1U << static_cast<std::uint32_t>(state); }
// The names of SQL, and those of the legend.
constexpr std::array kStateNames = {
    StateName{"running", bit(store::TaskState::Running), 0},
    StateName{"runnable", bit(store::TaskState::Runnable), 0},
    StateName{"blocked", bit(store::TaskState::Blocked), 0},
    StateName{"syscall", bit(store::TaskState::Syscall), 0},
    StateName{"sleeping", bit(store::TaskState::Sleeping), 0},
    StateName{"channel", 0, bit(StateClass::Channel)},
    StateName{"lock", 0, bit(StateClass::Lock)},
    StateName{"io", 0, bit(StateClass::Io)},
    StateName{"i/o", 0, bit(StateClass::Io)},
    StateName{"sleep", 0, bit(StateClass::Sleep)},
    StateName{"gc", 0, bit(StateClass::Gc)},
    StateName{"stuck", 0, bit(StateClass::Leaked)},
};

// A number without sign, with a unit if `units` are asked for; ns of a duration.
std::optional<std::int64_t> parse_amount(std::string_view text, bool units) {
  double value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || !std::isfinite(value) || value < 0) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(rest - text.data()));
  double factor = 1;
  if (units) {
    constexpr std::array<std::pair<std::string_view, double>, 9> kUnits = {{{"ns", 1},
                                                                            {"us", 1e3},
                                                                            {"µs", 1e3},
                                                                            {"ms", 1e6},
                                                                            {"s", 1e9},
                                                                            {"m", 60e9},
                                                                            {"min", 60e9},
                                                                            {"h", 3600e9},
                                                                            {"d", 86400e9}}};
    const auto known = std::find_if(kUnits.begin(), kUnits.end(),
                                    [&](const auto& one) { return one.first == unit; });
    // Nought is nought in every unit.
    if (known == kUnits.end() && !(unit.empty() && value == 0)) return std::nullopt;
    if (known != kUnits.end()) factor = known->second;
  } else if (!unit.empty() || value != std::floor(value)) {
    return std::nullopt;
  }
  const double amount = value * factor;
  if (amount >= 9.2e18) return std::nullopt;
  return std::llround(amount);
}

// "42", "10..20", ">5", ">=5", "<5", "<=5".
std::optional<QueryTerm::Bounds> parse_bounds(std::string_view text, bool units) {
  const std::size_t dots = text.find("..");
  if (dots != std::string_view::npos) {
    const auto low = parse_amount(text.substr(0, dots), units);
    const auto high = parse_amount(text.substr(dots + 2), units);
    if (!low || !high || *low > *high) return std::nullopt;
    return QueryTerm::Bounds{*low, *high};
  }
  const std::size_t sign_size =
      text.starts_with(">=") || text.starts_with("<=")                          ? 2
      : text.starts_with(">") || text.starts_with("<") || text.starts_with("=") ? 1
                                                                                : 0;
  const std::string_view sign = text.substr(0, sign_size);
  const auto amount = parse_amount(text.substr(sign_size), units);
  if (!amount) return std::nullopt;
  if (sign == ">") return QueryTerm::Bounds{*amount + 1, kMost};
  if (sign == ">=") return QueryTerm::Bounds{*amount, kMost};
  if (sign == "<") return QueryTerm::Bounds{std::numeric_limits<std::int64_t>::min(), *amount - 1};
  if (sign == "<=") return QueryTerm::Bounds{std::numeric_limits<std::int64_t>::min(), *amount};
  return QueryTerm::Bounds{*amount, *amount};
}

// One term as it is written: where it stands, and its text without quotes.
struct Token {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool negated = false;
  std::string field;  // before the colon; empty: a bare word
  std::string value;
  bool quoted = false;  // the value, at least in part
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  ParsedQuery run() {
    for (;;) {
      while (at_ < text_.size() && blank(text_[at_])) ++at_;
      if (at_ == text_.size() || !result_.error.empty()) return std::move(result_);
      const Token token = next();
      if (result_.error.empty()) add(token);
    }
  }

 private:
  static bool blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

  void fail(const Token& token, std::string error) {
    result_.query = {};
    result_.error = std::move(error);
    result_.error_begin = token.begin;
    result_.error_end = token.end;
  }

  Token next() {
    Token token;
    token.begin = at_;
    if (text_[at_] == '-' && at_ + 1 < text_.size() && !blank(text_[at_ + 1])) {
      token.negated = true;
      ++at_;
    }
    bool in_quotes = false;
    for (; at_ < text_.size() && (in_quotes || !blank(text_[at_])); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        in_quotes = !in_quotes;
        token.quoted = true;
      } else if (c == ':' && !in_quotes && !token.quoted && token.field.empty() &&
                 names_field(token.value)) {
        token.field = lower_case(token.value);
        token.value.clear();
      } else {
        token.value += c;
      }
    }
    token.end = at_;
    if (in_quotes) {
      fail(token, fmt::format("{} lacks its closing quote.", text_.substr(token.begin)));
    }
    return token;
  }

  // "main.cpp:42" and "ns::fn" are words, "stat:" is a field that was meant to be one.
  bool names_field(const std::string& word) const {
    if (find_field(lower_case(word))) return true;
    const bool letters = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
    });
    const char after = at_ + 1 < text_.size() ? text_[at_ + 1] : ' ';
    return letters && after != ':' && (after < '0' || after > '9');
  }

  void add(const Token& token) {
    QueryTerm term;
    term.negated = token.negated;
    if (!token.field.empty()) {
      const auto field = find_field(token.field);
      if (!field) {
        return fail(token, fmt::format("\"{}:\" is not known; there are {}.", token.field,
                                       all_field_names()));
      }
      term.field = *field;
    }
    if (token.value.empty()) {
      return fail(token, token.field.empty()
                             ? "Nothing stands between these quotes."
                             : fmt::format("\"{}:\" lacks what it should be.", token.field));
    }
    if (token.quoted || term.field == QueryField::Text) {
      if (!add_value(term, token, token.value)) return;
    } else {
      std::string_view rest = token.value;
      while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find(','));
        if (!one.empty() && !add_value(term, token, one)) return;
        rest.remove_prefix(std::min(rest.size(), one.size() + 1));
      }
    }
    result_.query.terms.push_back(std::move(term));
  }

  bool add_value(QueryTerm& term, const Token& token, std::string_view value) {
    switch (term.field) {
      case QueryField::State: {
        const std::string name = lower_case(value);
        const auto known = std::find_if(kStateNames.begin(), kStateNames.end(),
                                        [&](const StateName& one) { return one.name == name; });
        if (known == kStateNames.end()) {
          fail(token,
               fmt::format("No state is called \"{}\"; there are running, runnable, blocked, "
                           "syscall, sleeping, channel, lock, io, stuck.",
                           value));
          return false;
        }
        term.states |= known->states;
        term.classes |= known->classes;
        return true;
      }
      case QueryField::Duration:
        return add_bounds(term, token, value, true,
                          "\"dur:{}\" is no duration; write dur:>10ms, dur:<2us or dur:1s..2s.");
      case QueryField::Task:
      case QueryField::Worker:
        return add_bounds(term, token, value, false,
                          term.field == QueryField::Task
                              ? "\"task:{}\" is no number of a task; write task:42 or task:10..20."
                              : "\"worker:{}\" is no number of a worker; write worker:2.");
      default:
        term.texts.push_back(lower_case(value));
        return true;
    }
  }

  bool add_bounds(QueryTerm& term, const Token& token, std::string_view value, bool units,
                  const char* error) {
    const auto bounds = parse_bounds(value, units);
    // A duration to the nanosecond is nearly always meant as a bound.
    const bool vague = units && bounds && bounds->low == bounds->high && !value.starts_with('=');
    if (!bounds || vague) {
      fail(token, fmt::format(fmt::runtime(error), value));
      return false;
    }
    term.bounds.push_back(*bounds);
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  ParsedQuery result_;
};

char folded(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// "=logger" is the whole text, "logger" a part of it.
bool any_in(std::string_view text, const std::vector<std::string>& parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) {
    if (part.size() < 2 || part[0] != '=') return contains_folded(text, part);
    return part.size() == text.size() + 1 && contains_folded(text, part.substr(1));
  });
}

bool within(const std::vector<QueryTerm::Bounds>& bounds, std::int64_t value) {
  return std::any_of(bounds.begin(), bounds.end(), [&](const QueryTerm::Bounds& one) {
    return value >= one.low && value <= one.high;
  });
}

bool needs_detail(QueryField field) {
  return field != QueryField::Duration && field != QueryField::State;
}

}  // namespace

bool Query::about_spans() const {
  return std::any_of(terms.begin(), terms.end(),
                     [](const QueryTerm& term) { return term.field >= kFirstSpanField; });
}

ParsedQuery parse_query(std::string_view text) { return Parser(text).run(); }

std::string quoted_value(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_of(" \t\n\",") == std::string_view::npos;
  std::string value(text);
  if (plain) return value;
  std::erase(value, '"');
  return '"' + value + '"';
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), folded);
  return lower;
}

bool contains_folded(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char a, char b) { return folded(a) == b; }) != text.end();
}

QueryMatcher::QueryMatcher(const TraceSession& session, const Query& query)
    : session_(session),
      query_(query),
      about_spans_(query.about_spans()),
      sites_(query.terms.size()) {}

bool QueryMatcher::site_matches(std::size_t term, store::SiteId site) {
  const auto [at, fresh] = sites_[term].try_emplace(site, false);
  if (fresh) {
    if (const store::SiteRow* row = session_.find_site(site)) {
      const std::vector<std::string>& texts = query_.terms[term].texts;
      at->second =
          any_in(fmt::format("{}:{}", row->file, row->line), texts) || any_in(row->function, texts);
    }
  }
  return at->second;
}

bool QueryMatcher::has_label(const QueryTerm& term) const {
  const auto labels = session_.annotations().labels_of(task_->row.label_set_id);
  return std::any_of(labels.begin(), labels.end(), [&](const store::LabelRow& label) {
    return any_in(label.key + "=" + label.value, term.texts);
  });
}

bool QueryMatcher::has_said(const QueryTerm& term) const {
  const LogTable& logs = session_.annotations().logs();
  const auto task = static_cast<TaskIndex>(task_ - session_.tasks().data());
  const LogLines lines = logs.of(task);
  for (std::size_t at = lines.first; at < lines.last; ++at) {
    if (any_in(logs[at].message, term.texts) || any_in(logs[at].category, term.texts)) return true;
  }
  return false;
}

QueryMatcher::Verdict QueryMatcher::task_verdict(const QueryTerm& term, std::size_t index) {
  const auto verdict = [](bool holds) { return holds ? Verdict::Yes : Verdict::No; };
  const auto or_span = [&](bool holds) {
    return holds ? Verdict::Yes : about_spans_ ? Verdict::DependsOnSpan : Verdict::No;
  };
  const auto named = [&] {
    return any_in(task_->name, term.texts) || any_in(task_->label, term.texts);
  };
  const store::TaskRow& row = task_->row;
  switch (term.field) {
    case QueryField::Text:
      return or_span(named() || site_matches(index, row.spawn_site_id));
    case QueryField::Site:
      return or_span(site_matches(index, row.spawn_site_id));
    case QueryField::Name:
      return verdict(named());
    case QueryField::Parent: {
      const TaskIndex parent = session_.find_task(row.parent_id);
      if (parent == kNoTask) return Verdict::No;
      const Task& other = session_.tasks()[parent];
      return verdict(any_in(other.label, term.texts) || any_in(other.name, term.texts) ||
                     std::count(term.texts.begin(), term.texts.end(),
                                fmt::format("{}", store::own_id(row.parent_id))) > 0);
    }
    case QueryField::Program:
      return verdict(any_in(session_.program_name(store::program_of(row.id)), term.texts));
    case QueryField::Task:
      return verdict(within(term.bounds, static_cast<std::int64_t>(store::own_id(row.id))));
    case QueryField::Label:
      return verdict(has_label(term));
    case QueryField::Log:
      return verdict(has_said(term));
    default:
      return Verdict::DependsOnSpan;
  }
}

bool QueryMatcher::task(TaskIndex task) {
  task_ = &session_.tasks()[task];
  open_terms_.clear();
  for (std::size_t at = 0; at < query_.terms.size(); ++at) {
    const QueryTerm& term = query_.terms[at];
    const Verdict verdict = task_verdict(term, at);
    if (verdict == Verdict::DependsOnSpan) {
      open_terms_.push_back(at);
    } else if ((verdict == Verdict::Yes) == term.negated) {
      return false;
    }
  }
  std::stable_sort(open_terms_.begin(), open_terms_.end(), [&](std::size_t a, std::size_t b) {
    return !needs_detail(query_.terms[a].field) && needs_detail(query_.terms[b].field);
  });
  return true;
}

bool QueryMatcher::state_holds(const QueryTerm& term, const TrackSpan& span) const {
  const StateClass state = span.state_class;
  if ((term.classes & bit(state)) != 0) return true;
  switch (state) {
    case StateClass::Running:
      return (term.states & bit(store::TaskState::Running)) != 0;
    case StateClass::Runnable:
      return (term.states & bit(store::TaskState::Runnable)) != 0;
    case StateClass::Channel:
    case StateClass::Lock:
    case StateClass::Leaked:
      return (term.states & bit(store::TaskState::Blocked)) != 0;
    default:
      break;
  }
  if (term.states == 0) return false;
  return (term.states & bit(session_.detail(span.payload).state)) != 0;
}

bool QueryMatcher::span_holds(const QueryTerm& term, std::size_t index, std::size_t at,
                              const TrackSpan& span) {
  if (term.field == QueryField::Duration) return within(term.bounds, span.length_ns());
  if (term.field == QueryField::State) return state_holds(term, span);
  const SpanDetail& detail = session_.detail(span.payload);
  switch (term.field) {
    case QueryField::Text:
    case QueryField::Site:
      return detail.site_id != 0 && site_matches(index, detail.site_id);
    case QueryField::Reason:
      return detail.reason != store::BlockReason::None &&
             any_in(trace_format::to_text(detail.reason), term.texts);
    case QueryField::Worker: {
      const WorkerId worker = session_.worker_number(detail);
      return detail.on_thread() && worker != store::kNoWorker && within(term.bounds, worker);
    }
    case QueryField::Object:
      return session_.find_object(detail) != nullptr &&
             any_in(session_.object_text(detail), term.texts);
    case QueryField::Waker:
      return detail.state == store::TaskState::Blocked &&
             any_in(session_.waker_text(task_->first_span + static_cast<SpanIndex>(at)),
                    term.texts);
    default:
      return false;
  }
}

bool QueryMatcher::span(std::size_t at, const TrackSpan& span) {
  return std::all_of(open_terms_.begin(), open_terms_.end(), [&](std::size_t index) {
    const QueryTerm& term = query_.terms[index];
    return span_holds(term, index, at, span) != term.negated;
  });
}

bool QueryMatcher::task_or_span(TaskIndex task) {
  if (!this->task(task)) return false;
  if (!about_spans_) return true;
  TrackWalk walk(task_->track, INT64_MIN);
  std::size_t at = 0;
  while (const TrackSpan* next = walk.next()) {
    if (span(at++, *next)) return true;
  }
  return false;
}

}  // namespace taskscope::viewer
