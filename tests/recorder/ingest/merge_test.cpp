#include "recorder/ingest/merge.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "recorder/ingest/recording_meta.h"
#include "recorder/store/reader.h"
#include "tests/support/random_schedule.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

using store::Span;
using trace_format::TextEvent;
using trace_format::WorkerId;

struct Recorded {
  std::vector<Span> spans;
  std::vector<store::EventRow> events;
  std::vector<store::TaskRow> tasks;
  std::uint64_t misfits = 0;
  std::uint64_t skipped = 0;
};

// How many events of the schedule each read of a ring may reach further than the one before it; 0:
// everything is there at once.
using ReadStep = std::uint32_t;

// Reads the rings of `workers` one after another, again and again, as a recorder would while the
// program runs: each read sees what had happened until then.
Recorded record(const std::vector<TextEvent>& events, std::uint32_t workers, ReadStep step,
                std::uint32_t seed) {
  const tests::TemporaryFolder folder;
  Recorded out;
  {
    auto writer = store::Writer::create(folder.file("a"));
    EXPECT_TRUE(writer);
    SpanBuilder builder(*writer);
    const ClockMap clock;
    Merge merge(builder, clock);
    std::vector<WorkerId> ids;
    for (WorkerId id = 0; id < workers; ++id) ids.push_back(id);
    ids.push_back(trace_format::kNoWorker);
    for (const WorkerId id : ids) merge.add_ring(id);
    std::vector<std::size_t> read(ids.size(), 0);
    std::mt19937 random(seed);
    const auto read_ring = [&](std::size_t ring, std::size_t now) {
      for (std::size_t& i = read[ring]; i < now; ++i) {
        if (events[i].ring != ids[ring]) continue;
        const trace_format::Record one = trace_format::encode(events[i].event);
        merge.append(ring, {&one, 1});
      }
    };
    std::size_t now = step == 0 ? events.size() : 0;
    while (now < events.size()) {
      for (std::size_t ring = 0; ring < ids.size(); ++ring) {
        now = std::min(events.size(), now + random() % step);
        read_ring(ring, now);
      }
      merge.advance();
    }
    for (std::size_t ring = 0; ring < ids.size(); ++ring) read_ring(ring, now);
    merge.drain();
    out.misfits = builder.counts().misfits;
    out.skipped = merge.unknown_records();
    EXPECT_TRUE(complete(builder, *writer, {}));
  }
  const auto reader = store::Reader::open(folder.file("a"));
  EXPECT_TRUE(reader);
  out.spans = tests::all_spans(*reader);
  out.events = tests::all_events(*reader);
  out.tasks = *reader->tasks();
  return out;
}

// The clocks of the rings are off by a constant of up to `ticks`.
std::vector<TextEvent> skew(std::vector<TextEvent> events, std::uint64_t ticks,
                            std::uint32_t seed) {
  std::mt19937 random(seed);
  std::map<WorkerId, std::uint64_t> by;
  for (TextEvent& event : events) {
    const auto [at, added] = by.try_emplace(event.ring, 0);
    if (added) at->second = random() % (ticks + 1);
    event.event.ticks += at->second;
  }
  return events;
}

void expect_states_fill_lives(const Recorded& recorded) {
  std::map<store::TaskId, std::vector<Span>> by_task;
  for (const Span& span : recorded.spans) by_task[span.task_id].push_back(span);
  for (const store::TaskRow& task : recorded.tasks) {
    const auto& spans = by_task[task.id];
    ASSERT_FALSE(spans.empty()) << "task " << task.id;
    EXPECT_EQ(spans.front().start_ns, task.created_ns) << "task " << task.id;
    store::StateTimes sums{};
    for (std::size_t i = 0; i < spans.size(); ++i) {
      sums[static_cast<std::size_t>(spans[i].state)] += spans[i].end_ns - spans[i].start_ns;
      if (i > 0) {
        EXPECT_EQ(spans[i].start_ns, spans[i - 1].end_ns) << "task " << task.id;
      }
    }
    EXPECT_EQ(sums, task.state_ns) << "task " << task.id;
    if (task.ended_ns) {
      EXPECT_EQ(spans.back().end_ns, *task.ended_ns) << "task " << task.id;
    }
    EXPECT_EQ(spans.back().finished, task.ended_ns.has_value()) << "task " << task.id;
  }
}

// What happened, without when.
auto shape(const Span& s) {
  return std::tuple(s.task_id, s.state, s.worker_id, s.reason, s.object_id, s.site_id, s.woken_by,
                    s.finished);
}

