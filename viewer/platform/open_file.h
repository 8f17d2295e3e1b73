// The one file that a window has open: read once, or followed while it is recorded, with the marks
// beside it. Puts what it has into the scene. UI thread only; reading is the loader's.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/loader.h"
#include "viewer/model/session_follower.h"
#include "viewer/platform/live_recording.h"
#include "viewer/platform/marks_file.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {

class OpenFile {
 public:
  // `wake` is called on other threads when update() has something to do.
  OpenFile(Scene& scene, std::function<void()> wake);

  // Each replaces what was open before.
  void open(const std::string& path);
  void show(SessionPtr session, const std::string& path);  // is in memory already
  void follow(std::unique_ptr<LiveRecording> live);
  void open_nothing();

  // Before a frame.
  void update();
  // After a frame: writes marks that somebody changed.
  void save_marks();

  // While something is recorded, update() is wanted this often though nobody wakes us.
  std::optional<double> update_every_s() const;
  const std::string& path() const { return path_; }    // empty: nothing is open
  const std::string& error() const { return error_; }  // why it cannot be shown
  const LiveInfo* live_info() const { return live_ != nullptr ? &info_ : nullptr; }
  // A recording that stays has come up since this was asked last.
  bool take_opened();
  // Somebody wants the process to end, which a recording under way should survive as a file.
  bool interrupted() const { return live_ != nullptr && live_->interrupted(); }

 private:
  using Clock = std::chrono::steady_clock;

  void close();
  void take_loaded();
  void update_live();
  void take_followed();
  void follow_on(const LiveStatus& status);
  void follow_end();
  void load_marks();

  // Constant after construction.
  Scene& scene_;
  std::function<void()> wake_;

  // Owned by the UI thread.
  std::string path_;
  std::string error_;
  std::unique_ptr<SessionLoader> loader_;
  bool opened_ = false;
  bool met_ = false;                // has been opened before
  std::optional<MarksFile> marks_;  // once there is a session
  std::vector<Mark> saved_marks_;

  // Of a recording under way.
  std::unique_ptr<LiveRecording> live_;
  LiveInfo info_;
  std::unique_ptr<SessionFollower> follower_;  // until the recording is complete
  Clock::time_point next_refresh_;             // not before
  bool reloading_ = false;                     // loader_ reads the complete one
  std::int64_t followed_end_ns_ = 0;           // where the view ended when we moved it last
  std::vector<std::pair<Clock::time_point, std::uint64_t>> rate_;  // events, of the last second
};

}  // namespace taskscope::viewer
