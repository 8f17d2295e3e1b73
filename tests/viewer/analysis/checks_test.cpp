// Each check of a whole recording: speaks where it should, with names and numbers, and is silent
// beside that.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/story.h"
#include "tests/support/temporary_folder.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/report.h"

namespace taskscope::analysis {
namespace {

using tests::Story;

constexpr std::int64_t kUs = 1'000;
constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kSpawnSite = 1;
constexpr int kWaitSite = 2;
constexpr int kOtherSite = 3;

class Checks : public testing::Test {
 protected:
  void SetUp() override {
    story_.site(kSpawnSite, 30, "serve");
    story_.site(kWaitSite, 42, "handle");
    story_.site(kOtherSite, 50, "save");
  }

  // All that is found but the tasks that are left over, which these stories do not care for.
  std::vector<store::FindingRow> find(const FindingLimits& limits = {}) const {
    const tests::TemporaryFolder folder;
    const std::string path = folder.file("a.tscope");
    const Result<void> recorded = ingest::record_text(story_.text(), path);
    EXPECT_TRUE(recorded) << recorded.error().message;
    const auto reader = store::Reader::open(path);
    EXPECT_TRUE(reader) << reader.error().message;
    const auto report = build_report(*reader, {.limits = limits});
    EXPECT_TRUE(report) << report.error().message;
    std::vector<store::FindingRow> found = report->findings;
    std::erase_if(found, [](const store::FindingRow& row) { return row.kind == "leak"; });
    return found;
  }
  std::optional<store::FindingRow> find(std::string_view kind,
                                        const FindingLimits& limits = {}) const {
    const auto found = find(limits);
    const auto at =
        std::find_if(found.begin(), found.end(), [&](const auto& row) { return row.kind == kind; });
    return at == found.end() ? std::nullopt : std::optional(*at);
  }

  static FindingLimits short_windows() {
    FindingLimits limits;
    limits.window = 20 * kMs;
    return limits;
  }

