#include "viewer/platform/open_file.h"

#include <algorithm>
#include <utility>

#include "viewer/panels/messages.h"

namespace taskscope::viewer {
namespace {

constexpr std::chrono::milliseconds kBetweenLoads{500};
// Reading again costs at most a fifth of the time.
constexpr int kRestPerLoad = 4;
constexpr double kLiveUpdateSeconds = 0.1;
constexpr std::chrono::seconds kRateOver{1};
// What follows a recording that goes on shows so much of its end, until somebody zooms.
constexpr std::int64_t kFollowedNs = 10'000'000'000;

}  // namespace

OpenFile::OpenFile(Scene& scene, std::function<void()> wake)
    : scene_(scene), wake_(std::move(wake)) {}

void OpenFile::close() {
  loader_.reset();
  live_.reset();
  marks_.reset();
  saved_marks_.clear();
  rate_.clear();
  error_.clear();
  opened_ = met_ = reloading_ = false;
  read_events_ = 0;
  followed_end_ns_ = 0;
  next_load_ = {};
  info_ = {};
}

void OpenFile::open(const std::string& path) {
  close();
  if (!path_.empty()) scene_.forget(path);
  path_ = path;
  loader_ = std::make_unique<SessionLoader>(path, wake_);
}

void OpenFile::show(SessionPtr session, const std::string& path) {
  close();
  path_ = path;
  scene_.set_session(std::move(session));
  load_marks();
}

void OpenFile::follow(std::unique_ptr<LiveRecording> live) {
  close();
  if (!path_.empty()) scene_.forget("");
  path_ = live->program();
  live_ = std::move(live);
  info_.program = live_->program();
  scene_.view().following = true;
  scene_.set_load({.stage = LoadStage::Opening, .path = info_.program});
}

void OpenFile::open_nothing() {
  close();
  path_.clear();
  scene_.forget("");
}

bool OpenFile::take_opened() { return std::exchange(opened_, false); }

std::optional<double> OpenFile::update_every_s() const {
  if (live_ == nullptr) return std::nullopt;
  const bool complete =
      info_.stage == LiveStage::Ended && read_path_ == path_ && loader_ == nullptr;
  return complete || !error_.empty() ? std::nullopt : std::optional(kLiveUpdateSeconds);
}

void OpenFile::update() {
  if (live_ != nullptr) update_live();
  if (loader_ != nullptr) take_loaded();
}

void OpenFile::take_loaded() {
  const SessionLoader::State state = loader_->poll();
  if (reloading_) {
    if (!state.done) return;
    if (state.error.empty()) {
      scene_.refresh(state.session);
      follow_end();
      opened_ = info_.stage == LiveStage::Ended && read_path_ == path_;
    }
    // An error is not worth a word: the file was renamed under our hands, or is about to grow.
    loader_.reset();
  } else {
    if (state.session != nullptr && state.session != scene_.session()) {
      scene_.set_session(state.session);
      if (!scene_.missing().empty()) show_toast(scene_.view(), scene_.missing());
      if (!marks_) load_marks();
      if (!std::exchange(met_, true)) opened_ = live_ == nullptr;
      follow_end();
    }
    LoadStatus status{.stage = LoadStage::Decoding,
                      .progress = state.progress,
                      .path = path_,
                      .error = state.error};
    if (!state.error.empty()) {
      status.stage = LoadStage::Failed;
      error_ = state.error;
    } else if (state.done) {
      status.stage = LoadStage::Ready;
    } else if (state.session == nullptr) {
      status.stage = LoadStage::Opening;
    }
    scene_.set_load(status);
    if (!state.done) return;
    reloading_ = true;
    loader_.reset();
  }
  const Clock::time_point now = Clock::now();
  next_load_ = now + std::max<Clock::duration>(kBetweenLoads, kRestPerLoad * (now - load_began_));
}

void OpenFile::update_live() {
  const LiveStatus status = live_->status();
  if (std::exchange(scene_.view().detach_requested, false)) live_->detach();
  const Clock::time_point now = Clock::now();
  info_.stage = status.stage;
  info_.lost_events = status.lost_events;
  const std::int64_t shown = scene_.session() != nullptr ? scene_.session()->duration_ns() : 0;
  info_.behind_ns = std::max<std::int64_t>(status.elapsed_ns - shown, 0);
  rate_.emplace_back(now, status.events);
  while (rate_.size() > 2 && now - rate_.front().first > kRateOver) rate_.erase(rate_.begin());
  const std::chrono::duration<double> over = rate_.back().first - rate_.front().first;
  info_.events_per_s =
      over.count() > 0
          ? static_cast<double>(rate_.back().second - rate_.front().second) / over.count()
          : 0;
  if (!status.error.empty()) {
    error_ = status.error;
    if (scene_.session() == nullptr) {
      scene_.set_load({.stage = LoadStage::Failed, .path = path_, .error = status.error});
    }
  }
  if (status.path.empty()) return;
  path_ = status.path;
  reload_if_worth_it(status);
}

void OpenFile::reload_if_worth_it(const LiveStatus& status) {
  const Clock::time_point now = Clock::now();
  const bool changed = status.events != read_events_ || status.path != read_path_;
  if (loader_ != nullptr || !changed || status.events == 0) return;
  if (now < next_load_ && status.stage != LiveStage::Ended) return;
  read_events_ = status.events;
  read_path_ = status.path;
  load_began_ = now;
  loader_ = std::make_unique<SessionLoader>(status.path, wake_);
}

// Whoever has moved the view away from the end wants to look at something.
void OpenFile::follow_end() {
  ViewState& view = scene_.view();
  if (live_ == nullptr || scene_.session() == nullptr || !view.following) return;
  const TimeRange whole = view.time.whole();
  const TimeRange now = view.time.target();
  if (followed_end_ns_ != 0 && now.end_ns < followed_end_ns_ - now.length_ns() / 20) {
    view.following = false;
    return;
  }
  const bool all = followed_end_ns_ == 0 || now.length_ns() >= followed_end_ns_;
  const std::int64_t length =
      all ? std::min(whole.length_ns(), kFollowedNs) : std::min(now.length_ns(), whole.length_ns());
  view.time.show({whole.end_ns - length, whole.end_ns});
  followed_end_ns_ = view.time.visible().end_ns;
}

void OpenFile::load_marks() {
  marks_.emplace(path_, scene_.session()->info().started);
  Result<std::vector<Mark>> loaded = marks_->load();
  if (!loaded) return show_toast(scene_.view(), loaded.error().message);
  scene_.view().marks = *std::move(loaded);
  saved_marks_ = scene_.view().marks;
}

// A folder that nobody may write to is said once for each change, and the marks stay in sight.
void OpenFile::save_marks() {
  if (!marks_ || scene_.view().marks == saved_marks_) return;
  saved_marks_ = scene_.view().marks;
  const Result<void> saved = marks_->save(saved_marks_);
  if (!saved) show_toast(scene_.view(), saved.error().message);
}

}  // namespace taskscope::viewer
