#include "viewer/model/memory.h"

#include <gtest/gtest.h>

#include "tests/support/synthetic_session.h"
#include "viewer/model/memory_sites.h"

namespace taskscope::viewer {
namespace {

using store::GcPhase;

store::GcPhaseRow phase(GcPhase kind, std::int64_t start_ns, std::int64_t end_ns,
                        store::GcCycleId cycle = 1) {
  return {.cycle_id = cycle, .phase = kind, .start_ns = start_ns, .end_ns = end_ns};
}

TEST(MemoryModel, ACollectionHasTheSumsOfItsPhases) {
  MemoryRows rows;
  rows.cycles = {{.id = 1, .start_ns = 10, .end_ns = 200}};
  rows.phases = {phase(GcPhase::Handshake, 10, 20), phase(GcPhase::Pause, 20, 50),
                 phase(GcPhase::Mark, 20, 100),     phase(GcPhase::Pause, 90, 100),
                 phase(GcPhase::Assist, 30, 35),    phase(GcPhase::Assist, 40, 45),
                 phase(GcPhase::Sweep, 100, 150)};
  const Memory memory(std::move(rows), 1000);
  ASSERT_EQ(memory.collections().size(), 1u);
  const Collection& one = memory.collections().front();
  EXPECT_EQ(one.range.start_ns, 10);
  EXPECT_EQ(one.range.end_ns, 200);
  EXPECT_EQ(one.pauses, 2u);
  EXPECT_EQ(one.ns_of(GcPhase::Pause), 40);
  EXPECT_EQ(one.longest_pause_ns, 30);
  EXPECT_EQ(one.assists, 2u);
  EXPECT_EQ(one.ns_of(GcPhase::Assist), 10);
  EXPECT_EQ(collection_phases(one), "mark 80 ns, sweep 50 ns, handshake 10 ns, assist 10 ns");
  EXPECT_EQ(memory.pauses().size(), 2u);
  EXPECT_EQ(memory.phases().size(), 3u);
  EXPECT_EQ(memory.phases()[1].state_class, class_of(GcPhase::Mark));
}

TEST(MemoryModel, SaysHowLongNoTaskRanInARange) {
  MemoryRows rows;
  rows.cycles = {{.id = 1, .start_ns = 0, .end_ns = 100}};
  rows.phases = {phase(GcPhase::Pause, 20, 40), phase(GcPhase::Pause, 60, 70)};
  const Memory memory(std::move(rows), 100);
  EXPECT_EQ(memory.paused_ns({0, 100}), 30);
  EXPECT_EQ(memory.paused_ns({30, 65}), 15);
  EXPECT_EQ(memory.paused_ns({40, 60}), 0);
}

TEST(MemoryModel, FindsTheCollectionUnderThePointer) {
  MemoryRows rows;
  rows.cycles = {{.id = 1, .start_ns = 10, .end_ns = 20}, {.id = 2, .start_ns = 50, .end_ns = 60}};
  const Memory memory(std::move(rows), 100);
  EXPECT_EQ(memory.collection_in({5, 8}), std::nullopt);
  EXPECT_EQ(memory.collection_in({15, 16}), 0u);
  EXPECT_EQ(memory.collection_in({30, 40}), std::nullopt);
  EXPECT_EQ(memory.collection_in({0, 100}), 1u);
  EXPECT_EQ(memory.count_in({0, 100}), 2u);
  EXPECT_EQ(memory.count_in({15, 50}), 1u);
  EXPECT_EQ(memory.count_in({20, 50}), 0u);
  EXPECT_EQ(memory.count_in({15, 51}), 2u);
}

TEST(MemoryModel, WhatIsNotKnownReachesAsFarAsItCan) {
  MemoryRows rows;
  rows.cycles = {{.id = 6, .end_ns = 20}, {.id = 7, .start_ns = 80}};
  const Memory memory(std::move(rows), 100);
  EXPECT_EQ(memory.collections()[0].range.start_ns, 0);
  EXPECT_EQ(memory.collections()[1].range.end_ns, 100);
  EXPECT_EQ(collection_amounts(memory.collections()[0]), "");
}

TEST(MemoryModel, DamagedPhasesAreLeftOut) {
  MemoryRows rows;
  rows.cycles = {{.id = 1, .start_ns = 0, .end_ns = 100}};
  rows.phases = {phase(GcPhase::Mark, 50, 40),    phase(GcPhase::Sweep, 10, 20, 9),
                 phase(GcPhase::Unknown, 10, 20), phase(GcPhase::Mark, 10, 60),
                 phase(GcPhase::Sweep, 20, 30),   phase(GcPhase::Destroy, 50, 80)};
  const Memory memory(std::move(rows), 100);
  // What lies within another has no place; what overlaps is cut.
  ASSERT_EQ(memory.phases().size(), 2u);
  EXPECT_EQ(memory.phases()[1].start_ns, 60);
  EXPECT_EQ(memory.phases()[1].end_ns, 80);
}

TEST(MemoryModel, ACollectionInWords) {
  const MemoryRows rows = tests::make_synthetic_memory(100'000'000);
  Collection one{.row = rows.cycles[4], .range = {}};
  EXPECT_EQ(collection_title(one), "Collection 5, asked for");
  EXPECT_EQ(collection_amounts(one), "11.3 MiB to 4.24 MiB, 7.10 MiB freed");
}

TEST(MemorySites, AreFilteredByWhatBecameOfTheirObjects) {
  const MemoryRows rows = tests::make_synthetic_memory(100'000'000);
  EXPECT_EQ(filtered(rows.sites, SiteFilter::All).size(), 5u);
  EXPECT_EQ(filtered(rows.sites, SiteFilter::Escape), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(filtered(rows.sites, SiteFilter::Stay), (std::vector<std::size_t>{3}));
  EXPECT_EQ(filtered(rows.sites, SiteFilter::Outside), (std::vector<std::size_t>{4}));
  EXPECT_EQ(filtered(rows.sites, SiteFilter::Learned), (std::vector<std::size_t>{0}));
}

}  // namespace
}  // namespace taskscope::viewer
