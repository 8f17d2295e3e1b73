// What collected memory says of itself: real runs, whose trace goes through the recorder.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/memory_tables.h"
#include "recorder/store/reader.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/temporary_folder.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using store::EscapeSiteRow;
using store::GcCycleRow;
using store::GcPhaseRow;
using test::FakeRecorder;

struct Node {
  int value = 0;
  ptr<Node> next;
};

template <class T>
std::vector<T> all(Result<std::vector<T>> rows) {
  EXPECT_TRUE(rows);
  return rows ? *std::move(rows) : std::vector<T>();
}

// A recording of a run, as its reader sees it.
class Recorded {
 public:
  explicit Recorded(const test::Rings& rings) {
    test::check_trace(rings);
    std::string trace;
    for (const auto& [worker, events] : rings) {
      for (const tf::TextEvent& event : events) trace += tf::format_text(event) + '\n';
    }
    const std::string path = folder_.file("run.tscope");
    const auto recorded = ingest::record_text(trace, path);
    EXPECT_TRUE(recorded) << recorded.error().message;
    auto opened = store::Reader::open(path);
    EXPECT_TRUE(opened) << opened.error().message;
    reader_.emplace(std::move(*opened));
    EXPECT_EQ(reader_->info().notes, "");
  }

  std::vector<GcCycleRow> cycles() const { return all(store::gc_cycles(*reader_)); }
  std::vector<GcPhaseRow> phases() const { return all(store::gc_phases(*reader_)); }
  std::optional<EscapeSiteRow> site(std::uint32_t line) const {
    for (EscapeSiteRow& row : all(store::escape_sites(*reader_))) {
      if (row.line == line && row.file == __FILE__) return std::move(row);
    }
    return std::nullopt;
  }
  std::optional<store::CounterRow> counter(std::string_view name) const {
    for (store::CounterRow& row : all(reader_->counters())) {
      if (row.name == name) return std::move(row);
    }
    return std::nullopt;
  }

 private:
  tests::TemporaryFolder folder_;
  std::optional<store::Reader> reader_;
};

