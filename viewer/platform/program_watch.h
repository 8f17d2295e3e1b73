// Looks for running programs again and again on a thread of its own, while somebody may want to
// attach to one. Asked by the UI thread, which never waits for it but at the end.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "viewer/model/start.h"

namespace taskscope::viewer {

class ProgramWatch {
 public:
  using Find = std::function<std::vector<RunningProgram>()>;  // takes half a second at most

  // `find` and `on_change`, which may wake the UI, are called on the watch's thread.
  ProgramWatch(Find find, std::function<void()> on_change);
  ~ProgramWatch();
  ProgramWatch(const ProgramWatch&) = delete;
  ProgramWatch& operator=(const ProgramWatch&) = delete;

  // Nothing before the first look.
  std::optional<std::vector<RunningProgram>> programs() const;

 private:
  void run();

  // Constant after construction.
  Find find_;
  std::function<void()> on_change_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::optional<std::vector<RunningProgram>> programs_;

  std::thread thread_;
};

}  // namespace taskscope::viewer
