// Reads a recording on its own thread and hands out sessions as they become ready: of a large one
// an overview from chunk summaries, then a summary with all entities, then the complete one.
//
// The UI thread asks with poll() once a frame and never waits; pictures call wait().
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "viewer/model/session.h"

namespace taskscope::viewer {

class SessionLoader {
 public:
  struct State {
    SessionPtr session;   // the newest one; none before the summary
    double progress = 0;  // of decoding, 0 to 1
    bool done = false;    // complete, or failed
    std::string error;    // one sentence; empty if nothing failed
  };

  // `on_change` is called on the loader's thread after the state changed; it may wake the UI.
  SessionLoader(std::string path, std::function<void()> on_change);
  // Stops at the next chunk.
  ~SessionLoader();
  SessionLoader(const SessionLoader&) = delete;
  SessionLoader& operator=(const SessionLoader&) = delete;

  State poll() const;
  State wait();  // until done

 private:
  void load();
  void publish(SessionPtr session, double progress);
  void fail(std::string error);

  // Constant after construction.
  std::string path_;
  std::function<void()> on_change_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  State state_;

  // Atomic: set once by the destructor, read between chunks; orders nothing.
  std::atomic<bool> stop_{false};

  std::thread thread_;
};

}  // namespace taskscope::viewer
