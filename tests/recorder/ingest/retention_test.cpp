#include "recorder/ingest/retention.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "recorder/store/reader.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

// Writes chunks of 1,000 rows that do not compress, one per `step_ns`.
class RetentionTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = store::Writer::create(folder_.file("a"));
    ASSERT_TRUE(made);
    writer_.emplace(std::move(*made));
  }
  void add_chunk(std::int64_t start_ns) {
    for (int i = 0; i < 1000; ++i) {
      encoder_.add({.ns = start_ns + i,
                    .task_id = random_() & trace_format::kIdMask,
                    .kind = store::EventKind::Spawn});
    }
    writer_->put_chunk(0, encoder_.pack(compressor_), 1, 0);
    writer_->put_task({.id = static_cast<store::TaskId>(start_ns) + 1,
                       .created_ns = start_ns,
                       .ended_ns = start_ns + 999,
                       .state = store::TaskState::Done},
                      store::Totals::Known);
    writer_->add_log({.ns = start_ns, .message = "a line"}, 1);
    ASSERT_TRUE(writer_->commit());
  }
  std::vector<store::ChunkSummary> chunks() {
    return *store::Reader::open(folder_.file("a"))->chunks();
  }

  tests::TemporaryFolder folder_;
  std::optional<store::Writer> writer_;
  store::ChunkCompressor compressor_;
  store::ChunkEncoder encoder_;
  std::mt19937_64 random_{5};
};

