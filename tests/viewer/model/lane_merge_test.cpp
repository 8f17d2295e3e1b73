#include "viewer/model/lane_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>

#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/span_builder.h"
#include "tests/support/random_schedule.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"
#include "viewer/model/loader.h"
#include "viewer/model/scheduler_events.h"

namespace taskscope::viewer {
namespace {

// One of the programs of a recording.
struct Program {
  ingest::SpanBuilder builder;
  tests::RandomSchedule schedule;
  std::map<store::WorkerId, std::size_t> rings;

  Program(store::Writer& writer, store::ProgramId id, std::uint32_t seed)
      : builder(ingest::ProgramWriter(writer, id)),
        schedule({.seed = seed, .workers = 4, .steps = 4'000}) {}

  void take(const trace_format::TextEvent& event) {
    const auto [at, fresh] = rings.try_emplace(event.ring, 0);
    if (fresh) at->second = builder.add_ring(event.ring);
    builder.take(at->second, event.event, event.text, static_cast<std::int64_t>(event.event.ticks));
  }
};

// Two programs at the same time, each with many small chunks of four workers and of no worker's,
// cut at random places.
void write_recording(const std::string& path, std::uint32_t seed) {
  auto writer = store::Writer::create(path);
  ASSERT_TRUE(writer);
  Program first(*writer, 1, seed);
  Program second(*writer, 2, seed + 100);
  const std::size_t steps =
      std::min(first.schedule.events().size(), second.schedule.events().size());
  std::uint32_t random = seed;
  for (std::size_t i = 0; i < steps; ++i) {
    for (Program* program : {&first, &second}) {
      program->take(program->schedule.events()[i]);
      random = random * 1'664'525 + 1'013'904'223;
      if (random >> 24 == 0) program->builder.flush_chunks();
    }
  }
  second.builder.finish(0);
  ASSERT_TRUE(ingest::complete(first.builder, *writer, {}));
}

class LaneMergeOf : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, LaneMergeOf, ::testing::Range(1U, 9U));

TEST_P(LaneMergeOf, AllSpansAndEventsComeOnceAndInTheOrderOfTime) {
  const tests::TemporaryFolder folder;
  ASSERT_NO_FATAL_FAILURE(write_recording(folder.file("a"), GetParam()));
  const auto reader = store::Reader::open(folder.file("a"));
  ASSERT_TRUE(reader);
  const auto chunks = reader->chunks();
  ASSERT_TRUE(chunks);
  ASSERT_GT(chunks->size(), 10U);
  constexpr std::array kKinds = {store::EventKind::Steal, store::EventKind::Preempt};
  LaneMerge merge(*reader, kKinds);
  merge.add(*chunks);
  std::vector<store::Span> spans;
  std::vector<store::EventRow> events;
  std::vector<store::Span> batch;
  std::vector<store::EventRow> batch_events;
  for (;;) {
    const auto more = merge.next(batch, batch_events);
    ASSERT_TRUE(more) << more.error().message;
    if (!*more) break;
    spans.insert(spans.end(), batch.begin(), batch.end());
    events.insert(events.end(), batch_events.begin(), batch_events.end());
  }
  EXPECT_EQ(merge.chunks_read(), chunks->size());
  EXPECT_TRUE(std::is_sorted(spans.begin(), spans.end(),
                             [](const auto& a, const auto& b) { return a.end_ns < b.end_ns; }));
  EXPECT_TRUE(std::is_sorted(events.begin(), events.end(),
                             [](const auto& a, const auto& b) { return a.ns < b.ns; }));
  std::vector<store::EventRow> expected = tests::all_events(*reader);
  std::erase_if(expected, [&](const store::EventRow& row) {
    return std::find(kKinds.begin(), kKinds.end(), row.kind) == kKinds.end();
  });
  EXPECT_GT(expected.size(), 0U);
  EXPECT_EQ(events.size(), expected.size());
  // A stable sort by task alone: within a task they came in the order of their starts.
  std::stable_sort(spans.begin(), spans.end(),
                   [](const auto& a, const auto& b) { return a.task_id < b.task_id; });
  EXPECT_EQ(spans, tests::all_spans(*reader));
}

TEST_P(LaneMergeOf, NoSpanOfASoundRecordingIsCut) {
  const tests::TemporaryFolder folder;
  ASSERT_NO_FATAL_FAILURE(write_recording(folder.file("a"), GetParam()));
  SessionLoader loader(folder.file("a"), {});
  const auto state = loader.wait();
  ASSERT_EQ(state.error, "");
  EXPECT_EQ(state.session->cut_spans(), 0U);
  EXPECT_EQ(state.session->skipped_spans(), 0U);
  const auto reader = store::Reader::open(folder.file("a"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(state.session->span_count(), tests::all_spans(*reader).size());
}

TEST(LaneMerge, OfNothingIsNothing) {
  const tests::TemporaryFolder folder;
  auto writer = store::Writer::create(folder.file("a"));
  ASSERT_TRUE(writer);
  ingest::SpanBuilder builder(*writer);
  ASSERT_TRUE(ingest::complete(builder, *writer, {}));
  const auto reader = store::Reader::open(folder.file("a"));
  ASSERT_TRUE(reader);
  LaneMerge merge(*reader, kSessionKinds);
  std::vector<store::Span> spans;
  std::vector<store::EventRow> events;
  const auto more = merge.next(spans, events);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
}

}  // namespace
}  // namespace taskscope::viewer
