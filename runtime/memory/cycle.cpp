#include "runtime/memory/cycle.h"

#include <algorithm>
#include <cstring>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/recheck.h"
#include "runtime/memory/roots.h"
#include "runtime/memory/stopped_world.h"
#include "runtime/memory/verify.h"
#include "runtime/memory/weak_table.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::memory {
namespace {

constexpr std::int64_t kGoalMin = std::int64_t{4} << 20;
// Objects that are looked into while tasks are held, rather than to let them go and try again.
constexpr std::size_t kFewObjects = 256;

std::uint64_t now_ns() { return static_cast<std::uint64_t>(base::monotonic_ns()); }

std::uint64_t bytes_since() {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(g_heap.since.load(std::memory_order_relaxed), 0));
}

// As Go's: what lives, and so much per cent of it.
void set_goal(std::uint64_t live, std::uint64_t during) {
  const std::int64_t percent = std::max(settings().percent, 0);
  const std::int64_t goal = std::max(kGoalMin, static_cast<std::int64_t>(live / 100) * percent);
  // Early enough to be done by then, if as much is allocated meanwhile as the last time.
  const std::int64_t ahead = std::min(goal / 2, static_cast<std::int64_t>(during + during / 4));
  g_heap.goal.store(goal, std::memory_order_relaxed);
  g_heap.trigger.store(goal - ahead, std::memory_order_relaxed);
}

}  // namespace

Cycle::Cycle(sched::Scheduler& scheduler, int patience)
    : scheduler_(scheduler),
      patience_(patience),
      marker_(g_space.marks[g_space.marked ^ 1], &contents_),
      snapshot_(scheduler) {}

bool Cycle::run() {
  times_.begun_ns = now_ns();
  before_bytes_ = g_heap.live.load(std::memory_order_relaxed) + bytes_since();
  prepare();
  if (!begin()) return false;
  times_.marking_ns = now_ns();
  if (settings().marking_has_begun != nullptr) settings().marking_has_begun();
  if (exact_) contents_.claim_handles();
  each_root(
      [](void* marker, void* const* place, bool owned) {
        if (owned) return;
        static_cast<Marker*>(marker)->mark(__atomic_load_n(place, __ATOMIC_ACQUIRE));
      },
      &marker_);
  each_range([](void* marker, const void* first,
                std::size_t bytes) { static_cast<Marker*>(marker)->words(first, bytes); },
             &marker_);
  marker_.drain();
  snapshot_.show_rest(marker_);
  do {
    mark();
    if (scheduler_.stopping()) {
      abandon();
      return false;
    }
  } while (!finish());
  sweep();
  times_.swept_ns = now_ns();
  return true;
}

void Cycle::prepare() {
  std::memset(g_space.marks[g_space.marked ^ 1], 0, std::size_t{g_pages.fresh()} * kMarkBytes);
  contents_.find_holders();
}

void Cycle::note_pause(StoppedWorld& world) {
  world.release();
  const std::uint64_t end_ns = now_ns();
  times_.held.push_back({end_ns - world.held_ns(), end_ns});
  times_.pause_ns = std::max(times_.pause_ns, world.held_ns());
  times_.pauses_ns += world.held_ns();
  ++times_.pauses;
}

bool Cycle::begin() {
  // Nobody is waited for if no container is of interest.
  const bool settles = contents_.any_holders();
  if (settles) g_collecting.store(1);
  StoppedWorld world(scheduler_,
                     settles ? StoppedWorld::Where::Settled : StoppedWorld::Where::Anywhere,
                     patience_);
  if (world.stopped()) {
    threads_ = world.notes().size();
    exact_ = !settles || world.settled();
    drop_notes();
    g_phase.fetch_add(1, std::memory_order_relaxed);
    g_watch.fetch_or(kMarking, std::memory_order_relaxed);
    mark_runs(g_space.marked ^ 1);
    if (settles && exact_) contents_.record();
    snapshot_.take(world, marker_);
  }
  const bool begun = world.stopped();
  note_pause(world);
  if (settles) {
    g_collecting.store(0, std::memory_order_release);
    base::futex_wake(g_collecting, 1 << 30);
  }
  return begun;
}

void Cycle::mark() {
  do {
    marker_.drain();
  } while (marker_.take_noted());
}

bool Cycle::finish() {
  StoppedWorld world(scheduler_, StoppedWorld::Where::Anywhere);
  if (!world.stopped()) return false;
  const bool done = nothing_left(world);
  if (done) {
    check(world);
    let_marks_hold();
  }
  note_pause(world);
  if (done) base::futex_wake(g_phase, 1 << 30);
  return done;
}

// A task that is held between a store and the look at whether somebody marks has the old handle in
// a register.
bool Cycle::nothing_left(const StoppedWorld& world) {
  give_over_notes();
  world.show_running(marker_);
  marker_.take_noted();
  return marker_.drain_some(kFewObjects) && !marker_.take_noted();
}

void Cycle::check(const StoppedWorld& world) {
  if (settings().recheck) mark_again(marker_);
  if (settings().verify) find_hidden_handles(scheduler_, marker_, world.notes());
  marker_.drain();
}

void Cycle::let_marks_hold() {
  snapshot_.end();
  during_bytes_ = bytes_since() + g_heap.live.load(std::memory_order_relaxed);
  during_bytes_ -= std::min(during_bytes_, before_bytes_);
  kept_ = empty_lists();
  g_space.marked ^= 1;
  g_phase.fetch_add(1, std::memory_order_relaxed);
  if (any_weak_cells()) g_watch.fetch_or(kWeaksEnd, std::memory_order_relaxed);
  g_watch.fetch_and(~kMarking, std::memory_order_relaxed);
  g_heap.before.fetch_add(g_heap.since.exchange(0, std::memory_order_relaxed),
                          std::memory_order_relaxed);
  times_.marked_ns = now_ns();
}

void Cycle::sweep() {
  if ((watched() & kWeaksEnd) != 0) {
    end_dead_weaks();
    g_watch.fetch_and(~kWeaksEnd, std::memory_order_relaxed);
  }
  if (exact_) forget_owned();
  Sweep sweep;
  sweep.run(dead_);
  const std::uint64_t live = sweep.live_bytes - std::min(sweep.live_bytes, kept_.bytes);
  g_heap.live.store(live, std::memory_order_relaxed);
  g_heap.live_objects.store(sweep.live_objects - std::min(sweep.live_objects, kept_.objects),
                            std::memory_order_relaxed);
  if (exact_) g_collections.exact.fetch_add(1, std::memory_order_relaxed);
  set_goal(live, during_bytes_);
}

// What is marked so far is of no use.
void Cycle::abandon() {
  snapshot_.end();
  g_watch.fetch_and(~kMarking, std::memory_order_relaxed);
  // As it was: no new marks hold.
  g_phase.fetch_sub(1, std::memory_order_relaxed);
  if (exact_) forget_owned();
}

}  // namespace taskscope::memory
