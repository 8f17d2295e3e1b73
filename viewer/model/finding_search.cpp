#include "viewer/model/finding_search.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "recorder/store/reader.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/live_findings.h"
#include "viewer/analysis/report.h"

namespace taskscope::viewer {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kBetweenLooks{1};
// A live look at the whole file may take this part of one core's time.
constexpr int kLiveShare = 5;
constexpr std::chrono::milliseconds kBetweenProgress{50};

}  // namespace

std::vector<store::WaitingGroup> waiting_groups(const TraceSession& session) {
  using Key = std::tuple<store::ProgramId, store::SiteId, store::SiteId, store::BlockReason>;
  std::map<Key, store::WaitingGroup> groups;
  for (const Task& task : session.tasks()) {
    if (!task.last_span_unfinished || task.track.empty()) continue;
    const TrackSpan last = task.track[task.track.size() - 1];
    const SpanDetail& detail = session.detail(last.payload);
    if (detail.state != store::TaskState::Blocked) continue;
    const store::ProgramId program = store::program_of(task.row.id);
    store::WaitingGroup& group =
        groups[{program, task.row.spawn_site_id, detail.site_id, detail.reason}];
    group.program_id = program;
    group.spawn_site_id = task.row.spawn_site_id;
    group.wait_site_id = detail.site_id;
    group.reason = detail.reason;
    ++group.tasks;
    group.longest_ns = std::max(group.longest_ns, last.length_ns());
  }
  std::vector<store::WaitingGroup> out;
  out.reserve(groups.size());
  for (auto& [key, group] : groups) out.push_back(group);
  return out;
}

// Looks at one session after another of a recording under way: each time at what waits, and at the
// whole file as often as that is cheap. Owned by the search's thread.
class FindingSearch::LiveLook {
 public:
  // When the next look is due.
  Clock::time_point due() const { return due_; }

  std::vector<store::FindingRow> look(const TraceSession& session,
                                      const std::function<bool(double)>& goes_on) {
    const Clock::time_point now = Clock::now();
    due_ = now + kBetweenLooks;
    std::vector<store::FindingRow> rows;
    (void)waits_.look(waiting_groups(session));
    for (const analysis::LiveFinding& found : waits_.found()) {
      rows.push_back(row_of(session, found));
    }
    if (now >= whole_due_) {
      look_at_file(session.path(), goes_on);
      const Clock::time_point done = Clock::now();
      whole_due_ = std::max(now + kBetweenLooks, done + (done - now) * (kLiveShare - 1));
    }
    rows.insert(rows.end(), of_file_.begin(), of_file_.end());
    analysis::order_findings(rows);
    return rows;
  }

 private:
  // What cannot be read just now was renamed, or is about to grow: the next look tells more.
  void look_at_file(const std::string& path, const std::function<bool(double)>& goes_on) {
    const auto reader = store::Reader::open(path);
    if (!reader) return;
    auto report = analysis::build_report(*reader, {.limits = {}, .on_progress = goes_on});
    if (report) of_file_ = std::move(report->findings);
  }

  static store::FindingRow row_of(const TraceSession& session, const analysis::LiveFinding& found) {
    const store::WaitingGroup& group = found.group;
    store::FindingRow row = analysis::to_row(found, session.site_text(group.wait_site_id));
    row.last_ns = session.duration_ns();
    row.first_ns = std::max<std::int64_t>(row.last_ns - group.longest_ns, 0);
    for (const Task& task : session.tasks()) {
      if (!task.last_span_unfinished || task.row.spawn_site_id != group.spawn_site_id ||
          store::program_of(task.row.id) != group.program_id) {
        continue;
      }
      const SpanDetail& last = session.detail(task.track[task.track.size() - 1].payload);
      if (last.site_id != group.wait_site_id || last.reason != group.reason) continue;
      row.task_ids.push_back(task.row.id);
    }
    if (!row.task_ids.empty()) row.task_id = row.task_ids.front();
    return row;
  }

