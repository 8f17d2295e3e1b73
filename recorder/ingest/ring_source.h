// The reading end of one ring that a traced program shares with the recorder.
//
// Everything in the ring is hostile: positions are checked against the capacity that was verified
// when it was mapped, and records are copied out before anyone looks at them. A ring whose position
// lies is given up; the program never notices and other rings are unharmed. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/handshake.h"
#include "runtime/trace_format/ring_layout.h"

namespace taskscope::ingest {

class RingSource {
 public:
  // Fails, saying why, unless `memory` is a sealed memfd that holds the ring that was offered.
  static Result<RingSource> map(const base::UniqueFd& memory, const trace_format::RingOffer& offer);
  RingSource(RingSource&& other) noexcept;
  RingSource& operator=(RingSource&& other) noexcept;
  ~RingSource();

  // Copies all complete records into the room that `room(count)` returns and gives their place back
  // to the program. Returns their number; 0 without calling `room` if there are none. Fails if the
  // program's position is impossible.
  using Room = std::function<std::span<trace_format::Record>(std::size_t count)>;
  Result<std::size_t> drain(const Room& room);

  trace_format::WorkerId worker_id() const { return worker_id_; }
  std::uint64_t capacity() const { return capacity_; }
  // Events that found no room so far, as the program says.
  std::uint64_t lost() const;

 private:
  RingSource() = default;
  void unmap();

  void* memory_ = nullptr;
  trace_format::WorkerId worker_id_ = trace_format::kNoWorker;
  std::uint64_t capacity_ = 0;
  std::uint64_t tail_ = 0;  // ours; what the ring says about it is never read
};

}  // namespace taskscope::ingest
