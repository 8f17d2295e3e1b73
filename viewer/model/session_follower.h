// Follows a recording under way on its own thread: reads what is new each time it is asked, and
// hands out a session of all there is. What that costs follows what is new.
//
// The UI thread asks with refresh() and poll() and never waits.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "viewer/model/session.h"

namespace taskscope::viewer {

class SessionFollower {
 public:
  struct State {
    SessionPtr session;  // the newest one; none before there was anything
    bool busy = false;   // a refresh() is under way
    std::string error;   // of the last one: a sentence; empty: all is well
  };

  // `on_change` is called on the follower's thread when a refresh() has ended.
  SessionFollower(std::string path, std::function<void()> on_change);
  // Waits for what is being read.
  ~SessionFollower();
  SessionFollower(const SessionFollower&) = delete;
  SessionFollower& operator=(const SessionFollower&) = delete;

  // Reads what is new, unless that is being done.
  void refresh();
  State poll() const;
  State wait();  // until it is not busy

 private:
  void run();

  // Constant after construction.
  std::string path_;
  std::function<void()> on_change_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  State state_;
  bool stop_ = false;

  std::thread thread_;
};

}  // namespace taskscope::viewer