  Story story_;
};

// In each of `seconds`, task 1 runs for 150 ms while task 2 could run.
void tell_of_starvation(Story& story, int seconds) {
  story.spawn(0, 1, 2, kSpawnSite);
  for (int s = 0; s < seconds; ++s) {
    const std::int64_t ns = s * kSecond + kMs;
    story.run(0, ns, 1);
    if (s > 0) story.ready(0, ns + kMs, 2);
    story.block(0, ns + 150 * kMs, 0, "sleep", kWaitSite);
    story.run(0, ns + 150 * kMs + kUs, 2);
    story.block(0, ns + 151 * kMs, 7, "chan recv", kWaitSite);
    story.ready(0, ns + 900 * kMs, 1);
  }
}

TEST_F(Checks, TasksThatCouldRunAndDoNotForThreeSecondsStarve) {
  story_.put(1, 0, "worker-stop");
  tell_of_starvation(story_, 3);
  const auto found = find("starvation");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->tier, "suspected");
  EXPECT_EQ(found->severity, "severe");
  EXPECT_EQ(found->summary,
            "1 task started at server.cpp:30 waited more than 10.0 ms for a worker, 3 times in "
            "all; the longest, task 2, waited 151 ms from 1 ns on.");
  EXPECT_EQ(found->task_id, 2u);
  EXPECT_NE(found->detail.find("All workers were busy"), std::string::npos);
  const auto hog = find("cpu_hog");
  ASSERT_TRUE(hog);
  EXPECT_EQ(hog->task_id, 1u);
  EXPECT_NE(hog->summary.find("ran without a pause for 150 ms from 1.00 ms on, while 1 task "),
            std::string::npos)
      << hog->summary;
}

TEST_F(Checks, StarvingOnceOrTwiceIsSilent) {
  tell_of_starvation(story_, 2);
  EXPECT_FALSE(find("starvation"));
}

TEST_F(Checks, ALongRunThatNobodyMindsIsSilent) {
  story_.run(0, 1, 1);
  story_.block(0, 5 * kSecond, 0, "sleep", kWaitSite);
  EXPECT_TRUE(find().empty());
}

TEST_F(Checks, AWorkerThatSleepsBesideRunnableTasksIsNamed) {
  story_.put(1, 2, "worker-park");
  tell_of_starvation(story_, 4);
  const auto found = find("idle_worker");
  ASSERT_TRUE(found);
  EXPECT_NE(found->summary.find("worker 1 slept 151 ms while task 2 waited"), std::string::npos)
      << found->summary;
}

// In each of four seconds fifty tasks become runnable at once and worker 1 wakes up late.
TEST_F(Checks, AWorkerThatWakesLateHasSleptOnceHoweverManyWaited) {
  constexpr int kTasks = 50;
  for (int t = 2; t < 2 + kTasks; ++t) {
    story_.spawn(0, t, t, kSpawnSite);
    story_.run(1, 1000 * t, t);
    story_.block(1, 1000 * t + 1, 7, "chan recv", kWaitSite);
  }
  story_.run(0, kMs, 1);
  story_.put(1, kMs, "worker-park");
  for (int s = 0; s < 4; ++s) {
    const std::int64_t ns = s * kSecond + 10 * kMs;
    for (int t = 2; t < 2 + kTasks; ++t) story_.ready(0, ns + t, t);
    story_.put(1, ns + 2 * kMs, "worker-unpark");
    for (int t = 2; t < 2 + kTasks; ++t) {
      story_.run(1, ns + 2 * kMs + t * kUs, t);
      story_.block(1, ns + 2 * kMs + t * kUs + 100, 7, "chan recv", kWaitSite);
    }
    story_.put(1, ns + 3 * kMs, "worker-park");
  }
  EXPECT_FALSE(find("idle_worker"));
}

TEST_F(Checks, ACallThatKeepsItsWorkerWhileOthersStarveIsNamed) {
  story_.put(1, 0, "worker-stop");
  story_.spawn(0, 1, 2, kSpawnSite);
  for (int s = 0; s < 3; ++s) {
    const std::int64_t ns = s * kSecond + kMs;
    story_.run(0, ns, 1);
    if (s > 0) story_.ready(0, ns + kMs, 2);
    story_.put(0, ns + 2 * kMs, fmt::format("syscall site={}", kOtherSite));
    story_.put(0, ns + 150 * kMs, "syscall-end");
    story_.block(0, ns + 151 * kMs, 0, "sleep", kWaitSite);
    story_.run(0, ns + 152 * kMs, 2);
    story_.block(0, ns + 153 * kMs, 7, "chan recv", kWaitSite);
    story_.ready(0, ns + 900 * kMs, 1);
  }
  const auto found = find("blocking_call");
  ASSERT_TRUE(found);
  EXPECT_NE(found->summary.find("task 1 kept its worker in a call at server.cpp:50 for 148 ms"),
            std::string::npos)
      << found->summary;
  EXPECT_NE(found->summary.find("while 1 task waited"), std::string::npos) << found->summary;
}

// Ten times a second task 2 holds the lock for `held_ns`, asleep, while task 3 waits for it.
void tell_of_holding(Story& story, std::int64_t held_ns, int times) {
  story.object(7, "mutex", "cache");
  story.name(2, "writer");
  story.spawn(0, 1, 2, kSpawnSite);
  story.spawn(0, 2, 3, kSpawnSite);
  story.run(0, 3, 1);
  story.block(0, 4, 0, "chan recv (nil chan)", kSpawnSite);
  for (int i = 0; i < times; ++i) {
    const std::int64_t ns = i * 100 * kMs + kUs;
    if (i > 0) story.ready(0, ns, 2);
    story.run(0, ns + kUs, 2);
    story.block(0, ns + 2 * kUs, 0, "sleep", kOtherSite);
    if (i > 0) story.ready(0, ns + 3 * kUs, 3);
    story.run(0, ns + 4 * kUs, 3);
    story.block(0, ns + 5 * kUs, 7, "mutex", kWaitSite);
    story.ready(0, ns + held_ns, 2);
    story.run(0, ns + held_ns + kUs, 2);
    story.ready(0, ns + held_ns + 2 * kUs, 3);
    story.block(0, ns + held_ns + 3 * kUs, 0, "sleep", kSpawnSite);
    story.run(0, ns + held_ns + 4 * kUs, 3);
    story.block(0, ns + held_ns + 5 * kUs, 0, "sleep", kSpawnSite);
  }
}

TEST_F(Checks, WhoWaitsWithALockInItsHandsIsNamedWithThePlaceOfItsWait) {
  tell_of_holding(story_, 20 * kMs, 2);
  const auto found = find("long_hold");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->severity, "warning");
  EXPECT_EQ(found->task_id, 2u);
  EXPECT_NE(found->summary.find("task 2 \"writer\", started at server.cpp:30, held mutex \"cache\" "
                                "for 20.0 ms while task 3 waited for it at server.cpp:42"),
            std::string::npos)
      << found->summary;
  EXPECT_NE(found->detail.find("the holder waited itself, in sleep at server.cpp:50"),
            std::string::npos)
      << found->detail;
}

