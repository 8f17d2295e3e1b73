// Tracer: one recording of this process, seen from the inside.
//
// A ring per worker and one for threads that are no worker's, handed over to the recorder, and a
// goodbye at the end. Made when a recorder has launched the program, or what started it (the
// environment says where it listens, and a process connects for its first run), when one attaches,
// or when the program is to record itself (trace_file.h). Owned by the scheduler of one run.
// Lanes are used by their workers, the rest by one thread at a time. In the child of a fork
// everything goes silent, because the rings are the parent's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/instrument/lane.h"
#include "runtime/instrument/ring_memory.h"
#include "runtime/instrument/trace_file.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::instrument {

// A connection to the recorder that the environment names, once in each process: programs that this
// one starts find it there, too. No descriptor if there is none, or no longer, or if this process
// has had its own; an error if the variable names anything that no recorder left there.
Result<base::UniqueFd> connect_to_recorder();

// In records: TASKSCOPE_RING_RECORDS rounded up to a power of two, without it 8 MiB per ring. An
// error if the variable names no number within the format's limits.
Result<std::uint64_t> ring_capacity_from_environment();

// What TASKSCOPE_STACKS and TASKSCOPE_SAMPLES ask for. An error if one of them makes no sense.
Result<trace_format::Wanted> wanted_from_environment();

class Tracer {
 public:
  struct Options {
    std::uint32_t workers = 0;
    std::uint64_t ring_capacity = std::uint64_t{1} << 19;  // records
    trace_format::Wanted wanted;
  };

  // Introduces the program to the recorder and hands over the rings. Never waits for it: a recorder
  // whose socket is full or gone is an error, and the run goes untraced.
  static Result<std::unique_ptr<Tracer>> connect(base::UniqueFd socket, const Options& options);
  // The same with a recorder of the program's own, which writes the trace file `path`.
  static Result<std::unique_ptr<Tracer>> write_file(const std::string& path,
                                                    const Options& options);
  // The same in two steps, for a recorder that attaches: silent lanes that workers can be given,
  // then begin().
  static Result<std::unique_ptr<Tracer>> prepare(base::UniqueFd socket, const Options& options);
  // Opens all lanes at once, which is the recording's time zero, and introduces the program.
  Result<void> begin();
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

  // The lane of all threads that are no worker's; whoever uses it holds a lock of the scheduler's.
  Lane& ext_lane() { return *ext_lane_; }

  bool ext_ring_is_half_full() const;
  std::uint64_t now() const { return base::ticks(shared_.tick_source); }
  int socket() const { return socket_.get(); }
  const trace_format::Wanted& wanted() const { return wanted_; }
  // True until begin() has been called.
  bool silent() const { return !shared_.open.load(std::memory_order_acquire); }

  // Tells the recorder that the recording is over, ahead of destruction, because lanes are still
  // in use: it ends at `end_ticks`, or with the last event if that is 0. Waits for a trace file to
  // be whole.
  void say_goodbye(std::uint64_t end_ticks = 0);

  // In the child of a fork: no goodbye, the recording is the parent's.
  void forget_recorder();

 private:
  Tracer() = default;
  Result<void> make_rings(const Options& options);
  Result<void> make_ring(std::uint32_t worker);
  Result<void> hand_over();
  Result<void> offer(RingMemory& ring);

  // Constant after connect().
  base::UniqueFd socket_;
  std::unique_ptr<TraceFile> file_;  // null unless the program records itself
  Lane::Shared shared_;
  trace_format::Wanted wanted_;
  std::uint64_t ring_capacity_ = 0;
  std::vector<RingMemory> ext_ring_;  // one

  std::unique_ptr<Lane> ext_lane_;

  // Owned by whoever calls lane_for(). Places never move: others look at theirs meanwhile.
  std::vector<RingMemory> rings_;  // one per worker
  std::vector<std::unique_ptr<Lane>> lanes_;
};

}  // namespace taskscope::instrument
