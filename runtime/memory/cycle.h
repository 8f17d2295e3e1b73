// Cycle: one collection, beside the tasks of the run.
//
//   prepare         the bitmap is cleared, and objects with destructors are looked for
//   all tasks held  (begin) marking is on, the stacks on which threads are shown, containers
//                   recorded
//   mark            roots, stacks that stand still, and all that they reach
//   all tasks held  (finish) nothing is left to be looked into; marks hold from now on
//   sweep           weak handles end, what is not marked goes back to the lists
//
// Tasks are held for the two ends only; the second is tried again if something is left. The thread
// of the collector runs it; it is none of the run's.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/memory/containers.h"
#include "runtime/memory/gc_events.h"
#include "runtime/memory/heap.h"
#include "runtime/memory/marker.h"
#include "runtime/memory/snapshot.h"

namespace taskscope::memory {

struct CycleTimes {
  std::uint64_t begun_ns = 0;
  std::uint64_t marking_ns = 0;  // since then tasks have run beside the marking
  std::uint64_t marked_ns = 0;
  std::uint64_t swept_ns = 0;
  std::uint64_t pause_ns = 0;  // the longest time for which tasks were held
  std::uint64_t pauses_ns = 0;
  std::uint64_t pauses = 0;
  std::vector<PhaseTimes> held;  // each time that tasks were
};

class Cycle {
 public:
  // `patience`: how often tasks that change containers are waited for, if there are such.
  Cycle(sched::Scheduler& scheduler, int patience);
  Cycle(const Cycle&) = delete;
  Cycle& operator=(const Cycle&) = delete;

  // False if the run has ended meanwhile: then nothing was collected.
  bool run();

  const CycleTimes& times() const { return times_; }
  std::uint64_t before_bytes() const { return before_bytes_; }
  std::size_t threads() const { return threads_; }
  // Spans in which destructors are due.
  std::uint32_t dead() const { return dead_; }

 private:
  void prepare();
  bool begin();
  void mark();
  bool finish();
  bool nothing_left(const StoppedWorld& world);
  void check(const StoppedWorld& world);
  void let_marks_hold();
  void sweep();
  void abandon();
  void note_pause(StoppedWorld& world);

  sched::Scheduler& scheduler_;
  const int patience_;
  CycleTimes times_;
  ContainerContents contents_;
  Marker marker_;
  Snapshot snapshot_;
  Kept kept_;
  std::uint64_t before_bytes_ = 0;
  std::uint64_t during_bytes_ = 0;
  std::size_t threads_ = 0;
  std::uint32_t dead_ = 0;
  bool exact_ = false;
};

}  // namespace taskscope::memory