class MergeProperty : public testing::TestWithParam<std::uint32_t> {};

TEST_P(MergeProperty, HoweverTheReadsAreCutTheSpansAreTheSame) {
  const std::uint32_t seed = GetParam();
  const std::uint32_t workers = 1 + seed % 5;
  const auto events =
      tests::RandomSchedule({.seed = seed, .workers = workers, .steps = 3000}).events();
  const Recorded whole = record(events, workers, 0, seed);
  EXPECT_EQ(whole.misfits, 0u);
  EXPECT_EQ(whole.events.size(), events.size());
  expect_states_fill_lives(whole);
  for (const ReadStep step : {2u, 7u, 100u}) {
    const Recorded cut = record(events, workers, step, seed);
    EXPECT_EQ(cut.misfits, 0u) << "seed " << seed << " step " << step;
    EXPECT_EQ(cut.spans, whole.spans) << "seed " << seed << " step " << step;
    EXPECT_EQ(cut.events, whole.events) << "seed " << seed << " step " << step;
  }
}

TEST_P(MergeProperty, ClocksThatDisagreeChangeTimesOnly) {
  const std::uint32_t seed = GetParam();
  const std::uint32_t workers = 2 + seed % 4;
  const auto events =
      tests::RandomSchedule({.seed = seed, .workers = workers, .steps = 3000}).events();
  const Recorded straight = record(events, workers, 0, seed);
  const auto skewed_events = skew(events, 40, seed);
  const Recorded skewed = record(skewed_events, workers, 0, seed);
  EXPECT_EQ(skewed.misfits, 0u) << "seed " << seed;
  expect_states_fill_lives(skewed);
  ASSERT_EQ(skewed.spans.size(), straight.spans.size()) << "seed " << seed;
  // Spans of no length may change places, so shapes are compared as sets per task.
  using Shape = decltype(shape(Span()));
  std::multiset<Shape> expected;
  std::multiset<Shape> actual;
  for (const Span& span : straight.spans) expected.insert(shape(span));
  for (const Span& span : skewed.spans) actual.insert(shape(span));
  EXPECT_EQ(actual, expected) << "seed " << seed;
  const Recorded cut = record(skewed_events, workers, 5, seed);
  EXPECT_EQ(cut.misfits, 0u) << "seed " << seed;
  EXPECT_EQ(cut.spans, skewed.spans) << "seed " << seed;
}

INSTANTIATE_TEST_SUITE_P(Seeds, MergeProperty, testing::Range(1u, 25u));

// As many seeds as TASKSCOPE_TEST_SEEDS says, or a few.
std::uint32_t seeds_to_try() {
  const char* text = std::getenv("TASKSCOPE_TEST_SEEDS");
  return text == nullptr ? 20 : static_cast<std::uint32_t>(std::strtoul(text, nullptr, 10));
}

TEST(Merge, RandomLossesNeverStopTheRecording) {
  std::vector<std::uint32_t> seeds{337};  // a `by` is lost, so an exit is taken before its run
  for (std::uint32_t seed = 1; seed <= seeds_to_try(); ++seed) seeds.push_back(seed);
  for (const std::uint32_t seed : seeds) {
    const auto events = tests::RandomSchedule({.seed = seed, .workers = 3, .steps = 3000}).events();
    std::mt19937 random(seed);
    std::vector<TextEvent> left;
    for (const TextEvent& event : events) {
      if (random() % 20 != 0) left.push_back(event);
    }
    const Recorded recorded = record(left, 3, 10, seed);
    // A `by` whose event was lost says nothing.
    EXPECT_EQ(recorded.events.size() + recorded.skipped, left.size()) << "seed " << seed;
    for (std::size_t i = 1; i < recorded.spans.size(); ++i) {
      const Span& a = recorded.spans[i - 1];
      const Span& b = recorded.spans[i];
      if (a.task_id == b.task_id) {
        EXPECT_LE(a.end_ns, b.start_ns) << "seed " << seed << " task " << a.task_id;
      }
    }
  }
}

