// The search language: "state:blocked reason:chan dur:>10ms site:worker.cpp -name:logger".
//
// A query is a list of terms that must all hold; "-" in front of one turns it round, quotes keep
// blanks together, commas separate alternatives, "name:=logger" is a whole name. What it is about
// follows from its terms: spans, if one of them asks for something that only a span has, else
// tasks. Filters of the rows use the same language: a task stays if it, or one of its spans,
// matches.
//
// Plain values and pure functions, usable from any thread; a QueryMatcher belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class QueryField : std::uint8_t {
  Text,     // a bare word: name, label, or place
  Name,     // of the task: what it is called, or its label
  Site,     // where the task was started; of a span also where it waits
  Parent,   // who started the task: label or number
  Program,  // that the task is of
  Task,     // its number
  Label,    // one of its labels, as "user=7"
  Log,      // a line that it said, or its category
  State,    // from here on only spans have it
  Reason,
  Duration,
  Worker,
  Object,  // what it waits for
  Waker,   // who ended the wait
};
inline constexpr QueryField kFirstSpanField = QueryField::State;

struct QueryTerm {
  QueryField field = QueryField::Text;
  bool negated = false;
  std::vector<std::string>
      texts;  // lower case alternatives; of Text to Program, Label, Log, Reason to Waker
  std::uint32_t states = 0;   // of State: bits of store::TaskState
  std::uint32_t classes = 0;  // of State: bits of StateClass
  struct Bounds {
    std::int64_t low = 0;  // both inclusive
    std::int64_t high = 0;
    friend bool operator==(const Bounds&, const Bounds&) = default;
  };
  std::vector<Bounds> bounds;  // alternatives; of Task, Duration (ns), Worker

  friend bool operator==(const QueryTerm&, const QueryTerm&) = default;
};

struct Query {
  std::vector<QueryTerm> terms;

  bool empty() const { return terms.empty(); }
  bool about_spans() const;
};

// A query, or what is wrong with which part of the text.
struct ParsedQuery {
  Query query;
  std::string error;  // one sentence; empty: the query is as written
  std::size_t error_begin = 0;
  std::size_t error_end = 0;
};
ParsedQuery parse_query(std::string_view text);

// `text` as a term's value: in quotes if it needs them.
std::string quoted_value(std::string_view text);

class QueryMatcher {
 public:
  // REQUIRES: session and query live as long as the matcher.
  QueryMatcher(const TraceSession& session, const Query& query);

  // What can be told of the task itself holds. The next calls of span() are about this task.
  bool task(TaskIndex task);
  // REQUIRES: task() held for its task, whose track has `span` at `at`.
  bool span(std::size_t at, const TrackSpan& span);
  // task() holds, and if the query is about spans, span() of one of its spans.
  bool task_or_span(TaskIndex task);

 private:
  enum class Verdict : std::uint8_t { No, Yes, DependsOnSpan };
  bool has_label(const QueryTerm& term) const;
  bool has_said(const QueryTerm& term) const;
  Verdict task_verdict(const QueryTerm& term, std::size_t index);
  bool span_holds(const QueryTerm& term, std::size_t index, std::size_t at, const TrackSpan& span);
  bool state_holds(const QueryTerm& term, const TrackSpan& span) const;
  bool site_matches(std::size_t term, store::SiteId site);

  // Constant after construction.
  const TraceSession& session_;
  const Query& query_;
  bool about_spans_;
  // Owned by the calling thread.
  const Task* task_ = nullptr;
  std::vector<std::size_t> open_terms_;  // that depend on the span, cheap ones first
  std::vector<std::unordered_map<store::SiteId, bool>> sites_;  // per term: known answers
};

// "logger" in "the Logger": letters of ASCII in any case. REQUIRES: `part` in lower case.
bool contains_folded(std::string_view text, std::string_view part);
std::string lower_case(std::string_view text);

}  // namespace taskscope::viewer
