// FakeRecorder: plays the recorder inside the test's own process.
//
// Listens at a socket that the next ts::run finds in the environment, or connects to the run of
// this process as one that attaches; takes Hello, the rings and Bye at the other end, and decodes
// what the rings hold. One test thread at a time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/handshake.h"
#include "runtime/trace_format/ring_layout.h"
#include "runtime/trace_format/text.h"
#include "tests/support/listening_socket.h"

namespace taskscope::test {

// One ring as the recorder maps it.
class MappedRing {
 public:
  MappedRing(base::UniqueFd fd, trace_format::WorkerId worker, std::uint64_t capacity);
  MappedRing(MappedRing&& other) noexcept;
  ~MappedRing();

  trace_format::WorkerId worker() const { return worker_; }
  trace_format::RingHeader& header() { return *static_cast<trace_format::RingHeader*>(mapping_); }
  // Decodes all complete events that were not read yet, and gives their room back.
  std::vector<trace_format::TextEvent> drain();

 private:
  trace_format::WorkerId worker_;
  std::uint64_t capacity_;
  void* mapping_;
};

class FakeRecorder {
 public:
  FakeRecorder();  // listens
  // Connects to this process's run, which listens soon after its beginning, and asks to attach.
  enum class How { Attach };
  explicit FakeRecorder(How how, const trace_format::Wanted& wanted = {});

  // Takes all messages that have arrived; rings are mapped as they are offered.
  void receive();

  const std::optional<trace_format::Hello>& hello() const { return hello_; }
  bool said_bye() const { return bye_; }
  std::uint64_t end_ticks() const { return end_ticks_; }
  // What a program that refuses says.
  const std::string& refusal() const { return refusal_; }
  void leave();
  // Goes without a word.
  void hang_up() {
    listening_.reset();
    mine_.reset();
  }
  std::vector<MappedRing>& rings() { return rings_; }
  // Appends what all rings hold to the events, in ring order.
  void drain_into(std::map<trace_format::WorkerId, std::vector<trace_format::TextEvent>>& events);

 private:
  std::optional<tests::ListeningSocket> listening_;  // none: it attaches
  // Until somebody has connected a place for that: no test counts a descriptor more then.
  base::UniqueFd mine_;
  bool connected_ = false;
  std::optional<trace_format::Hello> hello_;
  bool bye_ = false;
  std::uint64_t end_ticks_ = 0;
  std::string refusal_;
  std::vector<MappedRing> rings_;
};

}  // namespace taskscope::test
