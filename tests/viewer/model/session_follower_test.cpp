#include "viewer/model/session_follower.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/store_pace.h"
#include "tests/support/random_schedule.h"
#include "tests/support/temporary_folder.h"
#include "viewer/model/loader.h"

namespace taskscope::viewer {
namespace {

// A recording that is made piece by piece, as a recorder does: its times are its events'.
class Growing {
 public:
  Growing(const std::string& path, std::uint32_t seed, std::size_t steps)
      : schedule_({.seed = seed, .workers = 4, .steps = steps}), random_(seed) {
    auto made = store::Writer::create(path);
    EXPECT_TRUE(made);
    writer_.emplace(std::move(*made));
    builder_.emplace(*writer_);
  }
  bool more() const { return at_ < schedule_.events().size(); }
  // Takes some events, and stores what is due.
  void take_some() {
    for (std::uint32_t left = 1 + random_() % 300; left > 0 && more(); --left, ++at_) {
      const trace_format::TextEvent& event = schedule_.events()[at_];
      const auto [ring, fresh] = rings_.try_emplace(event.ring, 0);
      if (fresh) ring->second = builder_->add_ring(event.ring);
      builder_->take(ring->second, event.event, event.text,
                     static_cast<std::int64_t>(event.event.ticks));
    }
    now_ns_ += static_cast<std::int64_t>(random_() % 4) * ingest::StorePace::kCommitEveryNs;
    store();
  }
  void store_all() {
    now_ns_ += ingest::StorePace::kEndChunksEveryNs;
    store();
  }
  void drop_half() {
    const auto dropped = writer_->drop_before(builder_->last_ns() / 2);
    ASSERT_TRUE(dropped);
    ASSERT_GT(dropped->events, 0U);
  }
  void finish() { ASSERT_TRUE(ingest::complete(*builder_, *writer_, {})); }

 private:
  void store() {
    ingest::SpanBuilder* const builders[] = {&*builder_};
    ASSERT_TRUE(pace_.store(now_ns_, builders, *writer_));
  }

