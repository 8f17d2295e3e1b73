// TracedLock: a lock as reports see it: who has it, beside what a trace knows of it.
//
// Embedded in the lock, which changes its words; the report of a deadlock reads them when nothing
// runs any more. The holder is written by whoever takes the lock for itself alone, and stays when
// it is given back: it means something only while `state` says kLocked.
//
// While the run is recorded more is noted of who takes it by a guard that stands in a block of its
// own: that guard gives it back and nobody else can, so a proof may be built upon it. Such a holder
// is taken back before the lock is. What is noted of a task that is parked is exact.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/instrument/traced_object.h"

namespace taskscope::instrument {

class TracedLock : public TracedObject {
 public:
  using TracedObject::TracedObject;

  // One has it for itself alone. From kReader upwards the state counts those who share it; what is
  // between is the lock's own.
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kReader = 1u << 6;

  // Atomic: the lock's protocol; other threads look at it after the run has come to a halt.
  std::atomic<std::uint32_t> state{0};
  // Who has it alone; 0: no task. For whoever knows that `state` says kLocked.
  trace_format::TaskId holder_task() const {
    return holder.load(std::memory_order_relaxed) & ~kByGuard;
  }
  // The task that alone can give it back, whose guard does; 0: that is not known.
  trace_format::TaskId guarding_task() const {
    const trace_format::TaskId id = holder.load(std::memory_order_relaxed);
    return (id & kByGuard) != 0 ? id & ~kByGuard : 0;
  }
  // The same of the only task that shares it.
  trace_format::TaskId only_reader() const {
    const std::uint64_t noted = noted_readers.load(std::memory_order_relaxed);
    const std::uint32_t sharing = state.load(std::memory_order_relaxed) / kReader;
    return sharing == 1 && noted >> trace_format::kIdBits == 1 ? noted & trace_format::kIdMask : 0;
  }

  static constexpr trace_format::TaskId kByGuard = trace_format::TaskId{1} << 63;
  static constexpr std::uint64_t kNotedReader = std::uint64_t{1} << trace_format::kIdBits;

  // Atomic: relaxed, only reports and proofs read it. 0: no task.
  std::atomic<trace_format::TaskId> holder{0};
  // Atomic: relaxed, the same. Of the readers that are noted the sum of kNotedReader | id.
  std::atomic<std::uint64_t> noted_readers{0};
  // Atomic: relaxed. Another task than the one that took it has given it back once, to a waiter.
  std::atomic<bool> passed_around{false};
};

}  // namespace taskscope::instrument
