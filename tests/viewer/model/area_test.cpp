#include "viewer/model/area.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "tests/support/synthetic_session.h"

namespace taskscope::viewer {
namespace {

const std::atomic<bool> kNever{false};

AreaRows all_tasks(const SessionPtr& session) {
  AreaRows rows;
  rows.arrangement = Arrangement::make_default(session);
  rows.runs.push_back({0, static_cast<std::uint32_t>(session->tasks().size())});
  return rows;
}

std::vector<std::uint32_t> indices(const AreaRows& rows) {
  std::vector<std::uint32_t> out;
  for (const AreaRows::Run& run : rows.runs) {
    for (std::uint32_t at = run.begin; at < run.end; ++at) out.push_back(rows.index(at));
  }
  EXPECT_EQ(out.size(), rows.size());
  return out;
}

std::map<StateClass, std::vector<std::int64_t>> durations(const TraceSession& session,
                                                          const AreaRows& rows, TimeRange time) {
  std::map<StateClass, std::vector<std::int64_t>> out;
  for (const std::uint32_t task : indices(rows)) {
    const Track& track = session.tasks()[task].track;
    for (std::size_t at = 0; at < track.size(); ++at) {
      const std::int64_t from = std::max(track.start_ns(at), time.start_ns);
      const std::int64_t to = std::min(track.end_ns(at), time.end_ns);
      if (from < to) out[track.state_class(at)].push_back(to - from);
    }
  }
  for (auto& [state, all] : out) std::sort(all.begin(), all.end());
  return out;
}

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(rank) - 1];
}

TEST(Area, StatisticsAreThoseOfBruteForce) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 5'000});
  const std::int64_t end = session->duration_ns();
  for (const TimeRange time :
       {TimeRange{0, end}, TimeRange{end / 3, end / 2}, TimeRange{end / 2, end / 2 + 1'000}}) {
    const AreaRows rows = all_tasks(session);
    const auto wanted = durations(*session, rows, time);
    const AreaStatistics found = area_statistics(*session, rows, time, kNever);
    EXPECT_TRUE(found.exact);
    ASSERT_EQ(found.classes.size(), wanted.size());
    for (const ClassStatistics& row : found.classes) {
      const std::vector<std::int64_t>& all = wanted.at(row.state);
      std::int64_t total = 0;
      for (const std::int64_t ns : all) total += ns;
      EXPECT_EQ(row.count, all.size());
      EXPECT_EQ(row.total_ns, total);
      EXPECT_NEAR(static_cast<double>(row.mean_ns),
                  static_cast<double>(total) / static_cast<double>(all.size()), 0.51);
      EXPECT_EQ(row.p50_ns, nearest_rank(all, 0.5));
      EXPECT_EQ(row.p95_ns, nearest_rank(all, 0.95));
      EXPECT_EQ(row.p99_ns, nearest_rank(all, 0.99));
      EXPECT_EQ(row.max_ns, all.back());
    }
  }
}

TEST(Area, PercentilesOfVeryManySpansAreWithinFourPerMille) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 5'000});
  const AreaRows rows = all_tasks(session);
  const TimeRange whole{0, session->duration_ns()};
  const AreaStatistics exact = area_statistics(*session, rows, whole, kNever);
  const AreaStatistics rough = area_statistics(*session, rows, whole, kNever, 10);
  EXPECT_FALSE(rough.exact);
  ASSERT_EQ(rough.classes.size(), exact.classes.size());
  for (std::size_t at = 0; at < exact.classes.size(); ++at) {
    const auto near = [](std::int64_t a, std::int64_t b) {
      EXPECT_NEAR(static_cast<double>(a), static_cast<double>(b), static_cast<double>(b) * 0.004);
    };
    EXPECT_EQ(rough.classes[at].total_ns, exact.classes[at].total_ns);
    EXPECT_EQ(rough.classes[at].max_ns, exact.classes[at].max_ns);
    near(rough.classes[at].p50_ns, exact.classes[at].p50_ns);
    near(rough.classes[at].p95_ns, exact.classes[at].p95_ns);
    near(rough.classes[at].p99_ns, exact.classes[at].p99_ns);
  }
}

