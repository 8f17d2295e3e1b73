#include "viewer/model/search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/synthetic_session.h"
#include "viewer/model/background.h"

namespace taskscope::viewer {
namespace {

SearchHits hits_of(const TraceSession& session, std::string_view text, std::size_t most) {
  const ParsedQuery parsed = parse_query(text);
  EXPECT_EQ(parsed.error, "");
  const std::atomic<bool> stop{false};
  return find_hits(session, parsed.query, most, stop);
}

TEST(Search, HitsAreInTheOrderOfTimeAndTheFirstOnesAreKept) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  const SearchHits all = hits_of(*session, "state:blocked", 1'000'000);
  EXPECT_TRUE(all.of_spans);
  EXPECT_EQ(all.total, all.hits.size());
  EXPECT_TRUE(std::is_sorted(all.hits.begin(), all.hits.end(),
                             [](const auto& a, const auto& b) { return a.ns < b.ns; }));
  for (const SearchHit& hit : all.hits) {
    EXPECT_EQ(session->span_range(hit.span).start_ns, hit.ns);
    EXPECT_EQ(session->span_task(hit.span), hit.task);
  }
  const SearchHits first = hits_of(*session, "state:blocked", 100);
  EXPECT_EQ(first.total, all.total);
  EXPECT_TRUE(std::equal(first.hits.begin(), first.hits.end(), all.hits.begin()));
  EXPECT_EQ(first.hits.size(), 100U);
  EXPECT_EQ(std::accumulate(first.density.begin(), first.density.end(), std::uint64_t{0}),
            all.total)
      << "the overview shows all of them";
}

TEST(Search, WithoutATermForSpansHitsAreTasks) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const SearchHits found = hits_of(*session, "reader", 100);
  EXPECT_FALSE(found.of_spans);
  ASSERT_EQ(found.hits.size(), 8U);
  EXPECT_EQ(found.hits[0].span, kNoSpan);
  EXPECT_EQ(session->tasks()[found.hits[0].task].name, "reader");
}

TEST(Search, SteppingStartsAtTheInstantThatIsLookedAtAndGoesRound) {
  const std::vector<SearchHit> hits = {{.ns = 10}, {.ns = 20}, {.ns = 30}};
  EXPECT_EQ(step_hit(hits, kNoHit, 15, 1), 1U);
  EXPECT_EQ(step_hit(hits, kNoHit, 15, -1), 0U);
  EXPECT_EQ(step_hit(hits, kNoHit, 99, 1), 0U);
  EXPECT_EQ(step_hit(hits, kNoHit, 5, -1), 2U);
  EXPECT_EQ(step_hit(hits, 1, 0, 1), 2U);
  EXPECT_EQ(step_hit(hits, 2, 0, 1), 0U);
  EXPECT_EQ(step_hit(hits, 0, 0, -1), 2U);
  EXPECT_EQ(step_hit({}, kNoHit, 0, 1), kNoHit);
}

TEST(Background, AnswersTheNewestQuestionAndKeepsTheLastAnswerUntilThen) {
  Background<int, int> doubled([](int question, const std::atomic<bool>&) { return question * 2; },
                               {});
  EXPECT_EQ(doubled.ask(1).answer, nullptr);
  doubled.wait_idle();
  EXPECT_EQ(*doubled.ask(1).answer, 2);
  EXPECT_TRUE(doubled.ask(1).current);
  const auto reply = doubled.ask(2);
  EXPECT_FALSE(reply.current);
  EXPECT_EQ(*reply.answer, 2) << "the last answer is drawn until the new one is there";
  doubled.wait_idle();
  EXPECT_EQ(*doubled.ask(2).answer, 4);
  doubled.forget();
  EXPECT_EQ(doubled.ask(2).answer, nullptr);
}

TEST(Background, GivesUpWhatNobodyAsksAnyMore) {
  // The first question never ends unless it is told to; asked again afterwards, it starts afresh.
  std::atomic<int> started{0};
  Background<int, int> patient(
      [&](int question, const std::atomic<bool>& stop) {
        const bool first = started.fetch_add(1) == 0;
        while (first && !stop.load()) std::this_thread::yield();
        return first ? -1 : question;
      },
      {});
  patient.ask(1);
  while (started.load() == 0) std::this_thread::yield();
  patient.ask(2);
  patient.ask(1);
  patient.wait_idle();
  EXPECT_EQ(*patient.ask(1).answer, 1) << "what was stopped half-way is not an answer";
}

}  // namespace
}  // namespace taskscope::viewer
