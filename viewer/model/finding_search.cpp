#include "viewer/model/finding_search.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <optional>
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

// Looks at one session after another of a recording under way: each time at what waits, and at the
// whole file beside that, as often as that is cheap. Owned by the search's thread.
class FindingSearch::LiveLook {
 public:
  LiveLook() = default;
  LiveLook(const LiveLook&) = delete;
  LiveLook& operator=(const LiveLook&) = delete;
  ~LiveLook() {
    leave_.store(true);
    if (file_look_.valid()) file_look_.wait();
  }

  // When the next look is due.
  Clock::time_point due() const { return due_; }

  std::vector<store::FindingRow> look(const TraceSession& session,
                                      const std::vector<store::WaitingGroup>& waiting) {
    due_ = Clock::now() + kBetweenLooks;
    std::vector<store::FindingRow> rows;
    (void)waits_.look(waiting);
    for (const analysis::LiveFinding& found : waits_.found()) {
      rows.push_back(row_of(session, found));
    }
    take_file_look();
    if (!file_look_.valid() && Clock::now() >= file_due_) {
      // thread: what waits is looked at in time, however long the file is.
      file_look_ = std::async(std::launch::async,
                              [this, path = session.path()] { return look_at_file(path); });
    }
    rows.insert(rows.end(), of_file_.begin(), of_file_.end());
    analysis::order_findings(rows);
    return rows;
  }

 private:
  struct FileLook {
    std::optional<std::vector<store::FindingRow>> rows;
    Clock::duration took{};
  };

  // What cannot be read just now was renamed, or is about to grow: the next look tells more.
  FileLook look_at_file(const std::string& path) {
    const Clock::time_point begin = Clock::now();
    FileLook out;
    if (const auto reader = store::Reader::open(path)) {
      const auto goes_on = [this](double) { return !leave_.load(); };
      auto report = analysis::build_report(*reader, {.limits = {}, .on_progress = goes_on});
      if (report) out.rows = std::move(report->findings);
    }
    out.took = Clock::now() - begin;
    return out;
  }

  void take_file_look() {
    const bool ready = file_look_.valid() &&
                       file_look_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    if (!ready) return;
    FileLook done = file_look_.get();
    if (done.rows) of_file_ = std::move(*done.rows);
    file_due_ = Clock::now() + done.took * (kLiveShare - 1);
  }

  static store::FindingRow row_of(const TraceSession& session, const analysis::LiveFinding& found) {
    const store::WaitingGroup& group = found.group;
    store::FindingRow row = analysis::to_row(found, session.site_text(group.wait_site_id));
    row.last_ns = session.duration_ns();
    row.first_ns = std::max<std::int64_t>(row.last_ns - group.longest_ns, 0);
    // Where each of them waits is not in the file yet: these are who was started there and lives.
    for (const Task& task : session.tasks()) {
      const bool there = task.row.spawn_site_id == group.spawn_site_id &&
                         store::program_of(task.row.id) == group.program_id;
      if (there && !task.row.ended_ns) row.task_ids.push_back(task.row.id);
      if (row.task_ids.size() == store::FindingRow::kTasksMax) break;
    }
    if (!row.task_ids.empty()) row.task_id = row.task_ids.front();
    return row;
  }

  analysis::LiveFindings waits_;
  std::vector<store::FindingRow> of_file_;
  Clock::time_point due_;
  Clock::time_point file_due_;

  // Atomic: set once by the destructor, read between chunks; orders nothing.
  std::atomic<bool> leave_{false};

  std::future<FileLook> file_look_;
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

void FindingSearch::set_waiting(std::vector<store::WaitingGroup> groups) {
  const std::scoped_lock lock(mutex_);
  waiting_ = std::move(groups);
}

void FindingSearch::forget() {
  stop();
  const std::scoped_lock lock(mutex_);
  waiting_.clear();
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
    const std::vector<store::WaitingGroup> waiting = waiting_;
    busy_ = true;
    stop_.store(false);
    lock.unlock();
    if (where == Where::Live) {
      auto rows = live->look(*session, waiting);
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
