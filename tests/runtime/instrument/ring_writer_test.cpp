#include "runtime/instrument/ring_writer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/instrument/ring_memory.h"
#include "runtime/trace_format/text.h"

namespace taskscope::instrument {
namespace {

namespace tf = trace_format;
constexpr std::uint64_t kCapacity = tf::kRingCapacityMin;

// One ring, its writer, and a reader that moves the tail by hand.
class RingWriterTest : public ::testing::Test {
 protected:
  RingWriterTest()
      : memory_(RingMemory::create(3, kCapacity).value()),
        writer_(memory_.header(), memory_.records(), kCapacity) {}

  bool yield_at(std::uint64_t ticks) {
    return writer_.write({.ticks = ticks, .kind = tf::EventKind::Yield}, current_);
  }

  // Reads everything and gives back the room of `release` records.
  std::vector<tf::Event> read(std::uint64_t release) {
    std::vector<tf::Event> events;
    for (std::uint64_t i = tail_; i < memory_.header().head; ++i) {
      events.push_back(tf::decode(memory_.records()[i % kCapacity]));
    }
    tail_ += release;
    memory_.header().tail.store(tail_);
    return events;
  }

  RingMemory memory_;
  RingWriter writer_;
  CurrentTask current_{.id = 7, .seq = 41};
  std::uint64_t tail_ = 0;
};

TEST_F(RingWriterTest, TheHeaderDescribesTheRing) {
  EXPECT_EQ(memory_.header().magic, tf::kRingMagic);
  EXPECT_EQ(memory_.header().worker_id, 3u);
  EXPECT_EQ(memory_.header().capacity, kCapacity);
}

TEST_F(RingWriterTest, ARingHoldsExactlyItsCapacity) {
  for (std::uint64_t i = 0; i < kCapacity; ++i) EXPECT_TRUE(yield_at(i));
  EXPECT_FALSE(yield_at(kCapacity));
  EXPECT_EQ(memory_.header().head, kCapacity);
  EXPECT_EQ(memory_.header().lost, 1u);
}

TEST_F(RingWriterTest, AfterALossTheCountAndTheCurrentTaskComeFirst) {
  for (std::uint64_t i = 0; i < kCapacity + 10; ++i) yield_at(i);
  EXPECT_EQ(writer_.lost(), 10u);
  read(kCapacity);
  EXPECT_TRUE(yield_at(5000));
  const std::vector<tf::Event> events = read(3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0], (tf::Event{.ticks = 5000, .id = 10, .kind = tf::EventKind::Lost}));
  EXPECT_EQ(events[1],
            (tf::Event{.ticks = 5000, .id = 7, .aux = 41, .kind = tf::EventKind::Resume}));
  EXPECT_EQ(events[2].kind, tf::EventKind::Yield);
}

TEST_F(RingWriterTest, ALittleRoomDoesNotEndALoss) {
  for (std::uint64_t i = 0; i < kCapacity + 1; ++i) yield_at(i);
  read(kCapacity / 8 - 1);
  EXPECT_FALSE(yield_at(9000));
  read(1);
  EXPECT_TRUE(yield_at(9001));
  EXPECT_EQ(writer_.lost(), 2u);
}

TEST_F(RingWriterTest, ATextIsPublishedWholeOrNotAtAll) {
  const std::string text(200, 'x');  // 1 + 13 records
  for (std::uint64_t i = 0; i < kCapacity - 13; ++i) yield_at(i);
  const std::uint64_t head = memory_.header().head;
  EXPECT_FALSE(
      writer_.write_text({.ticks = 1, .id = 2, .kind = tf::EventKind::TaskName}, text, current_));
  EXPECT_EQ(memory_.header().head, head);
  EXPECT_EQ(writer_.lost(), 1u);
}

TEST_F(RingWriterTest, EverythingIsEitherWrittenOrCounted) {
  std::uint64_t tried = 0;
  std::uint64_t counted_in_records = 0;
  std::uint64_t seen = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < 137 * (round % 13 + 1); ++i, ++tried) yield_at(tried);
    const std::vector<tf::Event> events = read(memory_.header().head - tail_);
    for (const tf::Event& event : events) {
      if (event.kind == tf::EventKind::Yield) ++seen;
      if (event.kind == tf::EventKind::Lost) counted_in_records += event.id;
    }
  }
  yield_at(tried++);
  for (const tf::Event& event : read(0)) {
    if (event.kind == tf::EventKind::Yield) ++seen;
    if (event.kind == tf::EventKind::Lost) counted_in_records += event.id;
  }
  EXPECT_EQ(seen + counted_in_records, tried);
  EXPECT_EQ(counted_in_records, memory_.header().lost);
  EXPECT_GT(counted_in_records, 0u);
}

TEST_F(RingWriterTest, ATailThatCannotBeIsAFullRing) {
  for (std::uint64_t i = 0; i < kCapacity; ++i) yield_at(i);
  memory_.header().tail.store(kCapacity + 5);
  EXPECT_FALSE(yield_at(1));
  memory_.header().tail.store(~std::uint64_t{0});
  EXPECT_FALSE(yield_at(2));
}

}  // namespace
}  // namespace taskscope::instrument
