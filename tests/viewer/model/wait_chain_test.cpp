#include "viewer/model/wait_chain.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/story.h"
#include "tests/support/trace_session.h"

namespace taskscope::viewer {
namespace {

std::string text(const TraceSession& session, const WaitChain& chain) {
  std::string out;
  const auto number = [&](TaskIndex task) {
    return task == kNoTask ? std::string("?")
                           : fmt::format("{}", store::own_id(session.tasks()[task].row.id));
  };
  for (const WaitLink& link : chain.links) {
    out += fmt::format("{} for {} {} {}; ", number(link.task), link.what, to_text(link.kind),
                       number(link.holder));
  }
  if (chain.cycle) out += fmt::format("cycle to {}", number(chain.links[*chain.cycle].task));
  return out + chain.end;
}

std::string chain_of(const SessionPtr& session, store::TaskId id, std::int64_t ns,
                     const FindingList& findings = FindingList()) {
  const Task& task = session->tasks()[session->find_task(id)];
  const auto at = static_cast<SpanIndex>(task.track.span_at(ns));
  return text(*session, wait_chain(*session, findings, task.first_span + at, false));
}

// Task 2 has the mutex and sleeps; 3 waits for the mutex; 4 waits for what 3 sends.
tests::Story story_of_three() {
  tests::Story story;
  story.object(7, "channel", "jobs");
  story.object(8, "mutex", "cache");
  for (int task = 2; task <= 4; ++task) story.spawn(0, task, task, 1);
  story.run(0, 10, 2);
  story.block(0, 20, 0, "sleep", 1);
  story.run(0, 30, 3);
  story.block(0, 40, 8, "mutex", 1);
  story.run(0, 50, 4);
  story.block(0, 60, 7, "chan recv", 1);
  return story;
}

TEST(WaitChain, LeadsFromAWaitThatIsOverToWhatItsEnderDid) {
  tests::Story story = story_of_three();
  story.ready(1, 1'000, 2);
  story.run(1, 1'010, 2);
  story.ready(1, 1'020, 3);
  story.put(1, 1'030, "exit task=2");
  story.run(1, 1'040, 3);
  story.ready(1, 1'050, 4);
  story.put(1, 1'060, "exit task=3");
  story.run(1, 1'070, 4);
  story.put(1, 1'080, "exit task=4");
  const SessionPtr session = tests::session_of_trace(story.text());
  EXPECT_EQ(chain_of(session, 4, 100),
            "4 for channel jobs ended by 3; 3 for mutex cache ended by 2; "
            "which was asleep for 960 ns of it");
  EXPECT_EQ(chain_of(session, 2, 100), "") << "who sleeps waits for nobody";
}

TEST(WaitChain, OfALockThatNobodyWasSeenToTakeEndsThere) {
  const SessionPtr session = tests::session_of_trace(story_of_three().text());
  EXPECT_EQ(chain_of(session, 3, 50),
            "3 for mutex cache  ?; who has it is not known: a free lock is taken unseen");
}

TEST(WaitChain, OfALockThatWasWaitedForBeforeLeadsToWhoGotItThen) {
  tests::Story story = story_of_three();
  story.ready(1, 100, 3);  // 3 has the mutex now
  story.run(1, 110, 3);
  story.block(1, 120, 0, "sleep", 1);
  story.spawn(1, 130, 5, 1);
  story.run(1, 140, 5);
  story.block(1, 150, 8, "mutex", 1);
  story.put(1, 500, "worker-park");
  const SessionPtr session = tests::session_of_trace(story.text());
  EXPECT_EQ(chain_of(session, 5, 200), "5 for mutex cache had last by 3; which is asleep");
}

TEST(WaitChain, ThatBitesItsTailIsACycle) {
  tests::Story story;
  story.object(7, "mutex", "a");
  story.object(8, "mutex", "b");
  for (int task = 2; task <= 3; ++task) story.spawn(0, task, task, 1);
  story.run(0, 10, 2);
  story.block(0, 20, 7, "mutex", 1);
  story.run(0, 30, 3);
  story.block(0, 40, 8, "mutex", 1);
  story.put(0, 99, "worker-park");
  const SessionPtr session = tests::session_of_trace(story.text());
  store::FindingRow proof;
  proof.kind = "deadlock";
  proof.holders = {{2, 3}, {3, 2}};
  const FindingList findings(*session, {proof}, false);
  EXPECT_EQ(chain_of(session, 2, 50, findings),
            "2 for mutex a had by 3; 3 for mutex b had by 2; cycle to 2");
}

TEST(WaitChain, ThatIsTooLongToBeShownSaysThatItGoesOn) {
  constexpr int kTasks = 20;
  tests::Story story;
  for (int task = 2; task < 2 + kTasks; ++task) {
    story.object(100 + task, "mutex", fmt::format("of_{}", task));
    story.spawn(0, task, task, 1);
  }
  store::FindingRow proof;
  proof.kind = "leak";
  for (int task = 2; task < 2 + kTasks; ++task) {
    story.run(0, 10 * task + 20, task);
    story.block(0, 10 * task + 25, 100 + task, "mutex", 1);
    proof.holders.push_back(
        {static_cast<store::TaskId>(task), static_cast<store::TaskId>(task + 1)});
  }
  story.put(0, 999, "worker-park");
  const SessionPtr session = tests::session_of_trace(story.text());
  const std::string chain = chain_of(session, 2, 900, FindingList(*session, {proof}, false));
  EXPECT_TRUE(chain.ends_with("13 for mutex of_13 had by 14; and so on")) << chain;
}

TEST(WaitChain, OfWhoWaitsForItsTasksLeadsToOneThatWaits) {
  tests::Story story;
  story.object(7, "wait_group", "all");
  story.object(8, "channel", "jobs");
  story.run(0, 5, 1);
  for (int task = 2; task <= 3; ++task) story.spawn(0, 6 + task, task, 1);
  story.block(0, 20, 7, "wait_group", 1);
  story.run(0, 30, 2);
  story.run(1, 40, 3);
  story.block(1, 50, 8, "chan send", 1);
  const SessionPtr session = tests::session_of_trace(story.text());
  EXPECT_EQ(chain_of(session, 1, 25),
            "1 for wait_group all its task 3; 3 for channel jobs  ?; "
            "nobody is known who would end it");
}

}  // namespace
}  // namespace taskscope::viewer
