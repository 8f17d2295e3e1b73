#include "viewer/platform/open_file.h"

#include <algorithm>
#include <utility>

#include "viewer/panels/messages.h"

namespace taskscope::viewer {
namespace {

constexpr std::chrono::milliseconds kBetweenRefreshes{250};
constexpr double kLiveUpdateSeconds = 0.1;
constexpr std::chrono::seconds kRateOver{1};
// What follows a recording that goes on shows so much of its end, until somebody zooms.
constexpr std::int64_t kFollowedNs = 10'000'000'000;

}  // namespace

OpenFile::OpenFile(Scene& scene, std::function<void()> wake)
    : scene_(scene), wake_(std::move(wake)) {}

void OpenFile::close() {
  loader_.reset();
  follower_.reset();
  live_.reset();
  marks_.reset();
  saved_marks_.clear();
  rate_.clear();
  error_.clear();
  opened_ = met_ = reloading_ = false;
  followed_end_ns_ = 0;
  next_refresh_ = {};
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
      info_.stage == LiveStage::Ended && follower_ == nullptr && loader_ == nullptr;
  return complete || !error_.empty() ? std::nullopt : std::optional(kLiveUpdateSeconds);
}

void OpenFile::update() {
  if (follower_ != nullptr) take_followed();
  if (live_ != nullptr) update_live();
  if (loader_ != nullptr) take_loaded();
}

void OpenFile::take_loaded() {
  const SessionLoader::State state = loader_->poll();
  if (reloading_) {
    if (!state.done) return;
    if (state.error.empty()) {
      scene_.refresh(state.session, Scene::Findings::File);
      if (!marks_) load_marks();
      follow_end();
      opened_ = true;
    } else {
      error_ = state.error;
    }
    loader_.reset();
    return;
  }
  if (state.session != nullptr && state.session != scene_.session()) {
    scene_.set_session(state.session, state.done ? Scene::Findings::File : Scene::Findings::Stored);
    if (!scene_.missing().empty()) show_toast(scene_.view(), scene_.missing());
    if (!marks_) load_marks();
    if (!std::exchange(met_, true)) opened_ = true;
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
  if (state.done) loader_.reset();
}

// An error is not worth a word: the file is about to grow, or was renamed under our hands.
void OpenFile::take_followed() {
  const SessionFollower::State state = follower_->poll();
  if (state.session == nullptr || state.session == scene_.session()) return;
  scene_.refresh(state.session, Scene::Findings::Live);
  scene_.set_load({.stage = LoadStage::Ready, .path = path_});
  if (!marks_) load_marks();
  follow_end();
}

void OpenFile::update_live() {
  const LiveStatus status = live_->status();
  if (status.stage == LiveStage::Recording) scene_.set_waiting(status.waiting);
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
  follow_on(status);
}

void OpenFile::follow_on(const LiveStatus& status) {
  const Clock::time_point now = Clock::now();
  if (status.stage == LiveStage::Ended) {
    // Complete, and read once as any other; or as far as it came, which is on the screen.
    if (follower_ != nullptr && follower_->poll().busy) return;
    follower_.reset();
    if (path_ == status.path) return;
    path_ = status.path;
    reloading_ = true;
    loader_ = std::make_unique<SessionLoader>(status.path, wake_);
    return;
  }
  if (status.stage == LiveStage::Finishing) {
    if (follower_ != nullptr && follower_->poll().busy) return;
    follower_.reset();
    live_->let_go();
    return;
  }
  path_ = status.path;
  if (follower_ == nullptr) follower_ = std::make_unique<SessionFollower>(path_, wake_);
  if (now < next_refresh_ || follower_->poll().busy) return;
  next_refresh_ = now + kBetweenRefreshes;
  follower_->refresh();
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
