// RingMemory: the shared memory of one ring, created here and handed to the recorder.
//
// A memfd sealed against shrinking and growing, so that neither side can make the other fault, and
// mapped for as long as this object lives. The recorder keeps its own mapping: a program that dies
// loses nothing. Owned by the tracer; the records are written through a RingWriter only.
#pragma once

#include <cstdint>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/ring_layout.h"

namespace taskscope::instrument {

class RingMemory {
 public:
  // `capacity` in records, a power of two within the layout's limits.
  static Result<RingMemory> create(trace_format::WorkerId worker, std::uint64_t capacity);

  RingMemory(RingMemory&& other) noexcept;
  RingMemory& operator=(RingMemory&&) = delete;
  ~RingMemory();

  trace_format::RingHeader& header() const {
    return *static_cast<trace_format::RingHeader*>(mapping_);
  }
  trace_format::Record* records() const {
    return reinterpret_cast<trace_format::Record*>(static_cast<char*>(mapping_) +
                                                   trace_format::kRingHeaderBytes);
  }
  std::uint64_t capacity() const { return capacity_; }

  int fd() const { return fd_.get(); }
  // After the recorder has its own descriptor.
  void close_fd() { fd_.reset(); }

 private:
  RingMemory(base::UniqueFd fd, void* mapping, std::uint64_t capacity)
      : fd_(std::move(fd)), mapping_(mapping), capacity_(capacity) {}

  base::UniqueFd fd_;
  void* mapping_ = nullptr;
  std::uint64_t capacity_ = 0;
};

}  // namespace taskscope::instrument
