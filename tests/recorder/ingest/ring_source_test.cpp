#include "recorder/ingest/ring_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <string>
#include <vector>

namespace taskscope::ingest {
namespace {

using trace_format::Record;
using trace_format::RingHeader;
using trace_format::RingOffer;

constexpr std::uint64_t kCapacity = 1024;

// The program's side of a ring, which may lie.
class RingSourceTest : public testing::Test {
 protected:
  explicit RingSourceTest(int seals = F_SEAL_SHRINK) {
    bytes_ = trace_format::ring_bytes(kCapacity);
    memory_.reset(memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(ftruncate(memory_.get(), static_cast<off_t>(bytes_)), 0);
    if (seals != 0) {
      EXPECT_EQ(fcntl(memory_.get(), F_ADD_SEALS, seals), 0);
    }
    mapped_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    header_ = new (mapped_) RingHeader;
    header_->capacity = kCapacity;
    header_->worker_id = 3;
    offer_.worker_id = 3;
    offer_.capacity = kCapacity;
  }
  ~RingSourceTest() override { munmap(mapped_, bytes_); }

  void write(std::uint64_t from, std::uint64_t to) {
    auto* records =
        reinterpret_cast<Record*>(static_cast<char*>(mapped_) + trace_format::kRingHeaderBytes);
    for (std::uint64_t i = from; i < to; ++i) records[i % kCapacity] = {i, ~i};
    header_->head.store(to, std::memory_order_release);
  }
  std::string refusal() const {
    const auto ring = RingSource::map(memory_, offer_);
    return ring ? "mapped" : ring.error().message;
  }
  Result<std::size_t> drain(RingSource& ring) {
    return ring.drain([this](std::size_t count) {
      const std::size_t size = read_.size();
      read_.resize(size + count);
      return std::span(read_).subspan(size);
    });
  }

  base::UniqueFd memory_;
  std::size_t bytes_ = 0;
  void* mapped_ = nullptr;
  RingHeader* header_ = nullptr;
  RingOffer offer_;
  std::vector<Record> read_;
};

class UnsealedRing : public RingSourceTest {
 protected:
  UnsealedRing() : RingSourceTest(0) {}
};

TEST_F(RingSourceTest, RecordsComeInOrderAcrossTheWrap) {
  auto ring = RingSource::map(memory_, offer_);
  ASSERT_TRUE(ring) << ring.error().message;
  EXPECT_EQ(*drain(*ring), 0u);
  std::uint64_t written = 0;
  for (const std::uint64_t count : {700u, 1024u, 1u, 1000u}) {
    write(written, written + count);
    written += count;
    EXPECT_EQ(*drain(*ring), count);
    EXPECT_EQ(header_->tail.load(), written);
  }
  ASSERT_EQ(read_.size(), written);
  for (std::uint64_t i = 0; i < written; ++i) EXPECT_EQ(read_[i], (Record{i, ~i}));
}

TEST_F(RingSourceTest, AHeadBeyondTheRingGivesItUp) {
  auto ring = RingSource::map(memory_, offer_);
  write(0, 10);
  ASSERT_TRUE(drain(*ring));
  header_->head.store(10 + kCapacity + 1);
  const auto drained = drain(*ring);
  ASSERT_FALSE(drained);
  EXPECT_EQ(drained.error().message,
            "The ring of worker 3 was given up: its position is impossible, so its memory is "
            "damaged.");
  EXPECT_EQ(read_.size(), 10u);
}

TEST_F(RingSourceTest, AHeadThatMovesBackwardsGivesItUp) {
  auto ring = RingSource::map(memory_, offer_);
  write(0, 10);
  ASSERT_TRUE(drain(*ring));
  header_->head.store(9);
  EXPECT_FALSE(drain(*ring));
}

TEST_F(RingSourceTest, WhatTheRingSaysAfterItWasMappedIsNotBelieved) {
  auto ring = RingSource::map(memory_, offer_);
  header_->capacity = std::uint64_t{1} << 40;
  header_->tail.store(777);
  write(0, kCapacity);
  EXPECT_EQ(*drain(*ring), kCapacity);
  header_->head.store(kCapacity * 2 + 1);
  EXPECT_FALSE(drain(*ring));
}

TEST_F(RingSourceTest, CapacitiesThatAreNotAllowedAreRefused) {
  for (const std::uint64_t capacity :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1025},
        std::uint64_t{3000}, std::uint64_t{1} << 27, ~std::uint64_t{0}}) {
    offer_.capacity = capacity;
    header_->capacity = capacity;
    EXPECT_NE(refusal().find("is not allowed"), std::string::npos) << capacity;
  }
  offer_.capacity = header_->capacity = 2 * kCapacity;
  EXPECT_EQ(refusal(), "The ring of worker 3 was refused: its memory is too small.");
}

TEST_F(RingSourceTest, HeadsThatMakeNoSenseAreRefused) {
  header_->magic ^= 1;
  EXPECT_NE(refusal().find("its head makes no sense"), std::string::npos);
  header_->magic ^= 1;
  header_->capacity = 2 * kCapacity;
  EXPECT_NE(refusal().find("its head makes no sense"), std::string::npos);
  header_->capacity = kCapacity;
  header_->format_major = trace_format::kFormatMajor + 1;
  EXPECT_NE(refusal().find("it is written in trace format"), std::string::npos);
  header_->format_major = trace_format::kFormatMajor;
  EXPECT_EQ(refusal(), "mapped");
  offer_.worker_id = trace_format::kWorkerMax + 1;
  EXPECT_NE(refusal().find("there is no such worker"), std::string::npos);
}

TEST_F(UnsealedRing, MemoryThatCouldShrinkIsRefused) {
  EXPECT_EQ(refusal(), "The ring of worker 3 was refused: its memory is not sealed.");
  ASSERT_EQ(fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_GROW), 0);
  EXPECT_NE(refusal().find("is not sealed"), std::string::npos);
  ASSERT_EQ(fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_EQ(refusal(), "mapped");
}

TEST_F(RingSourceTest, WhatIsNoMemoryIsRefused) {
  memory_.reset(open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_NE(refusal().find("is not sealed"), std::string::npos);
  memory_.reset();
  EXPECT_NE(refusal().find("no memory came with it"), std::string::npos);
}

}  // namespace
}  // namespace taskscope::ingest
