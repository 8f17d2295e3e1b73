// The real window: GLFW and OpenGL, or OpenGL as a mere carrier where it is a software one anyway.
// Must be called on the main thread, once at a time.
#pragma once

#include "runtime/base/result.h"
#include "viewer/model/session.h"
#include "viewer/model/view_request.h"

namespace taskscope::viewer {

// Opens the recording and returns when the window was closed. Fails at once without a display or
// OpenGL; a recording that cannot be read is shown as such in the window and returned as the Error
// after it was closed.
Result<void> run_window(const ViewRequest& request);

// The same on a session that is in memory already.
Result<void> run_window(const ViewRequest& request, SessionPtr session);

}  // namespace taskscope::viewer