TEST(Area, HoldsEachTaskOnceAndThoseOfFoldedGroups) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const ArrangementPtr arrangement = Arrangement::make_default(session);
  Folds folds;
  const RowList open(arrangement, folds, {}, 1);
  const AreaRows everything = area_rows(open, folds, 0, open.height());
  EXPECT_EQ(everything.kind, RowKind::Task);
  EXPECT_EQ(indices(everything), indices(all_tasks(session)));
  EXPECT_EQ(everything.runs.size(), 1U) << "a million tasks cost no more";
  folds.groups = {2};  // the readers
  const RowList folded(arrangement, folds, {}, 1);
  EXPECT_EQ(indices(area_rows(folded, folds, 0, folded.height())), indices(everything));
  const Row header = folded.row(*folded.index_of(RowKind::GroupHeader, 2));
  EXPECT_EQ(indices(area_rows(folded, folds, header.y + 2, header.y + 5)),
            session->groups()[2].tasks);
}

TEST(Area, HoldsTheRowsThatItTouches) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  Folds folds;
  folds.threads = false;
  const RowList rows(Arrangement::make_default(session), folds, {}, 1);
  for (std::int64_t top = 0; top < rows.height(); top += 7) {
    for (const std::int64_t height : {1, 30, 200}) {
      std::vector<std::uint32_t> wanted;
      for (std::size_t at = 0; at < rows.size(); ++at) {
        const Row row = rows.row(at);
        const bool touched = row.y < top + height && row.y + row.height > top;
        if (row.kind == RowKind::Task && touched) wanted.push_back(row.index);
      }
      const AreaRows area = area_rows(rows, folds, top, top + height);
      const bool of_tasks = !area.runs.empty() && area.kind == RowKind::Task;
      EXPECT_EQ(of_tasks ? indices(area) : std::vector<std::uint32_t>{}, wanted);
    }
  }
}

TEST(Area, OfWorkersOnlyCountsWorkers) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const RowList rows(Arrangement::make_default(session), {}, {}, 1);
  const Row first = *rows.find_worker(0);
  const Row third = *rows.find_worker(2);
  const AreaRows area = area_rows(rows, {}, first.y, third.y + 1);
  EXPECT_EQ(area.kind, RowKind::Worker);
  EXPECT_EQ(indices(area), (std::vector<std::uint32_t>{0, 1, 2}));
  const AreaStatistics found = area_statistics(*session, area, {0, session->duration_ns()}, kNever);
  std::int64_t running = 0;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    running += session->workers()[worker].track.times_before(INT64_MAX)[0];
  }
  ASSERT_FALSE(found.classes.empty());
  EXPECT_EQ(found.classes[0].total_ns, running);
}

TEST(Area, StatisticsAreSortedAndWrittenAsCsv) {
  std::vector<ClassStatistics> classes = {
      {.state = StateClass::Running, .count = 3, .total_ns = 30, .max_ns = 20},
      {.state = StateClass::Lock, .count = 9, .total_ns = 10, .max_ns = 5},
      {.state = StateClass::Sleep, .count = 1, .total_ns = 90, .max_ns = 90}};
  const auto order = [&](AreaColumn column) {
    sort_statistics(classes, column);
    std::vector<StateClass> states;
    for (const ClassStatistics& row : classes) states.push_back(row.state);
    return states;
  };
  using enum StateClass;
  EXPECT_EQ(order(AreaColumn::Total), (std::vector{Sleep, Running, Lock}));
  EXPECT_EQ(order(AreaColumn::Count), (std::vector{Lock, Running, Sleep}));
  EXPECT_EQ(order(AreaColumn::State), (std::vector{Lock, Running, Sleep})) << "most severe first";
  EXPECT_EQ(statistics_csv({classes[0]}),
            "state,count,total_ns,mean_ns,p50_ns,p95_ns,p99_ns,max_ns\nlock,9,10,0,0,0,0,5\n");
}

}  // namespace
}  // namespace taskscope::viewer
