#include "viewer/model/arrows.h"

#include <gtest/gtest.h>

#include "tests/support/trace_session.h"

namespace taskscope::viewer {
namespace {

// Task 1 starts 2 and 3; 3 waits for 2, which waits for 1.
constexpr std::string_view kChain = R"(
w0 0 worker-start thread=50
w1 0 worker-start thread=51
w2 0 worker-start thread=52
w0 1 spawn task=1 site=1
w0 10 run task=1 seq=1
w0 20 spawn task=2 site=1
w0 30 spawn task=3 site=1
w1 40 run task=2 seq=1
w2 50 run task=3 seq=1
w1 60 block object=4 reason="chan recv" site=3
w2 70 block object=5 reason="chan recv" site=3
w0 100 ready task=2 seq=2
w1 110 run task=2 seq=3
w1 150 ready task=3 seq=2
w2 160 run task=3 seq=3
w2 200 exit task=3
w1 200 exit task=2
w0 210 exit task=1
)";

SpanIndex span_at(const TraceSession& session, store::TaskId id, std::int64_t ns) {
  const Task& task = session.tasks()[session.find_task(id)];
  return task.first_span + static_cast<SpanIndex>(task.track.span_at(ns));
}

std::string text(const TraceSession& session, const std::vector<CausalArrow>& arrows) {
  std::string out;
  for (const CausalArrow& arrow : arrows) {
    const auto id = [&](TaskIndex task) { return std::to_string(session.tasks()[task].row.id); };
    out += (out.empty() ? "" : ", ") + id(arrow.from) +
           (arrow.kind == ArrowKind::Spawn ? " starts " : " wakes ") + id(arrow.to) + " at " +
           std::to_string(arrow.ns) + (arrow.hop == 2 ? " (2)" : "");
  }
  return out;
}

TEST(Arrows, LeadTwoHopsBackToWhoWokeTheWaker) {
  const SessionPtr session = tests::session_of_trace(kChain);
  EXPECT_EQ(text(*session, causal_arrows(*session, span_at(*session, 3, 100))),
            "2 wakes 3 at 150, 1 wakes 2 at 100 (2)");
  EXPECT_EQ(text(*session, causal_arrows(*session, span_at(*session, 3, 180))),
            "2 wakes 3 at 150, 1 wakes 2 at 100 (2)")
      << "of a run, it is the wait before it";
}

TEST(Arrows, LeadForwardToWhomItWokeAndWhomThatOneWoke) {
  const SessionPtr session = tests::session_of_trace(kChain);
  EXPECT_EQ(text(*session, causal_arrows(*session, span_at(*session, 1, 50))),
            "1 wakes 2 at 100, 2 wakes 3 at 150 (2)");
}

TEST(Arrows, BeginWhereATaskWasStarted) {
  const SessionPtr session = tests::session_of_trace(kChain);
  EXPECT_EQ(text(*session, causal_arrows(*session, span_at(*session, 2, 45))), "1 starts 2 at 20");
  EXPECT_EQ(text(*session, spawn_arrow(*session, session->find_task(3))), "1 starts 3 at 30");
  EXPECT_TRUE(spawn_arrow(*session, session->find_task(1)).empty());
}

}  // namespace
}  // namespace taskscope::viewer