  analysis::LiveFindings waits_;
  std::vector<store::FindingRow> of_file_;
  Clock::time_point due_;
  Clock::time_point whole_due_;
};

FindingSearch::FindingSearch(std::function<void()> on_change) : on_change_(std::move(on_change)) {
  state_.list = std::make_shared<const FindingList>();  // shared: FindingListPtr
}

FindingSearch::~FindingSearch() {
  {
    const std::scoped_lock lock(mutex_);
    quit_ = true;
    stop_.store(true);
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void FindingSearch::look(SessionPtr session, Where where) {
  {
    const std::scoped_lock lock(mutex_);
    if (where != Where::Live || where_ != Where::Live) stop_.store(true);
    wanted_ = std::move(session);
    where_ = where;
    if (where != Where::Live) {
      state_.stage = FindingStage::Looking;
      state_.progress = 0;
      state_.error.clear();
    }
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  changed_.notify_all();
}

void FindingSearch::forget() {
  stop();
  const std::scoped_lock lock(mutex_);
  state_ = {.list = std::make_shared<const FindingList>()};  // shared: FindingListPtr
}

void FindingSearch::stop() {
  const std::scoped_lock lock(mutex_);
  wanted_.reset();
  stop_.store(true);
  if (state_.stage == FindingStage::Looking) state_.stage = FindingStage::Stopped;
}

FindingState FindingSearch::poll() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

void FindingSearch::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !busy_ && (wanted_ == nullptr || quit_); });
}

void FindingSearch::publish(FindingListPtr list, FindingStage stage, std::string error) {
  {
    const std::scoped_lock lock(mutex_);
    // What was given up may say nothing any more: something else may be shown by now.
    if (stop_.load()) return;
    if (list != nullptr) state_.list = std::move(list);
    state_.stage = stage;
    state_.error = std::move(error);
  }
  if (on_change_) on_change_();
}

bool FindingSearch::publish_progress(double progress) {
  {
    const std::scoped_lock lock(mutex_);
    if (stop_.load()) return false;
    state_.progress = progress;
  }
  if (on_change_) on_change_();
  return true;
}

void FindingSearch::look_once(const SessionPtr& session, Where where) {
  const auto listed = [&](std::vector<store::FindingRow> rows) {
    // shared: FindingListPtr
    return std::make_shared<const FindingList>(*session, std::move(rows), stop_);
  };
  const bool all = where == Where::Stored;
  publish(listed(session->findings()), all ? FindingStage::Stored : FindingStage::Looking);
  if (all || stop_.load()) return;
  const auto reader = store::Reader::open(session->path());
  if (!reader) return publish(nullptr, FindingStage::Failed, reader.error().message);
  Clock::time_point told;
  const auto on_progress = [&](double progress) {
    const Clock::time_point now = Clock::now();
    if (now - told < kBetweenProgress) return !stop_.load();
    told = now;
    return publish_progress(progress);
  };
  auto report = analysis::build_report(*reader, {.limits = {}, .on_progress = on_progress});
  if (!report) return publish(nullptr, FindingStage::Failed, report.error().message);
  publish(listed(std::move(report->findings)), FindingStage::Done);
}

void FindingSearch::run() {
  std::unique_ptr<LiveLook> live;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return quit_ || wanted_ != nullptr; });
    if (quit_) return;
    if (where_ != Where::Live) {
      live.reset();
    } else if (live == nullptr) {
      live = std::make_unique<LiveLook>();
    } else if (changed_.wait_until(lock, live->due(), [this] {
                 return quit_ || wanted_ == nullptr || where_ != Where::Live;
               })) {
      continue;
    }
    const SessionPtr session = std::exchange(wanted_, nullptr);
    const Where where = where_;
    busy_ = true;
    stop_.store(false);
    lock.unlock();
    if (where == Where::Live) {
      auto rows = live->look(*session, [this](double) { return !stop_.load(); });
      // shared: FindingListPtr
      publish(std::make_shared<const FindingList>(*session, std::move(rows), stop_),
              FindingStage::Live);
    } else {
      look_once(session, where);
    }
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace taskscope::viewer
