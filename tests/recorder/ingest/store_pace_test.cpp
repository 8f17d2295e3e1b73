#include "recorder/ingest/store_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "recorder/ingest/recording_meta.h"
#include "recorder/store/reader.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

constexpr std::int64_t kCommitNs = StorePace::kCommitEveryNs;
constexpr std::int64_t kEndNs = StorePace::kEndChunksEveryNs;

class StorePaceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = store::Writer::create(folder_.file("a"));
    ASSERT_TRUE(made);
    writer_.emplace(std::move(*made));
    builder_.emplace(*writer_);
    for (store::WorkerId w = 0; w < 4; ++w) builder_->add_ring(w);
    ASSERT_EQ(store(0), StorePace::Stored::EndedChunks);
  }
  void add_events(std::size_t ring, int count) {
    for (int i = 0; i < count; ++i) {
      builder_->take(ring, {.id = ++tasks_, .kind = store::EventKind::Spawn}, {}, ++ns_);
    }
  }
  StorePace::Stored store(std::int64_t now_ns) {
    SpanBuilder* const builders[] = {&*builder_};
    const auto stored = pace_.store(now_ns, builders, *writer_);
    EXPECT_TRUE(stored);
    return *stored;
  }
  // As somebody sees them who opens the recording now.
  std::uint64_t visible_events() {
    std::uint64_t events = 0;
    for (const store::ChunkSummary& chunk : visible_chunks()) {
      std::vector<store::EventRow> rows;
      EXPECT_TRUE(store::Reader::open(folder_.file("a"))->read_events(chunk.id, rows));
      EXPECT_EQ(rows.size(), chunk.events);
      events += rows.size();
    }
    return events;
  }
  std::uint64_t events_of(const store::Cut& cut) {
    std::uint64_t events = 0;
    for (const store::ChunkSummary& chunk : visible_chunks()) {
      if (chunk.id > cut.last_chunk) continue;
      const auto part = std::find_if(cut.under_way.begin(), cut.under_way.end(),
                                     [&](const auto& each) { return each.chunk == chunk.id; });
      events += part == cut.under_way.end() ? chunk.events : part->rows;
    }
    return events;
  }
  std::vector<store::ChunkSummary> visible_chunks() {
    return *store::Reader::open(folder_.file("a"))->chunks();
  }

  tests::TemporaryFolder folder_;
  std::optional<store::Writer> writer_;
  std::optional<SpanBuilder> builder_;
  StorePace pace_;
  store::TaskId tasks_ = 0;
  std::int64_t ns_ = 0;
};

TEST_F(StorePaceTest, AReaderSeesAChunkThatIsNotFull) {
  add_events(0, 10);
  EXPECT_EQ(store(kCommitNs - 1), StorePace::Stored::Nothing);
  EXPECT_EQ(visible_events(), 0u);
  EXPECT_EQ(store(kCommitNs), StorePace::Stored::SoFar);
  EXPECT_EQ(visible_events(), 10u);
}

TEST_F(StorePaceTest, AChunkThatHasGrownReplacesItself) {
  for (int i = 1; i <= 5; ++i) {
    add_events(0, 10);
    add_events(1, 1);
    store(i * kCommitNs);
    EXPECT_EQ(visible_events(), 11u * static_cast<unsigned>(i));
    EXPECT_EQ(visible_chunks().size(), 2u);
  }
  add_events(0, static_cast<int>(store::kChunkRowsMax));
  store(6 * kCommitNs);
  EXPECT_EQ(visible_events(), 55u + store::kChunkRowsMax);
  EXPECT_EQ(visible_chunks().size(), 3u);
}

TEST_F(StorePaceTest, AChunkUnderWayEndsWithItsSecond) {
  add_events(0, 10);
  store(kCommitNs);
  const auto first = visible_chunks();
  EXPECT_EQ(store(kEndNs), StorePace::Stored::EndedChunks);
  add_events(0, 5);
  store(kEndNs + kCommitNs);
  ASSERT_EQ(visible_chunks().size(), 2u);
  EXPECT_EQ(visible_chunks().front().events, first.front().events);
  EXPECT_EQ(visible_chunks().back().events, 5u);
}

