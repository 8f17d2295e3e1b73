#include "viewer/model/rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/support/synthetic_session.h"
#include "viewer/model/query.h"
#include "viewer/model/row_pictures.h"

namespace taskscope::viewer {
namespace {

const std::atomic<bool> kNever{false};

ArrangementPtr arranged(const SessionPtr& session, const ArrangementOptions& options = {}) {
  // shared: see ArrangementPtr
  return std::make_shared<const Arrangement>(session, options, kNever);
}

std::vector<std::string> labels(const Arrangement& arrangement) {
  std::vector<std::string> out;
  for (const TaskSet& set : arrangement.sets()) out.push_back(set.label);
  return out;
}

TEST(Rows, FoldedGroupsTakeTheirTasksAway) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const RowList open(arranged(session), {}, {}, 1);
  Folds folds;
  folds.groups.insert(2);  // the readers
  const RowList folded(arranged(session), folds, {}, 1);
  EXPECT_EQ(open.size(), folded.size() + 8);
  EXPECT_TRUE(open.find_task(2));
  EXPECT_FALSE(folded.find_task(2));
}

TEST(Rows, AreFoundByTheirPosition) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const RowList rows(arranged(session), {}, {}, 1);
  EXPECT_EQ(rows.row(0).height, 28);
  EXPECT_EQ(rows.row(1).y, 29);
  std::int64_t y = 0;
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const Row row = rows.row(at);
    EXPECT_EQ(row.y, y) << "rows follow each other without holes";
    y += row.height + 1;
    EXPECT_EQ(rows.row_at(row.y), at);
    EXPECT_EQ(rows.row_at(row.y + row.height - 1), at);
    EXPECT_EQ(rows.row_at(row.y + row.height), at + 1) << "the gap belongs to the row below";
  }
  EXPECT_EQ(rows.height(), y);
  EXPECT_EQ(rows.row_at(rows.height() + 5), rows.size());
}

TEST(Rows, OfTasksHaveLanesBelowTheirSpansAndOthersHaveNone) {
  const SessionPtr session = tests::make_annotated_session({.spans = 500});
  for (const float scale : {1.0F, 1.5F, 2.0F}) {
    const RowList plain(arranged(session), {}, {{RowKind::Task, 3}}, scale);
    const RowList rows(arranged(session), {}, {{RowKind::Task, 3}}, scale, 2);
    ASSERT_EQ(rows.size(), plain.size());
    const int lanes = 2 * region_lane_px(plain.pinned()[0].height);
    EXPECT_EQ(rows.pinned()[0].height, plain.pinned()[0].height + lanes);
    std::int64_t y = 0;
    for (std::size_t at = 0; at < rows.size(); ++at) {
      const Row row = rows.row(at);
      EXPECT_EQ(row.below, row.kind == RowKind::Task ? lanes : 0);
      EXPECT_EQ(row.height - row.below, plain.row(at).height);
      EXPECT_EQ(row.y, y);
      y += row.height + (scale == 1 ? 1 : 2);
    }
  }
}

TEST(Rows, OfCountersStandAboveTheTasks) {
  const SessionPtr session = tests::make_annotated_session({.spans = 500});
  ASSERT_EQ(session->annotations().counters().size(), 2);
  const RowList rows(arranged(session), {}, {}, 1);
  const std::size_t tasks = rows.index_of(RowKind::TasksHeader, 0).value_or(0);
  EXPECT_EQ(rows.index_of(RowKind::Counter, 1), tasks - 1);
  EXPECT_EQ(rows.index_of(RowKind::CountersHeader, 0), tasks - 3);
  const RowList folded(arranged(session), {.counters = true}, {}, 1);
  EXPECT_EQ(folded.size(), rows.size() - 2);
  EXPECT_FALSE(folded.index_of(RowKind::Counter, 0));
}

