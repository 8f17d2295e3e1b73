// Recording a program that runs while a window looks at it: the recorder on a thread of its own.
#pragma once

#include <memory>
#include <string>

#include "runtime/trace_format/handshake.h"
#include "viewer/platform/live_recording.h"

namespace taskscope::app {

// `program` is a process id or a name. An empty output is a file of its own in this folder. What
// keeps it from being recorded, the status says.
std::unique_ptr<viewer::LiveRecording> attach_live(const std::string& program, std::string output,
                                                   trace_format::Wanted wanted);

}  // namespace taskscope::app