TEST_F(RetentionTest, NothingIsDroppedUnlessAsked) {
  Retention retention(*writer_, {});
  for (int i = 0; i < 5; ++i) add_chunk(i * 10'000);
  EXPECT_FALSE(retention.enabled());
  EXPECT_TRUE(retention.apply(1'000'000'000));
  EXPECT_EQ(chunks().size(), 5u);
}

TEST_F(RetentionTest, WhatEndedBeforeTheKeptTimeGoes) {
  Retention retention(*writer_, {.keep_ns = 25'000});
  for (int i = 0; i < 10; ++i) add_chunk(i * 10'000);
  ASSERT_TRUE(retention.apply(95'000));
  // The chunk from 70,000 to 70,999 is the oldest that reaches into the last 25,000.
  ASSERT_EQ(chunks().size(), 3u);
  EXPECT_EQ(chunks().front().start_ns, 70'000);
  EXPECT_EQ(retention.dropped().events, 7000u);
  EXPECT_EQ(retention.dropped().tasks, 7u);
  const auto reader = store::Reader::open(folder_.file("a"));
  EXPECT_EQ(reader->tasks()->size(), 3u);
  EXPECT_EQ(reader->logs({})->size(), 3u);
  EXPECT_EQ(reader->info().kept_from_ns, 70'000);
  EXPECT_EQ(reader->info().dropped_events, 7000u);
  ASSERT_TRUE(retention.apply(95'000));
  EXPECT_EQ(retention.dropped().events, 7000u);
}

// Its end closes a span as long as the recording; that keeps no task that nothing else speaks of.
TEST_F(RetentionTest, AChunkWhoseSpansReachFarBackKeepsNoTasksOfThatTime) {
  Retention retention(*writer_, {.keep_ns = 25'000});
  for (int i = 0; i < 9; ++i) add_chunk(i * 10'000);
  encoder_.add({.ns = 90'000, .span_ns = 90'000, .task_id = 7, .kind = store::EventKind::Exit});
  writer_->put_chunk(0, encoder_.pack(compressor_), 1, 0);
  ASSERT_TRUE(retention.apply(95'000));
  ASSERT_EQ(chunks().size(), 3u);
  // The last chunk's events are after 60,999, where the last ended that has gone, and so did a
  // task.
  EXPECT_EQ(retention.dropped().tasks, 6u);
  EXPECT_EQ(store::Reader::open(folder_.file("a"))->tasks()->size(), 3u);
}

TEST_F(RetentionTest, LabelsStayAsLongAsATaskHasThemOrAnEventMaySpeakOfThem) {
  Retention retention(*writer_, {.keep_ns = 25'000});
  for (store::LabelSetId id = 1; id <= 4; ++id) writer_->put_label({id, "key", "value"});
  writer_->put_task({.id = 7, .label_set_id = 2}, store::Totals::Known);
  writer_->end_label_sets(1, 4, 60'000);
  writer_->end_label_sets(4, 5, 80'000);
  for (int i = 0; i < 10; ++i) add_chunk(i * 10'000);
  ASSERT_TRUE(retention.apply(95'000));
  const auto labels = store::Reader::open(folder_.file("a"))->labels();
  ASSERT_TRUE(labels);
  ASSERT_EQ(labels->size(), 2u);
  EXPECT_EQ((*labels)[0].set_id, 2u);
  EXPECT_EQ((*labels)[1].set_id, 4u);
}

class StacksOfSamples : public RetentionTest {
 protected:
  void add_stack(store::StackId id, store::StackKind kind) {
    writer_->put_stack({.id = id, .kind = kind, .addresses = "1"});
    const store::SiteId site = writer_->add_frame_site({.id = 0, .function = "f"}, 1);
    writer_->put_frame({.stack_id = id, .site_id = site});
  }
  // One of a wait, and of samples one that stays and so many whose samples go.
  void record(store::StackId old) {
    add_stack(1, store::StackKind::Call);
    for (store::StackId id = 2; id < 3 + old; ++id) {
      add_stack(id, store::StackKind::Sample);
      writer_->add_sample({.ns = 5'000, .stack_id = id}, 1);
    }
    writer_->add_sample({.ns = 90'000, .stack_id = 2}, 1);
    writer_->add_sample({.ns = 90'000, .stack_id = 0}, 1);
    for (int i = 0; i < 10; ++i) add_chunk(i * 10'000);
    Retention retention(*writer_, {.keep_ns = 25'000});
    ASSERT_TRUE(retention.apply(95'000));
    EXPECT_EQ(retention.dropped().rows_from_ns, 70'000);
  }
  // Stacks, stacks that have frames, places of these, samples.
  std::vector<std::string> what_is_there() {
    const auto reader = store::Reader::open(folder_.file("a"));
    EXPECT_TRUE(reader) << reader.error().message;
    store::Reader::QueryError error;
    std::vector<std::string> found;
    EXPECT_TRUE(reader->query(
        "SELECT (SELECT group_concat(id) FROM stack), (SELECT group_concat(stack_id) FROM frame),"
        " (SELECT count(*) FROM site), (SELECT count(*) FROM sample)",
        {},
        [&](const auto&, const std::vector<const char*>& values) {
          found.assign(values.begin(), values.end());
          return true;
        },
        error))
        << error.message;
    return found;
  }
};

TEST_F(StacksOfSamples, GoWithTheLastOfTheseAndThoseOfWaitsStay) {
  record(2'000);
  EXPECT_EQ(what_is_there(), (std::vector<std::string>{"1,2", "1,2", "2", "2"}));
}

TEST_F(StacksOfSamples, AreLookedForAtTheEndIfTheyWereFew) {
  record(2);
  EXPECT_EQ(what_is_there(), (std::vector<std::string>{"1,2,3,4", "1,2,3,4", "4", "2"}));
  ASSERT_TRUE(writer_->finish());
  EXPECT_EQ(what_is_there(), (std::vector<std::string>{"1,2", "1,2", "2", "2"}));
}

TEST_F(RetentionTest, TheSizeStaysBelowItsLimitForEver) {
  constexpr std::uint64_t kLimit = 1'000'000;
  Retention retention(*writer_, {.max_bytes = kLimit});
  std::uint64_t most = 0;
  for (int i = 0; i < 800; ++i) {
    add_chunk(i * 10'000);
    ASSERT_TRUE(retention.apply(i * 10'000));
    most = std::max(most, writer_->used_bytes());
  }
  EXPECT_GT(most, kLimit / 2);
  EXPECT_LE(most, kLimit);
  EXPECT_EQ(chunks().back().start_ns, 7'990'000);
  EXPECT_EQ(retention.dropped().events + 1000 * chunks().size(), 800'000u);
  ASSERT_TRUE(writer_->finish());
  const auto reader = store::Reader::open(folder_.file("a"));
  EXPECT_LE(reader->info().bytes, kLimit + kLimit / 10);
}

}  // namespace
}  // namespace taskscope::ingest
