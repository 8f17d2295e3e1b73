// The real window: GLFW and OpenGL, or OpenGL as a mere carrier where it is a software one anyway.
// Must be called on the main thread, once at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "runtime/base/result.h"
#include "viewer/model/session.h"
#include "viewer/model/view_request.h"
#include "viewer/platform/live_recording.h"
#include "viewer/platform/preferences.h"
#include "viewer/platform/program_watch.h"

namespace taskscope::viewer {

struct WindowOptions {
  ViewRequest request;               // without a path: the start screen
  SessionPtr session;                // that is in memory already; else it is read
  bool scale_of_screen = false;      // instead of the request's
  std::optional<WindowPlace> place;  // real pixels; else of the request's size, anywhere
  UserFolders folders;               // what is remembered, and where
  ProgramWatch::Find find_programs;  // for the start screen; empty: there are none
  // Begins to record the program with this id; what goes wrong, its status says. Empty: cannot.
  std::function<std::unique_ptr<LiveRecording>(int pid)> attach;
  std::unique_ptr<LiveRecording> live;  // to be followed instead of a file
};

// Returns when the window was closed. Fails at once without a display or OpenGL; a recording that
// cannot be read is shown as such in the window and returned as the Error after it was closed.
Result<void> run_window(WindowOptions options);

}  // namespace taskscope::viewer
