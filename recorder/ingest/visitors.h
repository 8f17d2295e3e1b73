// Connections that have not said hello yet: programs in the moment before they do, and whatever
// else knocks at a recorder.
//
// Each may say a little that makes no sense, and be silent for a while; then it is shown out. When
// many are there at once, who has been silent longest goes first, so that a storm of connections
// does not keep a program out. Owned by the Recorder; its thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "recorder/ingest/handshake_socket.h"
#include "recorder/ingest/recorder_endpoint.h"

namespace taskscope::ingest {

class Visitors {
 public:
  static constexpr std::int64_t kPatienceNs = 10'000'000'000;
  // With more than `kCrowd` visitors at once.
  static constexpr std::int64_t kCrowdedPatienceNs = 200'000'000;
  static constexpr std::size_t kCrowd = 64;

  // Who has said hello.
  struct Arrival {
    HandshakeSocket socket;
    trace_format::Hello hello;
    pid_t pid = 0;  // of the other end, as the kernel says; 0: not known
  };
  // Who cannot be recorded, and why, in a sentence.
  struct Refusal {
    std::string why;
    pid_t pid = 0;
  };

  // One that has been asked to introduce itself, and has as much time for it as it wants.
  void expect(base::UniqueFd socket);
  // Lets in who waits at the door, but no more than `room`, and not all of a storm at once. Empty:
  // nobody is left there. NoRoom: who may be left there has to wait until somebody has gone.
  enum class Door : std::uint8_t { Empty, MayBeMore, NoRoom };
  Door let_in(const RecorderEndpoint& door, std::size_t room, std::int64_t now_ns);
  // Takes what they have said. They are visitors no more then.
  std::vector<Arrival> hear(std::int64_t now_ns);
  // What came of those that were refused since the last call.
  std::vector<Refusal> take_refusals() { return std::exchange(refusals_, {}); }
  // Tells all that nothing is to be recorded any more.
  void leave();

  std::size_t size() const { return visitors_.size(); }
  // Where each speaks.
  std::vector<int> descriptors() const;
  // What went wrong, a sentence each.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Visitor {
    HandshakeSocket socket;
    pid_t pid = 0;
    std::int64_t since_ns = 0;
    bool expected = false;
    int messages = 0;
  };

  void note(std::string sentence);
  // What it has said so far. True if it is one no more.
  bool hear(Visitor& visitor, std::vector<Arrival>& arrivals);

  std::vector<Visitor> visitors_;  // longest first
  std::vector<Refusal> refusals_;
  std::vector<std::string> notes_;
};

}  // namespace taskscope::ingest
