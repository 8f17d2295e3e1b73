#include "viewer/model/annotations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/synthetic_session.h"
#include "tests/support/trace_session.h"
#include "viewer/model/query.h"

namespace taskscope::viewer {
namespace {

// Tasks 1 to 9 have the indices 0 to 8 and live from 0 to 1,000.
std::optional<AnnotatedTask> find_task(store::TaskId id) {
  if (id < 1 || id > 9) return std::nullopt;
  return AnnotatedTask{static_cast<std::uint32_t>(id - 1), 0, 1'000};
}

store::RegionRow region(store::TaskId task, std::uint8_t depth, std::optional<std::int64_t> start,
                        std::optional<std::int64_t> end, store::NameId name = 1) {
  return {.task_id = task, .name_id = name, .start_ns = start, .end_ns = end, .depth = depth};
}

Annotations with_regions(std::vector<store::RegionRow> regions) {
  AnnotationRows rows;
  rows.names = {{1, "serve"}, {2, "parse"}, {7, "render"}};
  rows.regions = std::move(regions);
  return {std::move(rows), find_task};
}

TimeRange range_at(const Annotations& annotations, std::uint32_t task, std::size_t lane,
                   std::size_t at) {
  const TrackSpan span = (*annotations.regions_of(task))[lane][at];
  return {span.start_ns, span.end_ns};
}

using Key = std::pair<std::uint32_t, std::size_t>;  // task and lane

// Nested intervals as a program makes them, by task and lane in the order of time.
std::map<Key, std::vector<store::RegionRow>> random_regions(std::mt19937_64& random) {
  std::map<Key, std::vector<store::RegionRow>> all;
  for (store::TaskId task = 1; task <= 9; task += 2) {
    std::int64_t ns = 0;
    std::vector<std::int64_t> open;
    while (ns < 900 || !open.empty()) {
      ns += static_cast<std::int64_t>(random() % 9) + 1;
      if (ns < 900 && open.size() < 5 && random() % 2 == 0) {
        open.push_back(ns);
      } else if (!open.empty()) {
        const auto depth = static_cast<std::uint8_t>(open.size());
        const std::array<store::NameId, 3> names{1, 2, 7};
        all[{static_cast<std::uint32_t>(task - 1), depth - 1U}].push_back(
            region(task, depth, open.back(), ns, names[random() % 3]));
        open.pop_back();
      }
    }
  }
  return all;
}

TEST(Annotations, HaveEveryRegionOfTheFirstDepthsInWhateverOrderTheyCome) {
  const std::map<store::NameId, std::string> names{{1, "serve"}, {2, "parse"}, {7, "render"}};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto expected = random_regions(random);
    std::vector<store::RegionRow> rows;
    std::size_t shown = 0;
    for (const auto& [key, regions] : expected) {
      rows.insert(rows.end(), regions.begin(), regions.end());
      if (key.second < kRegionLanes) shown += regions.size();
    }
    std::shuffle(rows.begin(), rows.end(), random);
    const Annotations annotations = with_regions(rows);
    EXPECT_EQ(annotations.lanes(), kRegionLanes);
    EXPECT_EQ(annotations.region_count(), shown);
    EXPECT_EQ(annotations.deeper_regions(), rows.size() - shown);
    for (const auto& [key, regions] : expected) {
      if (key.second >= kRegionLanes) continue;
      const Track& track = (*annotations.regions_of(key.first))[key.second];
      ASSERT_EQ(track.size(), regions.size());
      for (std::size_t at = 0; at < regions.size(); ++at) {
        EXPECT_EQ(range_at(annotations, key.first, key.second, at),
                  (TimeRange{*regions[at].start_ns, *regions[at].end_ns}));
        EXPECT_EQ(annotations.region_name(track[at].payload), names.at(regions[at].name_id));
      }
    }
    EXPECT_EQ(annotations.regions_of(1), nullptr);
  }
}

TEST(Annotations, SayWhichRegionsATaskIsInOutermostFirst) {
  std::mt19937_64 random(3);
  const auto expected = random_regions(random);
  std::vector<store::RegionRow> rows;
  for (const auto& [key, regions] : expected) {
    rows.insert(rows.end(), regions.begin(), regions.end());
  }
  const Annotations annotations = with_regions(rows);
  const std::map<store::NameId, std::string> names{{1, "serve"}, {2, "parse"}, {7, "render"}};
  for (std::int64_t ns = 0; ns < 1'000; ++ns) {
    std::map<std::uint8_t, std::string> by_depth;
    for (const store::RegionRow& row : rows) {
      const bool inside = row.task_id == 3 && *row.start_ns <= ns && ns < *row.end_ns;
      if (inside && row.depth <= kRegionLanes) by_depth[row.depth] = names.at(row.name_id);
    }
    std::string text;
    for (const auto& [depth, name] : by_depth) text += (text.empty() ? "" : " › ") + name;
    ASSERT_EQ(annotations.regions_text(2, ns), text) << ns;
  }
}

TEST(Annotations, ReachAsFarAsTheyCanWhereAnEdgeIsNotKnown) {
  const Annotations annotations = with_regions({
      region(1, 1, std::nullopt, 300),           // began before the recording
      region(1, 1, 400, std::nullopt),           // and its task ended in it
      region(2, 1, 100, 500),                    //
      region(2, 2, 200, std::nullopt),           // its end was lost: until that of the one around
      region(2, 2, std::nullopt, 180),           // its beginning was lost: from the one around
      region(3, 1, std::nullopt, std::nullopt),  // there all the time
  });
  EXPECT_EQ(range_at(annotations, 0, 0, 0), (TimeRange{0, 300}));
  EXPECT_EQ(range_at(annotations, 0, 0, 1), (TimeRange{400, 1'000}));
  EXPECT_EQ(range_at(annotations, 1, 1, 0), (TimeRange{100, 180}));
  EXPECT_EQ(range_at(annotations, 1, 1, 1), (TimeRange{200, 500}));
  EXPECT_EQ(range_at(annotations, 2, 0, 0), (TimeRange{0, 1'000}));
  const RegionTracks& first = *annotations.regions_of(0);
  EXPECT_FALSE(annotations.detail(first[0][0].payload).start_known);
  EXPECT_TRUE(annotations.detail(first[0][0].payload).end_known);
  EXPECT_FALSE(annotations.detail(first[0][1].payload).end_known);
}

TEST(Annotations, StandDamagedRowsAndCountThem) {
  const Annotations annotations = with_regions({
      region(77, 1, 0, 10),    // of no task
      region(1, 0, 0, 10),     // no depth
      region(1, 1, 50, 20),    // ends before it begins
      region(1, 1, 10, 60),    // overlaps the one before
      region(1, 1, 5, 40),     //
      region(1, 1, 90, 95, 5)  // of no name
  });
  EXPECT_EQ(annotations.skipped_regions(), 2);
  EXPECT_EQ(annotations.region_count(), 4);
  const RegionTracks& tracks = *annotations.regions_of(0);
  EXPECT_EQ(annotations.region_name(tracks[0][3].payload), "region of unknown name");
}

TEST(Annotations, LogLinesShareAMarkIfTheyStandInOneOfItsColumns) {
  std::mt19937_64 random(9);
  std::vector<store::LogRow> rows;
  for (int at = 0; at < 500; ++at) {
    rows.push_back({.ns = static_cast<std::int64_t>(random() % 4'000),
                    .task_id = random() % 11,
                    .message = std::to_string(at)});
  }
  const LogTable table(rows, [](store::TaskId id) {
    const auto task = find_task(id);
    return task ? std::optional(task->index) : std::nullopt;
  });
  const auto nobody = std::count_if(rows.begin(), rows.end(), [](const store::LogRow& row) {
    return !find_task(row.task_id).has_value();
  });
  EXPECT_EQ(table.elsewhere(), static_cast<std::size_t>(nobody));
  for (const double ns_per_px : {0.01, 1.0, 7.5, 100.0, 10'000.0}) {
    const ColumnGrid grid{ns_per_px};
    for (std::uint32_t task = 0; task < 9; ++task) {
      const std::int64_t first = grid.column_of(1'000);
      const std::int64_t last = std::max(grid.column_of(3'000), first + 1);
      std::map<std::pair<std::int64_t, std::int64_t>, std::multiset<std::string>> expected;
      for (const store::LogRow& row : rows) {
        const std::int64_t column = grid.column_of(row.ns);
        if (row.task_id != task + 1 || column < first || column >= last) continue;
        // Below a nanosecond a column has one instant at most.
        expected[{column / 8, ns_per_px * 8 < 1 ? row.ns : 0}].insert(row.message);
      }
      const std::vector<LogLines> groups = table.groups(task, grid, first, last, 8);
      ASSERT_EQ(groups.size(), expected.size()) << ns_per_px << ", task " << task;
      auto wanted = expected.begin();
      for (const LogLines& group : groups) {
        std::multiset<std::string> messages;
        for (std::size_t at = group.first; at < group.last; ++at) {
          messages.insert(table[at].message);
        }
        // The last group may go on beyond the last column.
        EXPECT_TRUE(std::includes(messages.begin(), messages.end(), wanted->second.begin(),
                                  wanted->second.end()));
        ++wanted;
      }
    }
  }
}

TEST(Annotations, ACountersBoundsAreThoseOfItsSteps) {
  std::mt19937_64 random(4);
  for (const std::size_t count : {1UL, 2UL, 17UL, 3'000UL}) {
    ValueTrack::Samples samples;
    std::int64_t now = 50;
    for (std::size_t at = 0; at < count; ++at) {
      samples.emplace_back(now += static_cast<std::int64_t>(random() % 5),
                           static_cast<std::int64_t>(random() % 200) - 100);
    }
    const ValueTrack track(samples);
    for (int i = 0; i < 400; ++i) {
      const auto start = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(now + 20));
      const TimeRange range{start, start + 1 + static_cast<std::int64_t>(random() % 90)};
      std::optional<ValueTrack::Bounds> expected;
      for (std::size_t at = 0; at < count; ++at) {
        const bool over = at + 1 < count && samples[at + 1].first <= range.start_ns;
        if (over || samples[at].first >= range.end_ns) continue;
        const std::int64_t value = samples[at].second;
        if (!expected) expected = {value, value};
        expected = {std::min(expected->low, value), std::max(expected->high, value)};
      }
      ASSERT_EQ(track.bounds_in(range), expected) << count << ", from " << range.start_ns;
    }
  }
  const ValueTrack far({{1, INT64_MIN}, {2, INT64_MAX}});
  EXPECT_EQ(far.value_at(0), std::nullopt);
  EXPECT_EQ(far.value_at(1), INT64_MIN);
  EXPECT_EQ(far.value_at(9), INT64_MAX);
  EXPECT_EQ(ValueTrack().bounds_in({0, 10}), std::nullopt);
  EXPECT_EQ(value_text(-1'234'567), "-1,234,567");
}

TEST(Annotations, OfOneNameHaveOneColorWhateverElseThereIs) {
  const Annotations few = with_regions({region(1, 1, 0, 10, 7)});
  const Annotations many =
      with_regions({region(1, 1, 0, 10, 1), region(1, 1, 20, 30, 2), region(1, 1, 40, 50, 7)});
  EXPECT_EQ((*few.regions_of(0))[0][0].state_class, (*many.regions_of(0))[0][2].state_class);
  std::set<std::size_t> colors;
  for (int number = 0; number < 200; ++number) {
    colors.insert(region_color("region " + std::to_string(number)));
  }
  EXPECT_EQ(colors.size(), kRegionColors);
}

// Of the trace that the recorder's tests have, too.
TEST(Annotations, OfAFileAreWhatItsProgramSaid) {
  std::ifstream file(std::string(TASKSCOPE_SOURCE_DIR) +
                     "/tests/golden/recorder/annotations.trace");
  const std::string trace{std::istreambuf_iterator<char>(file), {}};
  const SessionPtr session = tests::session_of_trace(trace);
  ASSERT_NE(session, nullptr);
  const Annotations& said = session->annotations();
  const TaskIndex first = session->find_task(1);
  const TaskIndex second = session->find_task(2);
  EXPECT_EQ(said.lanes(), 3);
  EXPECT_EQ(said.skipped_regions(), 1);  // of no task
  ASSERT_EQ((*said.regions_of(second))[0].size(), 3);
  EXPECT_EQ(range_at(said, second, 0, 0), (TimeRange{60, 80}));
  EXPECT_EQ(range_at(said, second, 0, 1), (TimeRange{90, 115}));
  EXPECT_EQ(range_at(said, second, 0, 2), (TimeRange{120, 125}));
  EXPECT_EQ(range_at(said, second, 1, 0), (TimeRange{91, 95}));
  EXPECT_EQ(range_at(said, second, 2, 0), (TimeRange{95, 96}));
  EXPECT_EQ(said.regions_text(first, 45), "parse › row");
  const LogLines lines = said.logs().of(second);
  ASSERT_EQ(lines.size(), 1);
  EXPECT_EQ(said.logs()[lines.first].category, "cache");
  EXPECT_EQ(said.logs()[lines.first].message, "miss: \"key\"");
  ASSERT_EQ(said.counters().size(), 1);
  const NamedCounter& counter = said.counters()[0];
  EXPECT_EQ(counter.name, "queue");
  EXPECT_EQ(counter.values.bounds(), (ValueTrack::Bounds{-2, 9'000'000'000'000}));
  EXPECT_EQ(counter.values.value_at(55), std::nullopt);
  EXPECT_EQ(value_text(counter, *counter.values.value_at(200)), "1 entries");
}

std::size_t count_tasks(const TraceSession& session, const std::string& text) {
  const ParsedQuery parsed = parse_query(text);
  EXPECT_EQ(parsed.error, "");
  QueryMatcher matcher(session, parsed.query);
  std::size_t count = 0;
  for (TaskIndex task = 0; task < session.tasks().size(); ++task) count += matcher.task(task);
  return count;
}

TEST(Annotations, TasksAreFoundByTheirLabelsAndByWhatTheySaid) {
  const SessionPtr session = tests::make_annotated_session({.spans = 3'000});
  const auto with = [&](const auto& holds) {
    return static_cast<std::size_t>(
        std::count_if(session->tasks().begin(), session->tasks().end(), holds));
  };
  const std::size_t of_7 = with([](const Task& task) { return task.row.label_set_id == 1; });
  const std::size_t of_8 = with([](const Task& task) { return task.row.label_set_id == 2; });
  ASSERT_GT(of_7, 0);
  EXPECT_EQ(count_tasks(*session, "label:user=7"), of_7);
  EXPECT_EQ(count_tasks(*session, "label:user"), of_7 + of_8);
  EXPECT_EQ(count_tasks(*session, "label:=user=8 label:request=42"), of_8);
  EXPECT_EQ(count_tasks(*session, "label:user=9"), 0);
  const LogTable& logs = session->annotations().logs();
  const std::size_t said = with([&](const Task& task) {
    return !logs.of(static_cast<TaskIndex>(&task - session->tasks().data())).empty();
  });
  ASSERT_GT(said, 0);
  EXPECT_EQ(count_tasks(*session, "log:cache"), said);
  EXPECT_EQ(count_tasks(*session, "-log:MISS"), session->tasks().size() - said);
  EXPECT_EQ(session->annotations().labels_text(2), "request=42, user=8");
}

}  // namespace
}  // namespace taskscope::viewer