TEST(Rows, AreFoundByWhatTheyShowInEveryArrangementAndFold) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500, .task_scale = 3});
  for (const Grouping grouping :
       {Grouping::SpawnSite, Grouping::Name, Grouping::Parent, Grouping::None}) {
    for (const std::uint32_t folded : {0U, 3U, 1000U}) {
      Folds folds;
      folds.threads = false;
      folds.groups.insert(folded);
      const RowList rows(arranged(session, {.grouping = grouping}), folds, {}, 1);
      std::size_t tasks = 0;
      for (std::size_t at = 0; at < rows.size(); ++at) {
        const Row row = rows.row(at);
        EXPECT_EQ(rows.index_of(row.kind, row.index), at);
        tasks += row.kind == RowKind::Task ? 1 : 0;
      }
      std::size_t found = 0;
      for (TaskIndex task = 0; task < session->tasks().size(); ++task) {
        found += rows.find_task(task).has_value() ? 1 : 0;
      }
      EXPECT_EQ(found, tasks);
    }
  }
}

TEST(Rows, PinnedRowsStandOnTopAndKeepTheirPlace) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const RowList rows(arranged(session), {}, {{RowKind::Task, 7}, {RowKind::Worker, 1}}, 1);
  const RowList without(arranged(session), {}, {}, 1);
  EXPECT_EQ(rows.size(), without.size());
  ASSERT_EQ(rows.pinned().size(), 2U);
  EXPECT_EQ(rows.pinned_height(), 19 + 27);
  EXPECT_TRUE(rows.find_task(7)->pinned);
  EXPECT_EQ(rows.pinned()[1].y, 19);
  EXPECT_FALSE(rows.find_task(8)->pinned);
}

TEST(Rows, AMillionTasksOfOneGroupAreAFewSections) {
  SessionEntities entities;
  entities.info.duration_ns = 1'000;
  entities.tasks.resize(200'000);
  for (std::size_t at = 0; at < entities.tasks.size(); ++at) {
    entities.tasks[at].id = at + 1;
    entities.tasks[at].spawn_site_id = static_cast<store::SiteId>(1 + at % 2);
  }
  const SessionPtr session = SessionBuilder("many.tscope", std::move(entities)).finish();
  const RowList rows(arranged(session), {}, {}, 1);
  EXPECT_EQ(rows.size(), 200'003U);
  EXPECT_EQ(rows.row(rows.size() - 1).index, 199'999U);
  EXPECT_EQ(rows.index_of(RowKind::Task, 199'998), 1U + 100'000U);
  EXPECT_EQ(rows.row_at(rows.height() - 2), rows.size() - 1);
}

TEST(Arrangement, TheDefaultOneIsTheSessionsGroups) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const ArrangementPtr arrangement = Arrangement::make_default(session);
  ASSERT_EQ(arrangement->sets().size(), session->groups().size());
  for (std::size_t at = 0; at < session->groups().size(); ++at) {
    const TaskSet& set = arrangement->sets()[at];
    EXPECT_EQ(set.group, at);
    EXPECT_TRUE(std::ranges::equal(arrangement->tasks_of(set), session->groups()[at].tasks));
  }
}

TEST(Arrangement, GroupsByNameAndByWhoStartedThem) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const ArrangementPtr by_name = arranged(session, {.grouping = Grouping::Name});
  for (const TaskSet& set : by_name->sets()) {
    for (const TaskIndex task : by_name->tasks_of(set)) {
      EXPECT_EQ(session->tasks()[task].name, set.label);
    }
  }
  EXPECT_EQ(labels(*arranged(session, {.grouping = Grouping::Parent})),
            (std::vector<std::string>{"started by nobody known", "of main"}));
  const ArrangementPtr flat = arranged(session, {.grouping = Grouping::None});
  ASSERT_EQ(flat->sets().size(), 1U);
  EXPECT_FALSE(flat->sets()[0].has_header);
}

TEST(Arrangement, SortsByTheTimeInAStateWithinARange) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  const TimeRange range{session->duration_ns() / 3, session->duration_ns() / 2};
  const ArrangementPtr sorted =
      arranged(session, {.sort = SortBy::Time, .sort_class = StateClass::Lock, .range = range});
  const auto time_of = [&](TaskIndex task) {
    return session->tasks()[task].track.times_in(range)[index_of(StateClass::Lock)];
  };
  std::vector<std::int64_t> sums;
  for (const TaskSet& set : sorted->sets()) {
    const auto tasks = sorted->tasks_of(set);
    EXPECT_TRUE(std::ranges::is_sorted(tasks, std::greater<>{}, time_of));
    sums.push_back(
        std::accumulate(tasks.begin(), tasks.end(), std::int64_t{0},
                        [&](std::int64_t sum, TaskIndex task) { return sum + time_of(task); }));
  }
  EXPECT_TRUE(std::ranges::is_sorted(sums, std::greater<>{}));
  EXPECT_GT(sums.front(), 0);
  std::vector<TaskIndex> all = sorted->order();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(all.size(), session->tasks().size()) << "nobody is lost";
  for (const TaskIndex task : all) EXPECT_EQ(sorted->order()[*sorted->position(task)], task);
}

TEST(Arrangement, FiltersLeaveWhatMatchesAllOfThem) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 1'000});
  const ArrangementPtr some =
      arranged(session, {.filters = {"state:lock", "-name:=reader", "task:1..20"}});
  EXPECT_TRUE(some->filtered());
  EXPECT_FALSE(some->order().empty());
  for (TaskIndex task = 0; task < session->tasks().size(); ++task) {
    bool wanted = true;
    for (const char* text : {"state:lock", "-name:=reader", "task:1..20"}) {
      const Query query = parse_query(text).query;
      wanted = wanted && QueryMatcher(*session, query).task_or_span(task);
    }
    EXPECT_EQ(some->position(task).has_value(), wanted);
  }
  for (const TaskSet& set : some->sets()) EXPECT_GT(set.size(), 0U);
  EXPECT_TRUE(arranged(session, {.filters = {"name:nobody"}})->order().empty());
}