  tests::RandomSchedule schedule_;
  std::mt19937 random_;
  std::size_t at_ = 0;
  std::int64_t now_ns_ = 0;
  std::optional<store::Writer> writer_;
  std::optional<ingest::SpanBuilder> builder_;
  ingest::StorePace pace_;
  std::map<store::WorkerId, std::size_t> rings_;
};

std::vector<TrackSpan> times_of(const Track& track) {
  std::vector<TrackSpan> spans;
  for (std::size_t at = 0; at < track.size(); ++at) {
    spans.push_back(track[at]);
    spans.back().payload = 0;  // places in tables, which may be others
    spans.back().extra = 0;
  }
  return spans;
}

// What a person can be told of a span.
std::string text_of(const TraceSession& session, SpanIndex span) {
  const SpanDetail detail = session.span_detail(span);
  const SpanIndex woken = session.woken_span(span);
  return session.object_text(detail) + "|" + session.waker_text(span) + "|" +
         session.arms_text(span) + "|" + session.chosen_text(span) + "|" +
         session.site_text(detail.site_id) + "|" + std::to_string(session.worker_number(detail)) +
         "|" + std::to_string(session.thread_of(detail)) + "|" +
         (woken == kNoSpan ? "" : session.tasks()[session.span_task(woken)].label);
}

void expect_same_decisions(const DecisionTrack& a, const DecisionTrack& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t at = 0; at < a.size(); ++at) {
    EXPECT_EQ(a[at].ns, b[at].ns);
    EXPECT_EQ(a[at].kind, b[at].kind);
    EXPECT_EQ(a[at].amount, b[at].amount);
    EXPECT_EQ(a[at].other, b[at].other);
  }
}

void expect_same_tasks(const TraceSession& followed, const TraceSession& fresh) {
  ASSERT_EQ(followed.tasks().size(), fresh.tasks().size());
  ASSERT_EQ(followed.span_count(), fresh.span_count());
  for (const Task& task : fresh.tasks()) {
    const TaskIndex index = followed.find_task(task.row.id);
    ASSERT_NE(index, kNoTask);
    const Task& same = followed.tasks()[index];
    ASSERT_EQ(same.row.id, task.row.id);
    EXPECT_EQ(same.label, task.label);
    EXPECT_EQ(same.row.ended_ns, task.row.ended_ns);
    ASSERT_EQ(times_of(same.track), times_of(task.track)) << task.label;
    for (std::uint32_t at = 0; at < task.span_count; ++at) {
      ASSERT_EQ(text_of(followed, same.first_span + at), text_of(fresh, task.first_span + at));
    }
  }
}

void expect_same(const TraceSession& followed, const TraceSession& fresh) {
  ASSERT_NO_FATAL_FAILURE(expect_same_tasks(followed, fresh));
  ASSERT_EQ(followed.workers().size(), fresh.workers().size());
  for (std::size_t at = 0; at < fresh.workers().size(); ++at) {
    const Worker& worker = fresh.workers()[at];
    const Worker& same = followed.workers()[at];
    EXPECT_EQ(times_of(same.track), times_of(worker.track));
    EXPECT_EQ(times_of(same.idle.track), times_of(worker.idle.track));
    expect_same_decisions(same.decisions, worker.decisions);
    ASSERT_EQ(same.drives.size(), worker.drives.size());
    for (std::size_t drive = 0; drive < worker.drives.size(); ++drive) {
      EXPECT_EQ(same.drives[drive].start_ns, worker.drives[drive].start_ns);
      EXPECT_EQ(same.drives[drive].thread_id, worker.drives[drive].thread_id);
    }
  }
  expect_same_decisions(followed.outside(), fresh.outside());
  ASSERT_EQ(followed.threads().size(), fresh.threads().size());
  for (const Thread& thread : fresh.threads()) {
    const auto same = std::find_if(followed.threads().begin(), followed.threads().end(),
                                   [&](const Thread& other) { return other.id == thread.id; });
    ASSERT_NE(same, followed.threads().end());
    // What a thread does now lasts until the end, which is that of the recorder's clock.
    std::vector<TrackSpan> spans = times_of(same->track);
    std::erase_if(spans,
                  [&](const TrackSpan& span) { return span.start_ns >= fresh.duration_ns(); });
    if (!spans.empty()) spans.back().end_ns = std::min(spans.back().end_ns, fresh.duration_ns());
    EXPECT_EQ(spans, times_of(thread.track));
  }
  std::map<store::SiteId, const TaskGroup*> groups;
  for (const TaskGroup& group : fresh.groups()) groups[group.spawn_site_id] = &group;
  for (const TaskGroup& group : followed.groups()) {
    const TaskGroup& same = *groups.at(group.spawn_site_id);
    EXPECT_EQ(group.label, same.label);
    EXPECT_EQ(group.times, same.times);
    EXPECT_EQ(group.index.alive_max(), same.index.alive_max());
  }
  EXPECT_EQ(followed.groups().size(), fresh.groups().size());
  EXPECT_EQ(followed.cut_spans(), 0U);
  EXPECT_EQ(followed.skipped_spans(), 0U);
}

class FollowerOf : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, FollowerOf, ::testing::Range(1U, 17U));

