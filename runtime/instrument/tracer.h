// Tracer: one recording of this process, seen from the inside.
//
// Made when a recorder launched the program (it left a socket in the environment): creates a ring
// per worker and one for threads that are no worker's, hands them over, and says goodbye when it is
// destroyed. Owned by the scheduler of one run. Lanes are used by their workers, the rest by the
// thread that called ts::run.
//
// A process is recorded once: the socket is taken from the environment by the first run, and later
// runs go untraced. In the child of a fork everything goes silent, because the rings are the
// parent's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/instrument/lane.h"
#include "runtime/instrument/ring_memory.h"

namespace taskscope::instrument {

// Takes the recorder's socket out of the environment (so that children do not inherit it) and makes
// it close-on-exec. No descriptor if the program was not launched by a recorder; an error if the
// variable names anything but a SOCK_SEQPACKET socket.
Result<base::UniqueFd> take_recorder_socket();

// 8 MiB per ring, or TASKSCOPE_RING_RECORDS rounded up to a power of two within the format's
// limits.
std::uint64_t ring_capacity_from_environment();

class Tracer {
 public:
  struct Options {
    std::uint32_t workers = 0;
    std::uint64_t ring_capacity = std::uint64_t{1} << 19;  // records
  };

  // Introduces the program to the recorder and hands over the rings. Never waits for it: a recorder
  // whose socket is full or gone is an error, and the run goes untraced.
  static Result<std::unique_ptr<Tracer>> connect(base::UniqueFd socket, const Options& options);
  // Rings that nobody reads: what benchmarks write into. Events are lost when a ring is full.
  static Result<std::unique_ptr<Tracer>> without_recorder(const Options& options);

  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;
  ~Tracer();

  Lane& lane(std::uint32_t worker) { return *lanes_[worker]; }
  // The same; the ring is made and handed over now if `worker` is the number after the last. Null,
  // and a sentence on standard error, if it cannot be. One thread at a time.
  Lane* lane_for(std::uint32_t worker);
  const RingMemory& ring(std::uint32_t worker) const { return rings_[worker]; }

  // The lane of all threads that are no worker's, to be used under its lock.
  base::Lock& ext_lock() { return ext_lock_; }
  Lane& ext_lane() TASKSCOPE_REQUIRES(ext_lock_) { return *ext_lane_; }

  // Tells the recorder that the run is over, ahead of destruction: for a run whose threads cannot
  // be stopped and so keep their lanes.
  void say_goodbye();

  // In the child of a fork: no goodbye, the recording is the parent's.
  void forget_recorder() { silent_ = true; }

 private:
  Tracer() = default;
  Result<void> make_rings(const Options& options);
  Result<void> make_ring(std::uint32_t worker);
  Result<void> hand_over(const Options& options);
  Result<void> offer(RingMemory& ring);

  // Constant after connect().
  base::UniqueFd socket_;
  Lane::Shared shared_;
  std::uint64_t ring_capacity_ = 0;
  std::vector<RingMemory> ext_ring_;  // one

  // Owned by whoever calls lane_for().
  std::vector<RingMemory> rings_;  // one per worker
  std::vector<std::unique_ptr<Lane>> lanes_;

  base::Lock ext_lock_;
  std::unique_ptr<Lane> ext_lane_ TASKSCOPE_GUARDED_BY(ext_lock_);

  // Owned by the thread that called ts::run, or the child's only thread.
  bool silent_ = false;
};

}  // namespace taskscope::instrument