TEST(Merge, EventsMayBeAsFarApartAsTicksReach) {
  using trace_format::EventKind;
  constexpr std::uint64_t kFar = std::uint64_t{1} << 55;
  const std::vector<TextEvent> events = {
      {0, {.ticks = 5, .id = 1, .kind = EventKind::Spawn}, {}},
      {1, {.ticks = 10, .id = 1, .aux = 1, .kind = EventKind::Run}, {}},
      {1, {.ticks = kFar, .kind = EventKind::Block}, {}},
      {0, {.ticks = kFar + 5, .id = 1, .aux = 2, .kind = EventKind::Ready}, {}},
      {1, {.ticks = kFar + 9, .id = 1, .aux = 3, .kind = EventKind::Run}, {}},
      {1, {.ticks = 2 * kFar - 2, .id = 1, .kind = EventKind::Exit}, {}}};
  const Recorded recorded = record(events, 2, 0, 1);
  EXPECT_EQ(recorded.misfits, 0u);
  ASSERT_EQ(recorded.events.size(), events.size());
  EXPECT_EQ(recorded.tasks.front().ended_ns, static_cast<std::int64_t>(2 * kFar - 2));
}

TEST(Merge, ATextThatIsNeverCompletedIsWaitedForAndThenCounted) {
  const tests::TemporaryFolder folder;
  auto writer = store::Writer::create(folder.file("a"));
  ASSERT_TRUE(writer);
  SpanBuilder builder(*writer);
  const ClockMap clock;
  Merge merge(builder, clock);
  merge.add_ring(0);
  using trace_format::EventKind;
  const trace_format::Record spawn =
      trace_format::encode({.ticks = 5, .id = 1, .kind = EventKind::Spawn});
  const trace_format::Record name =
      trace_format::encode({.ticks = 6, .id = 1, .aux = 40, .kind = EventKind::TaskName});
  merge.append(0, std::vector{spawn, name, trace_format::Record{}});
  for (int i = 0; i < 3; ++i) merge.advance();
  EXPECT_EQ(builder.counts().events, 1u);
  EXPECT_EQ(merge.unknown_records(), 0u);
  merge.drain();
  EXPECT_EQ(builder.counts().events, 1u);
  EXPECT_EQ(merge.unknown_records(), 2u);
}

// A worker takes its next task with a time that it has read before, so that a run may seem to be
// before the end of the recording and its wake-up after it.
TEST(Merge, WhatFollowsFromAnEventAfterTheEndIsAfterTheEnd) {
  using trace_format::EventKind;
  const tests::TemporaryFolder folder;
  auto writer = store::Writer::create(folder.file("a"));
  ASSERT_TRUE(writer);
  SpanBuilder builder(*writer);
  const ClockMap clock;
  Merge merge(builder, clock);
  merge.add_ring(0);
  merge.add_ring(1);
  merge.add_ring(2);
  const auto write = [&](std::size_t ring, std::uint64_t ticks, EventKind kind,
                         std::uint64_t id = 0, std::uint32_t aux = 0) {
    const trace_format::Record record =
        trace_format::encode({.ticks = ticks, .id = id, .aux = aux, .kind = kind});
    merge.append(ring, {&record, 1});
  };
  write(0, 1, EventKind::Spawn, 1);
  write(0, 2, EventKind::Run, 1, 1);
  write(0, 3, EventKind::Spawn, 2);
  write(1, 5, EventKind::Run, 2, 1);
  write(1, 6, EventKind::Block);
  merge.advance();
  // The end is at 35. The wake-up at 40 is after it, so the run is, and who that wakes up.
  write(0, 40, EventKind::Ready, 2, 2);
  write(1, 30, EventKind::Run, 2, 3);
  write(1, 41, EventKind::Ready, 1, 2);
  write(2, 31, EventKind::Run, 1, 3);
  merge.end_at(35);
  merge.advance();
  merge.drain();
  EXPECT_EQ(builder.counts().misfits, 0u);
  EXPECT_EQ(builder.counts().events, 5u);
}

TEST(Merge, RandomRecordsAreSurvived) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const tests::TemporaryFolder folder;
    auto writer = store::Writer::create(folder.file("a"));
    ASSERT_TRUE(writer);
    SpanBuilder builder(*writer);
    const ClockMap clock;
    Merge merge(builder, clock);
    merge.add_ring(0);
    merge.add_ring(1);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 5000; ++i) {
      // Small ids and known kinds, so that tasks meet; now and then anything at all.
      trace_format::Record one{random(), random()};
      if (i % 16 != 0) {
        one = {random() % 100'000 << 8 | random() % 50, (random() % 8) << 40 | random() % 6};
      }
      merge.append(random() % 2, {&one, 1});
      if (i % 100 == 0) merge.advance();
    }
    merge.drain();
    ASSERT_TRUE(complete(builder, *writer, {}));
    const auto reader = store::Reader::open(folder.file("a"));
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_EQ(tests::all_events(*reader).size(), reader->info().events);
    tests::all_spans(*reader);
  }
}

}  // namespace
}  // namespace taskscope::ingest
