// A recording that somebody makes while a window looks at it. The recorder is not the viewer's: who
// opens the window brings it along. UI thread only; nothing here waits but the destructor.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/model/live.h"

namespace taskscope::viewer {

struct LiveStatus {
  LiveStage stage = LiveStage::Connecting;
  std::string path;   // to be read now; another one when it is complete
  std::string error;  // of Ended: one sentence; empty: all is well
  std::uint64_t events = 0;
  std::uint64_t lost_events = 0;
  std::int64_t elapsed_ns = 0;               // of the recording
  std::vector<store::WaitingGroup> waiting;  // all that waits now, to within a second
};

class LiveRecording {
 public:
  LiveRecording() = default;
  LiveRecording(const LiveRecording&) = delete;
  LiveRecording& operator=(const LiveRecording&) = delete;
  // Leaves the program and completes the file first.
  virtual ~LiveRecording() = default;

  virtual const std::string& program() const = 0;
  virtual LiveStatus status() const = 0;
  // Somebody wants this process to end (a signal).
  virtual bool interrupted() const = 0;
  // The program goes on unrecorded; status() says when the file is complete.
  virtual void detach() = 0;
  // From LiveStage::Finishing on: nobody reads the file under way any more. It is completed then,
  // or in a second.
  virtual void let_go() = 0;
};

}  // namespace taskscope::viewer
