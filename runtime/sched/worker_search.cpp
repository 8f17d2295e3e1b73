// The part of a worker that looks for work in other workers' queues.
#include <utility>

#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

// A searching worker goes round this often before it sleeps, with pauses (about 24 ns each) between
// the rounds: some 10 µs in all. Waking a sleeping thread costs its waker 6 µs and takes 50 µs, so
// work that turns up within that time is worth waiting for.
constexpr int kRounds = 8;
constexpr int kPausesPerRound = 50;
// What lies in a next-slot is about to be run by its owner with a warm cache. It is stolen only
// when the owner has been busy with one task for this many pauses (3 µs).
constexpr int kPausesBeforeNext = 125;

void pause(int count) {
  for (int i = 0; i < count; ++i) base::spin_pause();
}

}  // namespace

bool Worker::start_spinning() {
  if (spinning_) return true;
  if (!scheduler_.may_spin()) return false;
  spinning_ = true;
  scheduler_.add_spinner();
  if (lane_ != nullptr) lane_->worker_spin();
  return true;
}

bool Worker::give_up_spinning() {
  if (std::exchange(woken_, false)) scheduler_.count_search(false);
  return std::exchange(spinning_, false);
}

void Worker::stop_spinning() {
  if (!std::exchange(spinning_, false)) return;
  if (std::exchange(woken_, false)) scheduler_.count_search(true);
  // Whoever put the work there may have relied on this spinner for the next task too.
  if (scheduler_.remove_spinner()) scheduler_.wake_one_if_useful(lane_);
}

Task* Worker::search_others() {
  const auto workers = scheduler_.workers();
  const auto count = static_cast<std::uint32_t>(workers.size());
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) pause(kPausesPerRound);
    if (attention() != 0) return nullptr;
    if (Task* task = pick_global(RunQueue<Task>::kCapacity / 2)) return task;
    const std::uint32_t start = random() % count;
    for (std::uint32_t i = 0; i < count; ++i) {
      Worker& victim = *workers[(start + i) % count];
      if (&victim == this) continue;
      if (Task* task = steal_from(victim, round > 0)) return task;
    }
  }
  return nullptr;
}

Task* Worker::steal_from(Worker& victim, bool also_next) {
  Task* batch[RunQueue<Task>::kCapacity / 2];
  std::uint32_t count = victim.queue_.grab(batch);
  if (count == 0 && also_next) {
    Task* const next = victim.queue_.peek_next();
    if (next == nullptr) return nullptr;
    const std::uint32_t tick = victim.tick();
    pause(kPausesBeforeNext);
    if (victim.tick() != tick) return nullptr;
    if (!victim.queue_.steal_next(next)) return nullptr;
    batch[0] = next;
    count = 1;
  }
  if (count == 0) return nullptr;
  if (lane_ != nullptr) lane_->steal(batch[0]->id, victim.index_, count);
  for (std::uint32_t i = 1; i < count; ++i) queue_last(batch[i]);
  return batch[0];
}

}  // namespace taskscope::sched