class MemoryTraceTest : public test::RuntimeTest {
 protected:
  // The heap is the process's: what is reserved for it is no run's.
  void SetUp() override {
    ts::run([] {
      scoped([] { make<int>(); });
      gc();
    });
  }
  Recorded record(const std::function<void()>& main) {
    FakeRecorder recorder;
    run(main);
    recorder.receive();
    test::Rings rings;
    recorder.drain_into(rings);
    return Recorded(rings);
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(MemoryTraceTest);

TEST_P(MemoryTraceTest, EachCollectionIsToldOfWithItsPhases) {
  constexpr std::size_t kCollections = 5;
  const Recorded recorded = record([] {
    for (std::size_t i = 0; i < kCollections; ++i) {
      for (int n = 0; n < 1000; ++n) make(Node{.value = n});
      gc();
    }
  });
  const auto cycles = recorded.cycles();
  ASSERT_EQ(cycles.size(), kCollections);
  for (const GcCycleRow& cycle : cycles) {
    ASSERT_TRUE(cycle.start_ns && cycle.end_ns && cycle.before_bytes && cycle.live_bytes);
    EXPECT_EQ(cycle.forced, true);
    EXPECT_GE(*cycle.freed_bytes, 1000 * sizeof(Node));
    EXPECT_GE(*cycle.freed_bytes + *cycle.live_bytes, *cycle.before_bytes);
    EXPECT_GE(*cycle.next_goal_bytes, *cycle.live_bytes);
    bool paused = false;
    bool marked = false;
    for (const GcPhaseRow& phase : recorded.phases()) {
      if (phase.cycle_id != cycle.id) continue;
      EXPECT_LE(phase.start_ns, phase.end_ns);
      // Ticks and nanoseconds are read one after the other.
      EXPECT_GE(phase.start_ns, *cycle.start_ns - 1'000'000) << to_text(phase.phase);
      EXPECT_LE(phase.end_ns, *cycle.end_ns) << to_text(phase.phase);
      paused = paused || phase.phase == tf::GcPhase::Pause;
      marked = marked || phase.phase == tf::GcPhase::Mark;
    }
    EXPECT_TRUE(paused && marked);
  }
}

TEST_P(MemoryTraceTest, OnesThatNobodyAskedForAreNotForced) {
  const Recorded recorded = record([] {
    for (int n = 0; n < 400'000; ++n) make(Node{.value = n});
  });
  ASSERT_FALSE(recorded.cycles().empty());
  for (const GcCycleRow& cycle : recorded.cycles()) EXPECT_EQ(cycle.forced, false);
}

constexpr std::uint32_t kSentLine = __LINE__ + 4;
void send_some(const Chan<ref<Node>>& to) {
  for (int i = 0; i < 10; ++i) {
    scoped([&] {
      const ref<Node> node = make(Node{.value = i});
      if (i < 3) to.send(node);
    });
  }
}

TEST_P(MemoryTraceTest, WhatBecameOfTheObjectsOfEachSiteIsToldAtTheEnd) {
  std::uint64_t before = 0;
  for (const EscapeStats& stats : escape_stats()) {
    if (stats.line == kSentLine) before = stats.stayed + stats.escaped;
  }
  const Recorded recorded = record([] {
    const Chan<ref<Node>> nodes = make_chan<ref<Node>>(10);
    send_some(nodes);
  });
  const auto site = recorded.site(kSentLine);
  ASSERT_TRUE(site);
  EXPECT_EQ(site->objects(), before + 10);
  EXPECT_EQ(site->escaped, (before + 10) / 10 * 3);
  EXPECT_EQ(site->reasons[static_cast<std::size_t>(EscapeReason::Sent)], site->escaped);
  EXPECT_EQ(site->escaped_bytes, site->escaped * sizeof(Node));
  EXPECT_EQ(site->bytes, site->objects() * sizeof(Node));
  EXPECT_EQ(site->function, "operator()");
  EXPECT_NE(site->type.find("Node"), std::string::npos);
}

constexpr std::uint32_t kArrayLine = __LINE__ + 3;
void make_arrays() {
  for (int i = 0; i < 4; ++i) {
    scoped([&] { make_array<char>(20'000); });
  }
}

TEST_P(MemoryTraceTest, ArraysThatEscapeAreCountedInBytes) {
  const Recorded recorded = record(make_arrays);
  const auto site = recorded.site(kArrayLine);
  ASSERT_TRUE(site);
  EXPECT_EQ(site->escaped, site->objects());
  EXPECT_EQ(site->reasons[static_cast<std::size_t>(EscapeReason::TooLarge)], site->escaped);
  EXPECT_EQ(site->escaped_bytes, site->bytes);
  EXPECT_GE(site->bytes, site->objects() * 20'000);
}

TEST_P(MemoryTraceTest, FiguresOfTheHeapAreCounters) {
  const Recorded recorded = record([] {
    ref<Node> kept;
    for (int n = 0; n < 200'000; ++n) kept = make(Node{.value = n, .next = kept});
    gc();
    asm volatile("" : : "r"(kept.get()));
  });
  const auto live = recorded.counter("heap live");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->unit, "bytes");
  EXPECT_GE(live->max, 200'000 * static_cast<std::int64_t>(sizeof(Node)));
  const auto goal = recorded.counter("heap goal");
  ASSERT_TRUE(goal);
  EXPECT_GE(goal->max, live->last);
  EXPECT_TRUE(recorded.counter("heap refills"));
  EXPECT_TRUE(recorded.counter("heap spans"));
}

TEST_P(MemoryTraceTest, ATaskWithoutAWorkerTellsOfItsCollection) {
  const Recorded recorded = record([] {
    blocking([] { gc(); });
    gc();
  });
  EXPECT_EQ(recorded.cycles().size(), 2u);
}

TEST_P(MemoryTraceTest, WhoAttachesIsToldOfSitesWhenHeLeaves) {
  test::Rings rings;
  run([&] {
    send_some(make_chan<ref<Node>>(10));
    std::optional<FakeRecorder> recorder;
    blocking_long([&] {
      recorder.emplace(FakeRecorder::How::Attach);
      while (!recorder->hello() || recorder->rings().size() <= workers()) {
        recorder->receive();
        std::this_thread::yield();
      }
    });
    gc();
    blocking_long([&] {
      recorder->leave();
      while (!recorder->said_bye()) {
        recorder->receive();
        std::this_thread::yield();
      }
    });
    recorder->drain_into(rings);
    // What is later than the end is incomplete.
    for (auto& [worker, events] : rings) {
      std::erase_if(events, [&](const tf::TextEvent& event) {
        return event.event.ticks > recorder->end_ticks();
      });
    }
  });
  const Recorded recorded(rings);
  ASSERT_TRUE(recorded.site(kSentLine));
  EXPECT_GE(recorded.site(kSentLine)->objects(), 10u);
  ASSERT_FALSE(recorded.cycles().empty());
  EXPECT_GT(recorded.cycles().back().id, 1u) << "numbers are the process's";
}

}  // namespace
}  // namespace taskscope