TEST(Arrangement, KeysStayWhateverIsSortedOrHidden) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 1'000});
  const auto keys = [&](const ArrangementOptions& options) {
    std::map<std::string, std::uint32_t> out;
    const ArrangementPtr arrangement = arranged(session, options);
    for (const TaskSet& set : arrangement->sets()) out[set.label + set.place] = set.key;
    return out;
  };
  const auto all = keys({});
  EXPECT_EQ(keys({.sort = SortBy::Name}), all);
  for (const auto& [label, key] : keys({.filters = {"name:reader,logger"}})) {
    EXPECT_EQ(all.at(label), key);
  }
}

// Cells of a set, as nanoseconds per class summed by hand over its tasks.
TEST(Arrangement, CellsOfASetAreTheExactSharesOfItsTasks) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  const ArrangementPtr by_name = arranged(session, {.grouping = Grouping::Name});
  const ColumnGrid grid{static_cast<double>(session->duration_ns()) / 300};
  for (std::uint32_t at = 0; at < by_name->sets().size(); ++at) {
    const TaskSet& set = by_name->sets()[at];
    if (!set.has_header) continue;
    std::size_t columns = 0;
    for (const Cell& cell : by_name->cells(at, grid, -20, 320)) {
      for (std::int64_t column = cell.first; column < cell.last; ++column) {
        ClassTimes times{};
        const TimeRange range{grid.left_ns(column), grid.left_ns(column + 1)};
        for (const TaskIndex task : by_name->tasks_of(set)) {
          const ClassTimes of_task = session->tasks()[task].track.times_in(range);
          for (std::size_t c = 0; c < kStateClasses; ++c) times[c] += of_task[c];
        }
        EXPECT_EQ(cell.shares, to_shares(times, range.length_ns() * set.alive_max));
        EXPECT_LE(total(times), range.length_ns() * set.alive_max);
        ++columns;
      }
    }
    EXPECT_GT(columns, 250U);
  }
}

TEST(Arrangement, ItsPicturesAreDrawnAndForgottenWithIt) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 1'000});
  RowPictures pictures(session, {});
  const ArrangementPtr some = arranged(session, {.filters = {"name:reader"}});
  const Row row{RowKind::TaskSet, Arrangement::kAllSets, 0, 24, false};
  const ColumnGrid grid{static_cast<double>(session->duration_ns()) / 300};
  pictures.set_arrangement(some);
  pictures.begin_frame();
  pictures.find(row, grid, 0, 300);
  pictures.wait_idle();
  const RowPicturePtr picture = pictures.find(row, grid, 0, 300);
  ASSERT_NE(picture, nullptr);
  EXPECT_FALSE(picture->cells.empty());
  pictures.set_arrangement(arranged(session, {.filters = {"name:nobody"}}));
  EXPECT_EQ(pictures.find(row, grid, 0, 300), nullptr);
}

}  // namespace
}  // namespace taskscope::viewer
