// SpawnPaths: where tasks were spawned, and where those were spawned that spawned them: the chain
// of ancestors that a report shows, also when the ancestors have ended.
//
// A program has few places that start tasks, so the chains are few, however many tasks there are.
// Each is a path in a tree that a task has one pointer into; spawning steps from the parent's path
// to the child's, which is a comparison of two words when that step was made before. Paths keep
// the last kLengthMax places: a task that starts the next, and so on, is a chain as long as the
// program runs. How many generations there were says the task itself.
//
// Owned by the scheduler; paths live as long as the run. Any thread.
//
// Invariants:
//   1. What is reachable from a path never changes but by new steps, which are put in front.
//   2. There are at most kPathsMax, and beyond these one for each place that starts tasks.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "runtime/base/lock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/site.h"

namespace taskscope::sched {

struct SpawnPath;

// From a path to one that is a place longer.
struct SpawnStep {
  base::Site site;
  const SpawnPath* to = nullptr;
  const SpawnStep* next = nullptr;

  // Of two functions on one line the first gives its name to both. Not sanitized, as what follows
  // steps: ThreadSanitizer does not see the order that SpawnPaths::connect() makes, and to tell it
  // of that at every spawn takes it as long as there are tasks.
  TASKSCOPE_UNSANITIZED bool is_at(const base::Site& place) const {
    return site.line == place.line && site.file == place.file;
  }
};

// The end of every list; at no place.
inline constexpr SpawnStep kNoSpawnStep{};

struct SpawnPath {
  static constexpr std::size_t kBuckets = 8;

  SpawnPath() {
    for (auto& first : steps) first.store(&kNoSpawnStep, std::memory_order_relaxed);
  }
  // The steps from here to a place on that line come first in this list.
  TASKSCOPE_UNSANITIZED const SpawnStep* first_step(std::uint32_t line) const {
    // Acquire pairs with the release in SpawnPaths::connect().
    return steps[line % kBuckets].load(std::memory_order_acquire);
  }

  base::Site site;                    // where the task was spawned
  const SpawnPath* parent = nullptr;  // the path of the task that did it; null: none is known
  std::uint32_t length = 0;           // 0: of no task, it is where all begin
  bool is_main = false;               // the main task's
  // Atomic: lists of the steps from here, by line.
  mutable std::array<std::atomic<const SpawnStep*>, kBuckets> steps;
};

class SpawnPaths {
 public:
  static constexpr std::uint32_t kLengthMax = 10;
  static constexpr std::size_t kPathsMax = 8192;

  // That of a thread which is no task.
  const SpawnPath& root() const { return root_; }

  // That of the main task, which is started at `site`.
  const SpawnPath& add_main(const base::Site& site);

  // The path of a task that one with the path `from` spawns at `site`.
  const SpawnPath& below(const SpawnPath& from, const base::Site& site) {
    const SpawnPath* const known = find(from, site);
    return known != nullptr ? *known : add(from, site);
  }

 private:
  const SpawnPath& add(const SpawnPath& from, const base::Site& site);
  const SpawnPath& shortened(const SpawnPath& from, const base::Site& site)
      TASKSCOPE_REQUIRES(lock_);
  const SpawnPath& step(const SpawnPath& from, const base::Site& site) TASKSCOPE_REQUIRES(lock_);
  // Null if nobody has gone that way yet.
  static const SpawnPath* find(const SpawnPath& from, const base::Site& site) {
    const SpawnStep* step = from.first_step(site.line);
    while (step != &kNoSpawnStep && !step->is_at(site)) step = step->next;
    return step->to;
  }
  void connect(const SpawnPath& from, const base::Site& site, const SpawnPath& to)
      TASKSCOPE_REQUIRES(lock_);

  // Constant after construction, but for their steps.
  SpawnPath root_;
  SpawnPath cut_;  // where paths begin that have lost their beginning

  // Guarded by lock_.
  base::Lock lock_;
  std::deque<SpawnPath> paths_ TASKSCOPE_GUARDED_BY(lock_);
  std::deque<SpawnStep> steps_ TASKSCOPE_GUARDED_BY(lock_);
};

}  // namespace taskscope::sched