TEST_F(Checks, ShortHoldsAreSilentHoweverIdleTheProgramIs) {
  tell_of_holding(story_, 2 * kMs, 60);  // 2 % of six seconds, and nearly all that happens
  EXPECT_TRUE(find().empty());
}

TEST_F(Checks, ALongHoldThatHappensOnceInALongTimeIsSilent) {
  tell_of_holding(story_, 20 * kMs, 2);
  story_.put(0, 10 * kSecond, "timer-fire count=1");
  EXPECT_FALSE(find("long_hold"));
}

// A thousand times task 2 is woken for `object`, runs for `run_ns` and waits for it again.
void tell_of_vain_wakeups(Story& story, std::string_view kind, std::int64_t run_ns) {
  story.object(7, kind, "work");
  story.spawn(0, 1, 2, kSpawnSite);
  story.run(1, 2, 2);
  story.block(1, 3, 7, kind, kWaitSite);
  story.run(0, 4, 1);
  for (int i = 0; i < 1'100; ++i) {
    const std::int64_t ns = kMs + i * kMs;
    story.ready(0, ns, 2);
    story.run(1, ns + 2 * kUs, 2);
    story.block(1, ns + 2 * kUs + run_ns, 7, kind, kWaitSite);
  }
}

TEST_F(Checks, ALockThatWakesInVainIsNamed) {
  tell_of_vain_wakeups(story_, "mutex", 500);
  const auto found = find("futile_wakeups");
  ASSERT_TRUE(found);
  EXPECT_NE(found->summary.find("mutex \"work\" woke 1,100 tasks, and 100 % of these waited for it "
                                "again at once"),
            std::string::npos)
      << found->summary;
}

TEST_F(Checks, WhoDoesSomethingBetweenTwoWaitsWasNotWokenInVain) {
  tell_of_vain_wakeups(story_, "mutex", 10 * kUs);
  EXPECT_FALSE(find("futile_wakeups"));
}

TEST_F(Checks, AConditionWhoseTaskHasLittleToDoEachTimeIsSilent) {
  tell_of_vain_wakeups(story_, "cond", 500);
  EXPECT_FALSE(find("futile_wakeups"));
  EXPECT_FALSE(find("thundering_herd"));
}

TEST_F(Checks, ALockThatTakesAShareOfTheTimeIsHot) {
  tell_of_holding(story_, 8 * kMs, 40);
  const auto found = find("hot_lock");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->severity, "severe");
  EXPECT_EQ(found->object_id, 7u);
  EXPECT_NE(found->summary.find("Tasks waited for mutex \"cache\" 320 ms in 40 waits"),
            std::string::npos)
      << found->summary;
}

TEST_F(Checks, ALockWithAQueueIsAConvoy) {
  story_.object(7, "mutex", "cache");
  // Eight tasks, of which seven always wait.
  constexpr int kTasks = 8;
  for (int t = 2; t < 2 + kTasks; ++t) {
    story_.spawn(0, t, t, kSpawnSite);
    story_.run(0, 1000 * t, t);
    story_.block(0, 1000 * t + 1, 7, "mutex", kWaitSite);
  }
  std::int64_t ns = kMs;
  for (int i = 0; ns < 3500 * kMs; ++i, ns += kMs) {
    const int task = 2 + i % kTasks;
    story_.ready(0, ns, task);
    story_.run(0, ns + kUs, task);
    story_.block(0, ns + 900 * kUs, 7, "mutex", kWaitSite);
  }
  const auto found = find("lock_convoy");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->severity, "warning");
  EXPECT_NE(found->summary.find("mutex \"cache\" had a queue"), std::string::npos);
}

TEST_F(Checks, AHolderThatWaitsForAWorkerIsAnInversion) {
  story_.object(7, "mutex", "cache");
  story_.spawn(0, 1, 2, kSpawnSite);
  story_.spawn(0, 2, 3, kSpawnSite);
  story_.run(0, 3, 2);
  story_.put(0, 4, "yield");
  story_.run(0, 5, 3);
  story_.block(0, 6, 7, "mutex", kWaitSite);
  story_.run(0, 7, 1);
  story_.block(0, 8 * kMs, 0, "sleep", kSpawnSite);
  story_.run(0, 8 * kMs + 1, 2);
  story_.ready(0, 8 * kMs + 2, 3);
  story_.put(0, 8 * kMs + 3, "exit task=2");
  const auto found = find("priority_inversion");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->task_id, 2u);
  EXPECT_NE(found->detail.find("For 8.00 ms of this the holder itself waited for a worker"),
            std::string::npos)
      << found->detail;
}

