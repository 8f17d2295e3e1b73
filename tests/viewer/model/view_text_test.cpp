#include "viewer/model/view_text.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>

#include "tests/support/synthetic_session.h"
#include "viewer/model/time_text.h"
#include "viewer/model/view_state.h"

namespace taskscope::viewer {
namespace {

constexpr double kWidth = 1000;

ViewState fresh_view(const TraceSession& session) {
  ViewState view;
  view.time.set_width(kWidth);
  view.reset(session);
  return view;
}

ArrangementPtr arrange(const SessionPtr& session, const ViewState& view) {
  const std::atomic<bool> never{false};
  // shared: as rows have it
  return std::make_shared<const Arrangement>(session, view.arrangement, never);
}

// As a scene does, once the tasks are arranged.
RowList rows_of(const SessionPtr& session, ViewState& view, float scale) {
  const ArrangementPtr arrangement = arrange(session, view);
  if (view.wanted_folds) {
    EXPECT_EQ(apply_folds(*view.wanted_folds, *arrangement, view.folds), "");
    view.wanted_folds.reset();
  }
  return {arrangement, view.folds, view.pins, scale};
}

// Anything a person could have done to the window.
ViewState random_view(const SessionPtr& of, std::mt19937_64& random) {
  const TraceSession& session = *of;
  const auto below = [&](std::size_t limit) {
    return static_cast<std::uint32_t>(random() % std::max<std::size_t>(limit, 1));
  };
  ViewState view = fresh_view(session);
  const std::int64_t start = below(static_cast<std::size_t>(session.duration_ns()));
  view.time.show({start, start + 1 + below(static_cast<std::size_t>(session.duration_ns()))});
  view.theme = below(2) == 0 ? Theme::Dark : Theme::Light;
  view.left_width = static_cast<float>(120 + below(400));
  view.drawer_height = static_cast<float>(60 + below(400));
  view.folds.workers = below(3) == 0;
  view.folds.threads = below(2) == 0;
  view.arrangement.grouping = static_cast<Grouping>(below(4));
  view.arrangement.sort = static_cast<SortBy>(below(4));
  if (view.arrangement.sort == SortBy::Time) {
    view.arrangement.sort_class = static_cast<StateClass>(below(kStateClasses));
  }
  if (below(3) == 0) view.arrangement.filters = {"-name:\"=no such, name\"", "task:>0,7"};
  if (below(3) == 0)
    view.pins = {{RowKind::Worker, below(session.workers().size())},
                 {RowKind::Task, below(session.tasks().size())}};
  view.folds.groups.clear();
  const ArrangementPtr arrangement = arrange(of, view);
  for (const TaskSet& set : arrangement->sets()) {
    if (set.has_header && below(2) == 0) view.folds.groups.insert(set.key);
  }
  if (below(3) == 0) view.measured = TimeRange{500, 500 + 1 + below(100'000)};
  if (below(3) == 0) {
    view.selection.worker = below(session.workers().size());
  } else {
    view.selection.task = below(session.tasks().size());
    const Task& task = session.tasks()[view.selection.task];
    if (task.span_count > 0) view.selection.span = task.first_span + below(task.span_count);
  }
  if (below(2) == 0) view.finding = below(9);
  view.findings_pane.open = below(2) == 0;
  if (view.findings_pane.open && below(2) == 0) view.findings_pane.filter = "leak";
  view.findings_width = static_cast<float>(240 + below(500));
  std::mt19937_64 others = random;  // what was drawn before stays what it is
  const auto more = [&](std::size_t limit) { return static_cast<std::uint32_t>(others() % limit); };
  view.show_regions = more(2) == 0;
  view.show_samples = more(2) == 0;
  view.profile.open = more(2) == 0;
  if (view.profile.open) {
    view.profile.of = static_cast<ProfileOf>(more(2));
    view.profile.scope = static_cast<ProfileScope>(more(4));
  }
  view.profile_height = static_cast<float>(100 + more(500));
  view.memory.open = !view.profile.open && more(2) == 0;
  if (view.memory.open) view.memory.filter = kSiteFilters[more(kSiteFilters.size())];
  const RowSamples samples = row_samples(session, view.selection);
  if (!samples.empty() && more(2) == 0) {
    view.selection.sample = session.samples().index_at(samples.first + more(samples.size()));
  }
  return view;
}

TEST(ViewText, ReopensTheViewItWasCopiedFrom) {
  const SessionPtr session = tests::make_called_session({.spans = 4'000, .task_scale = 8});
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    ViewState view = random_view(session, random);
    const RowList rows = rows_of(session, view, 2);
    view.scroll_y = static_cast<double>(random() % static_cast<std::uint64_t>(rows.height()));
    const std::string text = to_text(describe(*session, view, rows, 2));
    const Result<ViewDescription> parsed = parse_view(text);
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(to_text(*parsed), text);

    ViewState again = fresh_view(*session);
    again.selection.task = 0;
    EXPECT_EQ(apply(*parsed, *session, again), "");
    EXPECT_EQ(again.selection, view.selection);
    EXPECT_EQ(again.wanted_finding.has_value(), view.finding.has_value());
    if (view.finding) {
      EXPECT_EQ(again.wanted_finding, static_cast<std::int64_t>(*view.finding) + 1);
    }
    EXPECT_EQ(again.findings_pane.open, view.findings_pane.open);
    EXPECT_EQ(again.findings_pane.filter, view.findings_pane.filter);
    EXPECT_EQ(again.findings_width, view.findings_width);
    EXPECT_EQ(again.show_regions, view.show_regions);
    EXPECT_EQ(again.show_samples, view.show_samples);
    EXPECT_EQ(again.profile.open, view.profile.open);
    EXPECT_EQ(again.profile.of, view.profile.of);
    EXPECT_EQ(again.profile.scope, view.profile.scope);
    EXPECT_EQ(again.profile_height, view.profile_height);
    EXPECT_EQ(again.memory.open, view.memory.open);
    EXPECT_EQ(again.memory.filter, view.memory.filter);
    EXPECT_EQ(again.measured, view.measured);
    EXPECT_EQ(again.theme, view.theme);
    EXPECT_EQ(again.left_width, view.left_width);
    EXPECT_EQ(again.drawer_height, view.drawer_height);
    EXPECT_EQ(again.pins, view.pins);
    EXPECT_EQ(again.arrangement.filters, view.arrangement.filters);
    EXPECT_EQ(again.arrangement.grouping, view.arrangement.grouping);
    EXPECT_EQ(again.arrangement.sort, view.arrangement.sort);
    EXPECT_EQ(again.arrangement.sort_class, view.arrangement.sort_class);
    const RowList rows_again = rows_of(session, again, 2);
    EXPECT_EQ(again.folds.workers, view.folds.workers);
    EXPECT_EQ(again.folds.threads, view.folds.threads);
    EXPECT_EQ(again.folds.groups, view.folds.groups);
    EXPECT_NEAR(again.time.to_px(view.time.visible().start_ns), 0, 1);
    EXPECT_NEAR(again.time.to_px(view.time.visible().end_ns), kWidth, 1.5);
    if (view.scroll_y > 0) {
      ASSERT_TRUE(again.anchor);
      const auto y = anchored_scroll(*again.anchor, rows_again, 2);
      ASSERT_TRUE(y);
      EXPECT_NEAR(*y, view.scroll_y, 2);  // a pixel at scale 1
    }
  }
}

TEST(ViewText, SaysWhereAPersonIsInWordsThatAPersonCanRead) {
  ViewDescription view;
  view.range = TimeRange{-1'000, 3'400'000};
  view.task = 17;
  view.span_ns = 1'250'000;
  view.top = RowAnchor{{RowKind::Task, 12}, 5};
  view.folds.folded = {{RowKind::WorkersHeader}, {RowKind::GroupHeader, 3}};
  view.theme = Theme::Light;
  const std::string text =
      "ts1/range=-1us..3.4ms/task=17/span=1.25ms/top=task:12+5/fold=workers,group:3/theme=light";
  EXPECT_EQ(to_text(view), text);
  const Result<ViewDescription> parsed = parse_view(text + "\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, view);
  EXPECT_EQ(text.find_first_of(" ;&|<>()$`\\\"'*?[]#~!{}"), std::string::npos) << "needs quotes";
}

TEST(ViewText, SaysWhichCollectionIsSelectedAndWhichPlacesAreListed) {
  const SessionPtr session = tests::make_collected_session({.spans = 1'000});
  ViewState view = fresh_view(*session);
  view.selection = {.collection = 3};
  view.memory.open = true;
  view.memory.filter = SiteFilter::Learned;
  const std::string text = to_text(describe(*session, view, rows_of(session, view, 1), 1));
  EXPECT_NE(text.find("/collection=4/"), std::string::npos) << text;
  EXPECT_NE(text.find("/memory=learned/"), std::string::npos) << text;
  ViewState again = fresh_view(*session);
  again.profile.open = true;
  EXPECT_EQ(apply(*parse_view(text), *session, again), "");
  EXPECT_EQ(again.selection, view.selection);
  EXPECT_EQ(again.memory.filter, SiteFilter::Learned);
  EXPECT_FALSE(again.profile.open) << "they have one place";
  EXPECT_EQ(apply(*parse_view("ts1/collection=99"), *session, again),
            "There is no collection 99 in this recording.");
}

TEST(ViewText, SaysWhatIsHiddenAndWhereTimeIsLookedFor) {
  ViewDescription view;
  view.worker = 1;
  view.sample_ns = 2'000;
  view.regions_hidden = view.samples_hidden = true;
  view.profile = ViewDescription::Profile{true, ProfileOf::Waits, ProfileScope::Group};
  view.profile_height = 300;
  const std::string text =
      "ts1/worker=1/sample=2us/regions=hidden/samples=hidden/profile=waits:group/"
      "profile-height=300";
  EXPECT_EQ(to_text(view), text);
  const Result<ViewDescription> parsed = parse_view(text);
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(*parsed, view);
}

TEST(ViewText, IsTheSameWhereverTheTasksStand) {
  // The same recording with a task less in front: every index is another, every id the same.
  tests::SyntheticRecording whole = tests::make_synthetic_recording({.spans = 2'000});
  tests::SyntheticRecording part = whole;
  part.entities.tasks.erase(part.entities.tasks.begin() + 2);
  const store::TaskId id = whole.entities.tasks[9].id;
  const SessionPtr before = SessionBuilder("a.tscope", std::move(whole.entities)).summary();
  const SessionPtr after = SessionBuilder("a.tscope", std::move(part.entities)).summary();
  ViewState view = fresh_view(*before);
  view.selection.task = before->find_task(id);
  const RowList rows = rows_of(before, view, 1);
  const Result<ViewDescription> parsed = parse_view(to_text(describe(*before, view, rows, 1)));
  ASSERT_TRUE(parsed);
  ViewState again = fresh_view(*after);
  EXPECT_EQ(apply(*parsed, *after, again), "");
  ASSERT_NE(again.selection.task, view.selection.task);
  EXPECT_EQ(after->tasks()[again.selection.task].row.id, id);
}

TEST(ViewText, OfAnotherRecordingSaysWhatIsNotThere) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  const auto missing = [&](const char* text) {
    const Result<ViewDescription> parsed = parse_view(text);
    EXPECT_TRUE(parsed);
    ViewState view = fresh_view(*session);
    const std::string sentence = apply(*parsed, *session, view);
    if (!sentence.empty()) return sentence;
    return apply_folds(*view.wanted_folds, *arrange(session, view), view.folds);
  };
  EXPECT_EQ(missing("ts1/task=99999"), "There is no task 99999 in this recording.");
  EXPECT_EQ(missing("ts1/worker=99999"), "There is no worker 99999 in this recording.");
  EXPECT_EQ(missing("ts1/task=1/span=-5ns"),
            "There is no span of task 1 that begins at -5 ns in this recording.");
  EXPECT_EQ(missing("ts1/task=1/sample=5ns"), "There is no sample at 5 ns in this recording.");
  EXPECT_EQ(missing("ts1/fold=group:99999"),
            "There is no group that begins with task 99999 in this recording.");
  EXPECT_EQ(missing("ts1/range=0s..99999s"), "");
}

TEST(ViewText, IsRefusedWithTheKeyThatIsWrong) {
  const auto refusal = [](std::string_view text) {
    const Result<ViewDescription> parsed = parse_view(text);
    return parsed ? std::string() : parsed.error().message;
  };
  EXPECT_EQ(refusal(""), "'' is no view; views begin with ts1/.");
  EXPECT_EQ(refusal("hello"), "'hello' is no view; views begin with ts1/.");
  EXPECT_EQ(refusal("ts2/range=1ms..2ms"),
            "The view is of another version of Taskscope: 'ts2', not ts1.");
  EXPECT_EQ(refusal("ts1/colour=red"),
            "The view says 'colour', which this version of Taskscope does not know.");
  EXPECT_EQ(refusal("ts1/task=1/task=2"), "The view says task twice.");
  EXPECT_EQ(refusal("ts1/range=2ms..1ms"),
            "In the view, range takes two times, such as 1.2ms..3.4ms, not '2ms..1ms'.");
  EXPECT_EQ(refusal("ts1/left=20"), "In the view, left takes a width from 120 to 600, not '20'.");
  EXPECT_EQ(refusal("ts1/span=1ms"), "The view says span without saying of which task.");
  EXPECT_EQ(refusal("ts1/sample=1ms"),
            "The view says sample without saying of which task or worker.");
  for (const char* text : {"ts1/task=",
                           "ts1/task=-1",
                           "ts1/task=1x",
                           "ts1/task=99999999999999999999999",
                           "ts1/range=1ms",
                           "ts1/range=..",
                           "ts1/range=1e3ms..2e3ms",
                           "ts1/top=task",
                           "ts1/top=task:1+",
                           "ts1/top=task:1+-4",
                           "ts1/top=task:1+99999999",
                           "ts1/fold=",
                           "ts1/fold=task:1",
                           "ts1/fold=workers,",
                           "ts1/fold=,workers",
                           "ts1/fold=workers:1",
                           "ts1/theme=Dark",
                           "ts1/left=1",
                           "ts1/drawer=1e9",
                           "ts1/pane=9",
                           "ts1/findings=",
                           "ts1/findings=open",
                           "ts1/regions=shown",
                           "ts1/samples=",
                           "ts1/profile=open",
                           "ts1/profile=cpu:",
                           "ts1/profile-height=99",
                           "ts1/memory=open",
                           "ts1/collection=x",
                           "ts1//",
                           "ts1/range"}) {
    EXPECT_NE(refusal(text), "") << text;
  }
}

TEST(ViewText, ThatIsHostileIsRefusedInOnePrintableSentence) {
  const std::string seed_text =
      "ts1/range=1.2ms..3.4ms/task=17/span=1ms/worker=2/finding=3/measure=1us..2us/top=group:4+6/"
      "fold=workers,group:7/unfold=threads/group=name/sort=lock/only=name:a%2Cb/"
      "pin=worker:0,task:3/theme=dark/left=220/drawer=156/pane=340/findings=leak";
  ASSERT_TRUE(parse_view(seed_text));
  const SessionPtr session = tests::make_synthetic_session({.spans = 500});
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = seed_text;
    for (std::uint64_t edits = 1 + random() % 4; edits > 0; --edits) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 20));
          break;
        default:
          text.insert(at, random() % 30, '9');
      }
      if (text.empty()) text = "t";
    }
    const Result<ViewDescription> parsed = parse_view(text);
    if (parsed) {
      EXPECT_EQ(*parse_view(to_text(*parsed)), *parsed) << text;
      ViewState view = fresh_view(*session);
      (void)apply(*parsed, *session, view);
      (void)apply_folds(parsed->folds, *arrange(session, ViewState()), view.folds);
    } else {
      const std::string& message = parsed.error().message;
      EXPECT_LT(message.size(), 200U);
      EXPECT_EQ(message.find_first_of("\n\r\x1b"), std::string::npos);
      EXPECT_EQ(message.back(), '.');
    }
  }
}

TEST(TimeText, LosesNothingOfAnyTime) {
  std::mt19937_64 random(3);
  for (const std::int64_t ns : {INT64_C(0), INT64_C(1), INT64_C(-1), INT64_C(999), INT64_C(1000),
                                INT64_C(1'000'000'000), INT64_MAX, -INT64_MAX}) {
    EXPECT_EQ(parse_time(exact_time_text(ns)), ns) << exact_time_text(ns);
  }
  for (int round = 0; round < 10'000; ++round) {
    const auto ns = static_cast<std::int64_t>(random() >> (1 + random() % 62));
    EXPECT_EQ(parse_time(exact_time_text(ns)), ns) << exact_time_text(ns);
    EXPECT_EQ(parse_time(exact_time_text(-ns)), -ns) << exact_time_text(-ns);
  }
  EXPECT_EQ(exact_time_text(1'234'567), "1.234567ms");
  EXPECT_EQ(exact_time_text(-20'000'000), "-20ms");
  EXPECT_EQ(exact_time_text(1'000'000'001), "1.000000001s");
  EXPECT_EQ(parse_time("1.9999ns"), 1);
  for (const char* text : {"", "-", ".", "ms", "1 ms", "1parsec", "9223372036854775808", "1..2",
                           "+1ms", "99999999999999999999s", "0x1"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

}  // namespace
}  // namespace taskscope::viewer