// Chunks that are under way, that have grown and that have ended since; cuts and commits between
// them; snapshots that are kept while the builder goes on.
TEST_P(FollowerOf, ARecordingThatGrowsIsTheSameAsOneThatIsReadAtOnce) {
  const tests::TemporaryFolder folder;
  Growing recording(folder.file("a"), GetParam(), 6'000);
  SessionFollower follower(folder.file("a"), {});
  std::mt19937 random(GetParam());
  std::vector<SessionPtr> snapshots;
  std::vector<std::size_t> spans;
  while (recording.more()) {
    recording.take_some();
    if (random() % 3 == 0) continue;
    follower.refresh();
    const SessionFollower::State state = follower.wait();
    ASSERT_EQ(state.error, "");
    if (state.session == nullptr) continue;
    if (!snapshots.empty() && snapshots.back() == state.session) continue;
    snapshots.push_back(state.session);
    spans.push_back(state.session->span_count());
  }
  EXPECT_GT(snapshots.size(), 3U);
  EXPECT_TRUE(std::is_sorted(spans.begin(), spans.end()));
  recording.store_all();
  follower.refresh();
  const SessionPtr followed = follower.wait().session;
  ASSERT_NE(followed, nullptr);
  SessionLoader loader(folder.file("a"), {});
  const SessionLoader::State fresh = loader.wait();
  ASSERT_EQ(fresh.error, "");
  expect_same(*followed, *fresh.session);
  // What was handed out earlier is still what it was: the beginning of what there is now.
  for (std::size_t at = 0; at < snapshots.size(); ++at) {
    EXPECT_EQ(snapshots[at]->span_count(), spans[at]);
    for (std::size_t task = 0; task < snapshots[at]->tasks().size(); ++task) {
      const Track& before = snapshots[at]->tasks()[task].track;
      const Track& now = followed->tasks()[task].track;
      ASSERT_EQ(snapshots[at]->tasks()[task].row.id, followed->tasks()[task].row.id);
      ASSERT_LE(before.size(), now.size());
      if (before.empty()) continue;
      EXPECT_EQ(before[before.size() - 1].end_ns, now[before.size() - 1].end_ns);
    }
  }
  recording.finish();
}

TEST_P(FollowerOf, TheOverviewHasTheTimeOfAllSpans) {
  const tests::TemporaryFolder folder;
  Growing recording(folder.file("a"), GetParam(), 3'000);
  while (recording.more()) recording.take_some();
  recording.store_all();
  SessionFollower follower(folder.file("a"), {});
  follower.refresh();
  const SessionPtr session = follower.wait().session;
  ASSERT_NE(session, nullptr);
  ClassTimes expected{};
  for (const TaskGroup& group : session->groups()) {
    for (std::size_t c = 0; c < kStateClasses; ++c) expected[c] += group.times[c];
  }
  ClassTimes sum{};
  for (const ClassTimes& part : session->overview(100)) {
    for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += part[c];
  }
  EXPECT_EQ(sum, expected);
}

TEST(SessionFollower, OfWhatHasNoCutYetThereIsNothing) {
  const tests::TemporaryFolder folder;
  auto writer = store::Writer::create(folder.file("a"));
  ASSERT_TRUE(writer);
  SessionFollower follower(folder.file("a"), {});
  follower.refresh();
  const SessionFollower::State state = follower.wait();
  EXPECT_EQ(state.session, nullptr);
  EXPECT_EQ(state.error, "");
}

TEST(SessionFollower, AFileThatIsNotThereIsAnErrorUntilItIs) {
  const tests::TemporaryFolder folder;
  SessionFollower follower(folder.file("a"), {});
  follower.refresh();
  EXPECT_NE(follower.wait().error, "");
  Growing recording(folder.file("a"), 1, 500);
  recording.take_some();
  recording.store_all();
  follower.refresh();
  EXPECT_EQ(follower.wait().error, "");
  EXPECT_NE(follower.poll().session, nullptr);
}

// Chunks that were read are gone, and their ids may have come again.
TEST(SessionFollower, ARecordingThatForgetsItsBeginningIsReadAnew) {
  const tests::TemporaryFolder folder;
  Growing recording(folder.file("a"), 3, 4'000);
  SessionFollower follower(folder.file("a"), {});
  for (int i = 0; i < 4; ++i) recording.take_some();
  recording.store_all();
  follower.refresh();
  const std::size_t before = follower.wait().session->span_count();
  for (int i = 0; i < 4; ++i) recording.take_some();
  recording.store_all();
  recording.drop_half();
  recording.take_some();
  recording.store_all();
  follower.refresh();
  const SessionFollower::State state = follower.wait();
  EXPECT_EQ(state.error, "");
  SessionLoader loader(folder.file("a"), {});
  EXPECT_EQ(state.session->span_count(), loader.wait().session->span_count());
  EXPECT_GT(before, 0U);
}

}  // namespace
}  // namespace taskscope::viewer
