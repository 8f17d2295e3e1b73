// Drain: a recorder that takes every event and throws it away.
//
// What being traced costs a program is measured against this, as Go's tracer is against a writer
// that counts: both pay for writing the events, neither for storing them. It runs on a thread of
// its own in the measured process, from construction to destruction; the next ts::run finds it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/ring_layout.h"
#include "tests/support/listening_socket.h"

namespace taskscope::bench {

class Drain {
 public:
  Drain();
  // REQUIRES: the run is over.
  ~Drain();
  Drain(const Drain&) = delete;
  Drain& operator=(const Drain&) = delete;

  // Records taken so far, 16 bytes each; any thread.
  std::uint64_t records() const { return records_.load(std::memory_order_relaxed); }

 private:
  void loop();
  void take_offers();

  tests::ListeningSocket listening_;
  base::UniqueFd socket_;                         // of the thread; none until the run has connected
  std::vector<trace_format::RingHeader*> rings_;  // of the thread
  // Atomic: set once; relaxed, the join orders the rest.
  std::atomic<bool> stop_{false};
  // Atomic: written by the thread.
  std::atomic<std::uint64_t> records_{0};
  std::thread thread_;
};

}  // namespace taskscope::bench
