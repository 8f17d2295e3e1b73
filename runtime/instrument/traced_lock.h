// TracedLock: a lock as reports see it: who has it, beside what a trace knows of it.
//
// Embedded in the lock, which changes both words; the report of a deadlock reads them when nothing
// runs any more. The holder is written by whoever takes the lock for itself alone, and stays when
// it is given back: it means something only while `state` says kLocked.
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
  // Atomic: relaxed, only a report reads it. 0: no task.
  std::atomic<trace_format::TaskId> holder{0};
};

}  // namespace taskscope::instrument