// `count` times two tasks hand something over a channel: tasks 2 and 3 over channel 7, two others
// over another. Begins at `ns` and moves that on.
void tell_of_ping_pong(Story& story, int count, int channel, std::int64_t& ns) {
  const int one = 2 + 2 * (channel - 7);
  const int other = one + 1;
  story.spawn(0, ns++, one, kSpawnSite);
  story.spawn(0, ns++, other, kSpawnSite);
  story.run(0, ns++, one);
  story.block(0, ns++, channel, "chan recv", kWaitSite);
  story.run(0, ns++, other);
  for (int i = 0; i < count; ++i, ns += 10 * kUs) {
    const int next = i % 2 == 0 ? one : other;
    story.ready(0, ns, next);
    story.block(0, ns + 100, channel, "chan recv", kWaitSite);
    story.run(0, ns + 200, next);
  }
  story.block(0, ns++, channel, "chan recv", kWaitSite);
}
void tell_of_ping_pong(Story& story, int count) {
  std::int64_t ns = 1;
  tell_of_ping_pong(story, count, 7, ns);
}

TEST_F(Checks, ValuesHandedToAndFroAreAPingPong) {
  story_.object(7, "channel", "ball");
  tell_of_ping_pong(story_, 10'000);
  FindingLimits limits = short_windows();
  EXPECT_FALSE(find("ping_pong", limits)) << "tasks ran for 10 us in between";
  limits.ping_pong_slice = 11 * kUs;
  const auto found = find("ping_pong", limits);
  ASSERT_TRUE(found);
  EXPECT_NE(
      found->summary.find("The unbuffered channel \"ball\" made tasks wait 10,002 times, up to "
                          "100,000 times a second"),
      std::string::npos)
      << found->summary;
}

TEST_F(Checks, ObjectsMadeAtOnePlaceAreOneFinding) {
  for (int channel = 7; channel < 10; ++channel) {
    story_.put(0, 0, fmt::format("object object={} kind=channel site=0", channel));
  }
  std::int64_t ns = 10;
  for (int channel = 7; channel < 10; ++channel) {
    tell_of_ping_pong(story_, 8'000 + 1'000 * channel, channel, ns);
  }
  FindingLimits limits = short_windows();
  limits.ping_pong_slice = 11 * kUs;
  const auto found = find("ping_pong", limits);
  ASSERT_TRUE(found);
  const auto all = find(limits);
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const auto& row) { return row.kind == "ping_pong"; }),
            1);
  EXPECT_EQ(found->object_id, 9u) << "the worst speaks for all";
  EXPECT_NE(found->detail.find("The same holds for 2 more channels made at unknown places."),
            std::string::npos)
      << found->detail;
}

TEST_F(Checks, ABufferedChannelIsNoPingPong) {
  story_.object(7, "channel", "ball");
  story_.put(0, 0, "capacity object=7 count=16");
  tell_of_ping_pong(story_, 10'000);
  FindingLimits limits = short_windows();
  limits.ping_pong_slice = 11 * kUs;
  EXPECT_FALSE(find("ping_pong", limits));
}

TEST_F(Checks, TasksThatHardlyLiveAreASpawnExplosion) {
  story_.run(0, 1, 1);
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t ns = 10 + i * 10 * kUs;
    story_.spawn(0, ns, 2 + i, kSpawnSite);
    story_.run(1, ns + kUs, 2 + i);
    story_.put(1, ns + 2 * kUs, fmt::format("exit task={}", 2 + i));
  }
  const auto found = find("spawn_explosion", short_windows());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->count, 10'000u);
  EXPECT_NE(found->summary.find("10,000 tasks were started at server.cpp:30, up to 100,000 a "
                                "second, and half of them took less than 1.02 µs each"),
            std::string::npos)
      << found->summary;
}