TEST_F(StorePaceTest, LargeChunksUnderWayAreStoredLessOftenAndThenWhole) {
  constexpr int kRows = store::kChunkRowsMax - 1000;
  for (std::size_t ring = 0; ring < 4; ++ring) add_events(ring, kRows);
  ASSERT_GT(4u * kRows, StorePace::kRowsPerCommit);
  std::uint64_t all = 4u * kRows;
  int behind = 0;
  for (int i = 1; i <= 10; ++i) {
    store(i * kCommitNs);
    behind += visible_events() < all;
    for (std::size_t ring = 0; ring < 4; ++ring) add_events(ring, 1);
    all += 4;
  }
  EXPECT_GE(behind, 2);
  EXPECT_LE(behind, 5);
  store(kEndNs);
  EXPECT_EQ(visible_events(), all);
}

TEST_F(StorePaceTest, ARingThatFillsChunksFastIsNotPackedTwice) {
  add_events(0, 2 * static_cast<int>(store::kChunkRowsMax) + 10);
  add_events(1, 10);
  store(kCommitNs);
  EXPECT_EQ(visible_events(), 2 * store::kChunkRowsMax + 10);
  store(2 * kCommitNs);
  EXPECT_EQ(visible_events(), 2 * store::kChunkRowsMax + 20);
}

// Of a chunk that goes on, of one that is stored no more because it fills fast, of those that
// ended.
TEST_F(StorePaceTest, ACutHasAllThatWasTakenUntilThen) {
  std::uint64_t taken = 0;
  std::size_t cuts = 0;
  std::optional<store::Cut> last;
  for (int i = 1; i <= 60; ++i) {
    const int fast = i % 2 == 0 ? 2 * static_cast<int>(store::kChunkRowsMax) + 7 : 3;
    add_events(0, fast);
    add_events(1, i % 3);
    taken += static_cast<std::uint64_t>(fast + i % 3);
    store(i * kCommitNs);
    const auto cut = store::Reader::open(folder_.file("a"))->cut();
    ASSERT_TRUE(cut);
    if (!*cut || *cut == last) continue;
    last = *cut;
    if (last->until_ns != i * kCommitNs) continue;
    ++cuts;
    EXPECT_EQ(events_of(*last), taken);
  }
  EXPECT_GE(cuts, 5u);
}

TEST_F(StorePaceTest, WhereNothingIsNewThereIsNoNewCutBeforeTheSecondIsOver) {
  add_events(0, 3);
  store(StorePace::kCutEveryNs);
  store(3 * StorePace::kCutEveryNs);
  EXPECT_EQ(store::Reader::open(folder_.file("a"))->cut()->value().until_ns,
            StorePace::kCutEveryNs);
  store(kEndNs);
  EXPECT_EQ(store::Reader::open(folder_.file("a"))->cut()->value().until_ns, kEndNs);
}

TEST_F(StorePaceTest, ARecordingThatIsCompleteHasNoCut) {
  add_events(0, 3);
  store(kEndNs);
  ASSERT_TRUE(complete(*builder_, *writer_, {}));
  EXPECT_EQ(*store::Reader::open(folder_.file("a"))->cut(), std::nullopt);
}

TEST(Cut, IsReadAsItIsWritten) {
  const store::Cut cut{
      .until_ns = 5'000'000'000, .drops = 2, .last_chunk = 17, .under_way = {{15, 4711}, {17, 12}}};
  EXPECT_EQ(store::to_text(cut), "5000000000 2 17 15:4711 17:12");
  EXPECT_EQ(store::parse_cut(store::to_text(cut)), cut);
  EXPECT_EQ(store::parse_cut("0 0 0"), store::Cut{});
  for (const char* text :
       {"", "1", "1 2", "1 2 ", "1 2 3 ", "1 2 3 4", "1 2 3 4:", "1 2 3 4:5x", "-1 2 3", "1 2 -3",
        "1 2 3 4:-5", "1 2 3 4:5000000000", "99999999999999999999 1 1", "a b c"}) {
    EXPECT_EQ(store::parse_cut(text), std::nullopt) << text;
  }
}

TEST_F(StorePaceTest, WhatIsLeftIsThereOnceWhenTheRecordingIsComplete) {
  add_events(0, 10);
  store(kCommitNs);
  add_events(0, 10);
  ASSERT_TRUE(complete(*builder_, *writer_, {}));
  EXPECT_EQ(visible_events(), 20u);
  EXPECT_EQ(store::Reader::open(folder_.file("a"))->info().events, 20u);
}

}  // namespace
}  // namespace taskscope::ingest
