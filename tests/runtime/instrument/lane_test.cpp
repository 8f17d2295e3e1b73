#include "runtime/instrument/lane.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/instrument/tracer.h"
#include "runtime/trace_format/text.h"

namespace taskscope::instrument {
namespace {

namespace tf = trace_format;

class LaneTest : public ::testing::Test {
 protected:
  LaneTest()
      : tracer_(Tracer::without_recorder({.workers = 2, .ring_capacity = tf::kRingCapacityMin})
                    .value()) {}

  Lane& lane(std::uint32_t worker = 0) { return tracer_->lane(worker); }

  // The text form of what a ring holds, without ticks.
  std::vector<std::string> written(std::uint32_t worker = 0) {
    const RingMemory& ring = tracer_->ring(worker);
    std::vector<std::string> lines;
    std::span<const tf::Record> rest(ring.records(), ring.header().head.load());
    while (!rest.empty()) {
      const tf::Decoded decoded = tf::decode_next(rest);
      tf::TextEvent event{worker, decoded.event, std::string(decoded.text)};
      event.event.ticks = 0;
      lines.push_back(tf::format_text(event));
      rest = rest.subspan(decoded.records);
    }
    return lines;
  }

  std::unique_ptr<Tracer> tracer_;
};

TEST_F(LaneTest, APlaceIsDefinedOnceBeforeItsFirstUse) {
  const base::Site site{"a.cpp", "f", 12};
  lane(0).block(0, 0, tf::BlockReason::Sleep, lane(0).site(site));
  lane(0).block(0, 0, tf::BlockReason::Sleep, lane(0).site(site));
  lane(1).block(0, 0, tf::BlockReason::Sleep, lane(1).site(site));
  EXPECT_EQ(written(0), (std::vector<std::string>{
                            "w0 0 site site=1 \"12\\ta.cpp\\tf\"",
                            "w0 0 block object=0 reason=\"sleep\" site=1",
                            "w0 0 block object=0 reason=\"sleep\" site=1",
                        }));
  EXPECT_EQ(written(1), (std::vector<std::string>{"w1 0 block object=0 reason=\"sleep\" site=1"}));
}

TEST_F(LaneTest, CopiesOfAFileNameAreOnePlace) {
  const std::string first = "b.cpp";
  const std::string second = "b.cpp";
  EXPECT_EQ(lane().site({first.c_str(), "f", 1}), lane().site({second.c_str(), "f", 1}));
  EXPECT_NE(lane().site({first.c_str(), "f", 1}), lane().site({first.c_str(), "f", 2}));
}

TEST_F(LaneTest, AnUnknownPlaceIsZero) { EXPECT_EQ(lane().site({}), 0u); }

TEST_F(LaneTest, AnObjectIsAnnouncedWithItsNameOrNotAtAll) {
  TracedObject object(tf::ObjectKind::Channel, {}, 4, "a name that takes two records");
  for (std::uint64_t i = 0; i < tf::kRingCapacityMin - 3; ++i) lane(0).worker_park();
  EXPECT_EQ(lane(0).object(object), 0u);
  EXPECT_EQ(lane(0).writer().lost(), 1u);
  EXPECT_EQ(lane(1).object(object), 1u);
  EXPECT_EQ(written(1).size(), 3u);
}

TEST_F(LaneTest, APlaceWhoseDefinitionWasLostIsDefinedAtItsNextUse) {
  for (std::uint64_t i = 0; i < tf::kRingCapacityMin; ++i) lane(0).worker_park();
  const base::Site site{"c.cpp", "f", 3};
  const tf::SiteId id = lane(0).site(site);
  EXPECT_EQ(lane(1).site(site), id);
  EXPECT_EQ(written(1), (std::vector<std::string>{"w1 0 site site=1 \"3\\tc.cpp\\tf\""}));
}

TEST_F(LaneTest, AnObjectIsAnnouncedAtItsFirstWaitOnly) {
  TracedObject object(tf::ObjectKind::Channel, {"d.cpp", "make", 4}, 8, "jobs");
  lane().object_end(object);  // nobody has heard of it
  EXPECT_EQ(lane().object(object), 1u);
  EXPECT_EQ(lane().object(object), 1u);
  lane().object_end(object);
  EXPECT_EQ(written(), (std::vector<std::string>{
                           "w0 0 site site=1 \"4\\td.cpp\\tmake\"",
                           "w0 0 object object=1 kind=channel site=1",
                           "w0 0 capacity object=1 count=8",
                           "w0 0 object-name object=1 \"jobs\"",
                           "w0 0 object-end object=1",
                       }));
}

TEST_F(LaneTest, AnObjectOfAnEarlierRecordingIsAnnouncedAgain) {
  TracedObject object(tf::ObjectKind::Mutex, {"e.cpp", "f", 5});
  lane().object(object);
  tracer_ = Tracer::without_recorder({.workers = 1, .ring_capacity = tf::kRingCapacityMin}).value();
  EXPECT_EQ(lane().object(object), 1u);
  EXPECT_EQ(written().size(), 2u);
}

TEST_F(LaneTest, AnObjectWithoutRoomForItsAnnouncementHasNoId) {
  for (std::uint64_t i = 0; i < tf::kRingCapacityMin; ++i) lane(0).worker_park();
  TracedObject object(tf::ObjectKind::Mutex, {"g.cpp", "f", 6});
  EXPECT_EQ(lane(0).object(object), 0u);
  EXPECT_NE(lane(1).object(object), 0u);
}

TEST(SiteTable, PlacesBeyondItsSizeAreUnknown) {
  SiteTable table;
  for (std::uint32_t line = 1; line <= tf::kSiteMax; ++line) {
    ASSERT_EQ(table.find({"h.cpp", "f", line}).id, line);
  }
  EXPECT_EQ(table.find({"h.cpp", "f", 70'000}).id, 0u);
  EXPECT_EQ(table.find({"h.cpp", "f", 5}).id, 5u);
}

}  // namespace
}  // namespace taskscope::instrument
