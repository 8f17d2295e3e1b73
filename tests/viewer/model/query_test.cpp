#include "viewer/model/query.h"

#include <gtest/gtest.h>

#include "tests/support/synthetic_session.h"

namespace taskscope::viewer {
namespace {

std::string error_of(std::string_view text) { return parse_query(text).error; }

Query query_of(std::string_view text) {
  ParsedQuery parsed = parse_query(text);
  EXPECT_EQ(parsed.error, "") << text;
  return std::move(parsed.query);
}

// "3.2": the fourth task's third span.
std::vector<std::pair<TaskIndex, std::size_t>> matching_spans(const TraceSession& session,
                                                              std::string_view text) {
  const Query query = query_of(text);
  QueryMatcher matcher(session, query);
  std::vector<std::pair<TaskIndex, std::size_t>> out;
  for (TaskIndex task = 0; task < session.tasks().size(); ++task) {
    if (!matcher.task(task)) continue;
    for (std::size_t at = 0; at < session.tasks()[task].track.size(); ++at) {
      if (matcher.span(at, session.tasks()[task].track[at])) out.emplace_back(task, at);
    }
  }
  return out;
}

// All spans of which the predicate holds.
template <class Predicate>
std::vector<std::pair<TaskIndex, std::size_t>> brute_force(const TraceSession& session,
                                                           const Predicate& holds) {
  std::vector<std::pair<TaskIndex, std::size_t>> out;
  for (TaskIndex index = 0; index < session.tasks().size(); ++index) {
    const Task& task = session.tasks()[index];
    for (std::size_t at = 0; at < task.track.size(); ++at) {
      const SpanIndex span = task.first_span + static_cast<SpanIndex>(at);
      const auto detail = session.span_detail(span);
      if (holds(task, detail, session.span_range(span).length_ns())) out.emplace_back(index, at);
    }
  }
  return out;
}

std::vector<store::TaskId> matching_tasks(const TraceSession& session, std::string_view text) {
  const Query query = query_of(text);
  QueryMatcher matcher(session, query);
  std::vector<store::TaskId> out;
  for (TaskIndex task = 0; task < session.tasks().size(); ++task) {
    if (matcher.task_or_span(task)) out.push_back(session.tasks()[task].row.id);
  }
  return out;
}

TEST(Query, IsAListOfTermsWithFieldsSignsAndQuotes) {
  const Query query = query_of(
      "state:blocked,running reason:chan dur:>10ms -name:logger \"word count\" main.cpp:7");
  ASSERT_EQ(query.terms.size(), 6U);
  EXPECT_EQ(query.terms[0].field, QueryField::State);
  EXPECT_EQ(query.terms[1].texts, std::vector<std::string>{"chan"});
  EXPECT_EQ(query.terms[2].bounds.front().low, 10'000'001);
  EXPECT_TRUE(query.terms[3].negated);
  EXPECT_EQ(query.terms[4].texts, std::vector<std::string>{"word count"});
  EXPECT_EQ(query.terms[5].field, QueryField::Text);
  EXPECT_EQ(query.terms[5].texts, std::vector<std::string>{"main.cpp:7"});
}

TEST(Query, IsAboutSpansIfATermAsksForWhatOnlySpansHave) {
  EXPECT_TRUE(query_of("name:reader state:blocked").about_spans());
  EXPECT_TRUE(query_of("-dur:<1us").about_spans());
  EXPECT_FALSE(query_of("name:reader site:main.cpp task:1..5 word").about_spans());
  EXPECT_FALSE(query_of("").about_spans());
}

TEST(Query, TimesHaveUnits) {
  const auto low = [](std::string_view text) { return query_of(text).terms[0].bounds[0].low; };
  EXPECT_EQ(low("dur:>=5"
                "0ns"),
            50);
  EXPECT_EQ(low("dur:>=1.5us"), 1'500);
  EXPECT_EQ(low("dur:>=1.5µs"), 1'500);
  EXPECT_EQ(low("dur:>=2ms"), 2'000'000);
  EXPECT_EQ(low("dur:>=2s"), 2'000'000'000);
  EXPECT_EQ(low("dur:>=1m"), 60'000'000'000);
  EXPECT_EQ(low("dur:>=1h"), 3'600'000'000'000);
  EXPECT_EQ(query_of("dur:1ms..2ms").terms[0].bounds[0].high, 2'000'000);
  EXPECT_EQ(query_of("dur:<2ms").terms[0].bounds[0].high, 1'999'999);
}

TEST(Query, ErrorsAreASentenceAndPointAtTheTerm) {
  const ParsedQuery parsed = parse_query("name:a  dur:>10  state:blocked");
  EXPECT_EQ(parsed.error, "\"dur:>10\" is no duration; write dur:>10ms, dur:<2us or dur:1s..2s.");
  EXPECT_EQ(parsed.error_begin, 8U);
  EXPECT_EQ(parsed.error_end, 15U);
  EXPECT_TRUE(parsed.query.empty());
}

TEST(Query, RefusesWhatMakesNoSense) {
  EXPECT_TRUE(error_of("stat:blocked").starts_with("\"stat:\" is not known; there are name, site"));
  EXPECT_TRUE(error_of("state:asleep").starts_with("No state is called \"asleep\""));
  EXPECT_EQ(error_of("name:"), "\"name:\" lacks what it should be.");
  EXPECT_EQ(error_of("name:\"a b"), "name:\"a b lacks its closing quote.");
  EXPECT_EQ(error_of("\"\""), "Nothing stands between these quotes.");
  EXPECT_NE(error_of("task:seven"), "");
  EXPECT_NE(error_of("task:1.5"), "");
  EXPECT_NE(error_of("task:9..3"), "");
  EXPECT_NE(error_of("worker:-1"), "");
  EXPECT_NE(error_of("dur:10ms"), "") << "to the nanosecond is nearly never meant";
  EXPECT_NE(error_of("dur:>1e300s"), "");
  EXPECT_NE(error_of("dur:>nan"), "");
}

TEST(Query, WordsWithColonsAreWords) {
  EXPECT_EQ(query_of("ns::fn").terms[0].field, QueryField::Text);
  EXPECT_EQ(query_of("main.cpp:42").terms[0].field, QueryField::Text);
  EXPECT_EQ(query_of("\"state:blocked\"").terms[0].field, QueryField::Text);
  EXPECT_EQ(query_of("-").terms[0].texts[0], "-") << "a sign alone turns nothing round";
}

TEST(Query, AQuotedValueIsReadBackAsItWas) {
  for (const char* text : {"reader", "split words 12", "a,b", "server: task 7"}) {
    const Query query = query_of("name:" + quoted_value(text));
    ASSERT_EQ(query.terms.size(), 1U);
    EXPECT_EQ(query.terms[0].texts, std::vector<std::string>{text});
  }
}

TEST(QueryMatcher, FindsTheSpansThatBruteForceFinds) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  const auto blocked = [](const Task&, const SpanDetail& detail, std::int64_t) {
    return detail.state == store::TaskState::Blocked;
  };
  EXPECT_EQ(matching_spans(*session, "state:blocked"), brute_force(*session, blocked));
  EXPECT_FALSE(matching_spans(*session, "state:blocked").empty());
  EXPECT_EQ(matching_spans(*session, "-state:blocked"),
            brute_force(*session, [&](const Task& task, const SpanDetail& detail, std::int64_t ns) {
              return !blocked(task, detail, ns);
            }));
  EXPECT_EQ(matching_spans(*session, "state:blocked dur:>20us reason:mutex,select -name:reader"),
            brute_force(*session, [](const Task& task, const SpanDetail& detail, std::int64_t ns) {
              return detail.state == store::TaskState::Blocked && ns > 20'000 &&
                     (detail.reason == store::BlockReason::Mutex ||
                      detail.reason == store::BlockReason::Select) &&
                     task.name.find("reader") == std::string::npos;
            }));
  EXPECT_EQ(matching_spans(*session, "worker:2 state:running"),
            brute_force(*session, [](const Task&, const SpanDetail& detail, std::int64_t) {
              return detail.state == store::TaskState::Running && detail.worker == 2;
            }));
  EXPECT_EQ(matching_spans(*session, "object:\"channel lines\""),
            brute_force(*session, [&](const Task&, const SpanDetail& detail, std::int64_t) {
              return session->object_text(detail) == "channel lines";
            }));
}

TEST(QueryMatcher, ASiteIsThatOfTheTaskOrOfItsWait) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 2'000});
  EXPECT_EQ(matching_spans(*session, "dur:>=0 site:pipeline.cpp:62"),
            brute_force(*session, [&](const Task& task, const SpanDetail& detail, std::int64_t) {
              const auto at_62 = [&](store::SiteId id) {
                const store::SiteRow* site = session->find_site(id);
                return site != nullptr && site->line / 10 == 6 && site->line % 10 == 2;
              };
              return at_62(task.row.spawn_site_id) || at_62(detail.site_id);
            }));
}

TEST(QueryMatcher, TasksAreFoundByNameNumberAndParent) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const auto all = session->tasks().size();
  EXPECT_EQ(matching_tasks(*session, "task:3..5"), (std::vector<store::TaskId>{3, 4, 5}));
  EXPECT_EQ(matching_tasks(*session, "task:1,7"), (std::vector<store::TaskId>{1, 7}));
  EXPECT_EQ(matching_tasks(*session, "").size(), all);
  EXPECT_EQ(matching_tasks(*session, "parent:main").size(), all - 1);
  EXPECT_EQ(matching_tasks(*session, "parent:1").size(), all - 1);
  const auto readers = matching_tasks(*session, "name:READER");
  EXPECT_EQ(readers.size(), 8U);
  EXPECT_EQ(matching_tasks(*session, "name:=reader"), readers);
  EXPECT_TRUE(matching_tasks(*session, "name:=reade").empty());
  EXPECT_EQ(matching_tasks(*session, "-name:reader").size(), all - readers.size());
  EXPECT_EQ(matching_tasks(*session, "reader"), readers) << "a bare word is a part of a name";
}

TEST(QueryMatcher, ATaskStaysInAFilterIfOneOfItsSpansMatches) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 1'000});
  std::vector<store::TaskId> wanted;
  for (const Task& task : session->tasks()) {
    for (std::size_t at = 0; at < task.track.size(); ++at) {
      if (task.track.state_class(at) != StateClass::Lock) continue;
      wanted.push_back(task.row.id);
      break;
    }
  }
  EXPECT_FALSE(wanted.empty());
  EXPECT_LT(wanted.size(), session->tasks().size());
  EXPECT_EQ(matching_tasks(*session, "state:lock"), wanted);
}

}  // namespace
}  // namespace taskscope::viewer