TEST_F(Checks, TimersThatFireTogetherOrTooOftenAreAStorm) {
  for (int i = 0; i < 3; ++i) story_.put(0, i * kMs, "timer-fire count=1500");
  const auto burst = find("timer_storm");
  ASSERT_TRUE(burst);
  EXPECT_NE(burst->summary.find("3 times more than 1,000 timers fired at one moment"),
            std::string::npos);
  for (int i = 0; i < 20'000; ++i) story_.put(0, 10 + i * 5 * kUs, "timer-fire count=1");
  FindingLimits limits = short_windows();
  limits.timer_burst = 10'000;
  const auto often = find("timer_storm", limits);
  ASSERT_TRUE(often);
  EXPECT_NE(often->summary.find("a second"), std::string::npos) << often->summary;
}

TEST_F(Checks, ATaskThatYieldsWithoutEndWaitsBusily) {
  story_.spawn(0, 1, 2, kSpawnSite);
  for (int i = 0; i < 10'000; ++i) {
    story_.run(0, 10 + i * 10 * kUs, 2);
    story_.put(0, 10 + i * 10 * kUs + 5 * kUs, "yield");
  }
  const auto found = find("busy_wait", short_windows());
  ASSERT_TRUE(found);
  EXPECT_EQ(found->task_id, 2u);
  EXPECT_NE(found->summary.find("yielded 10,000 times"), std::string::npos) << found->summary;
}

TEST_F(Checks, WorkersThatLookForWorkAndFindNoneAreAStorm) {
  for (int i = 0; i < 10'000; ++i) {
    story_.put(1, 10 + i * 10 * kUs, "worker-spin");
    story_.put(1, 10 + i * 10 * kUs + 5 * kUs, "worker-park");
    story_.put(1, 10 + i * 10 * kUs + 6 * kUs, "worker-unpark");
  }
  const auto found = find("steal_storm", short_windows());
  ASSERT_TRUE(found);
  EXPECT_NE(found->summary.find("found some in 0.0 %"), std::string::npos) << found->summary;
}

TEST_F(Checks, WorkersThatLookForWorkAndFindSomeAreNoStorm) {
  for (int i = 0; i < 10'000; ++i) {
    story_.put(1, 10 + i * 10 * kUs, "worker-spin");  // and what it finds it does not steal
    if (i % 5 != 0) continue;
    story_.put(1, 10 + i * 10 * kUs + 5 * kUs, "worker-park");
    story_.put(1, 10 + i * 10 * kUs + 6 * kUs, "worker-unpark");
  }
  EXPECT_FALSE(find("steal_storm", short_windows()));
}

TEST_F(Checks, AConditionThatWakesAllForOneIsAHerd) {
  story_.object(7, "cond", "work");
  constexpr int kTasks = 10;
  for (int t = 2; t < 2 + kTasks; ++t) {
    story_.spawn(0, t, t, kSpawnSite);
    story_.run(1, 1000 * t, t);
    story_.block(1, 1000 * t + 1, 7, "cond", kWaitSite);
  }
  story_.run(0, 20 * kUs, 1);
  for (int round = 0; round < 200; ++round) {
    const std::int64_t ns = kMs + round * kMs;
    for (int t = 0; t < kTasks; ++t) story_.ready(0, ns + t * 100, 2 + t);
    for (int t = 0; t < kTasks; ++t) {
      story_.run(1, ns + 10 * kUs + t * kUs / 2, 2 + t);
      story_.block(1, ns + 10 * kUs + t * kUs / 2 + 100, 7, "cond", kWaitSite);
    }
  }
  const auto found = find("thundering_herd");
  ASSERT_TRUE(found);
  EXPECT_NE(found->summary.find("cond \"work\" woke 2,000 tasks, up to 10 of them at once"),
            std::string::npos)
      << found->summary;
}

TEST_F(Checks, AShortProgramHasNoRates) {
  story_.object(7, "channel", "ball");
  tell_of_ping_pong(story_, 10'000);  // 0.4 s
  EXPECT_FALSE(find("ping_pong"));
}

TEST_F(Checks, EveryKindThatIsFoundIsInTheTable) {
  const auto kinds = finding_kinds();
  tell_of_starvation(story_, 4);
  for (const store::FindingRow& row : find()) {
    EXPECT_TRUE(std::any_of(kinds.begin(), kinds.end(), [&](const FindingKind& kind) {
      return kind.kind == row.kind;
    })) << row.kind;
  }
}

TEST_F(Checks, TheLookCanBeEndedBeforeItIsComplete) {
  tell_of_starvation(story_, 3);
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("a.tscope");
  ASSERT_TRUE(ingest::record_text(story_.text(), path));
  const auto reader = store::Reader::open(path);
  ASSERT_TRUE(reader);
  const auto report = build_report(*reader, {.on_progress = [](double) { return false; }});
  ASSERT_FALSE(report);
  EXPECT_NE(report.error().message.find("ended before it was complete"), std::string::npos);
}

}  // namespace
}  // namespace taskscope::analysis
