// The part of a worker that looks for work in other workers' queues.
#include <algorithm>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/spin.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

// A searching worker goes round this often before it sleeps, with so much time between the rounds:
// some 10 µs in all. Waking a sleeping thread costs its waker 6 µs and takes 50 µs, so work that
// turns up within that time is worth waiting for.
constexpr int kRounds = 8;
constexpr std::int64_t kRoundNs = 1'200;
// A theft is worth it if what was stolen runs for 3 µs before the thief looks for work again, or
// for 20 if it then waits for a lock: tasks that wake each other all the time would otherwise be
// fetched from core to core with what they share. As long as it is, what is queued is stolen at
// once; what lies in a next-slot is about to be run by its owner with a warm cache, and is stolen
// only when the owner has been busy with one task for 3 µs (kPatienceMinNs). After each theft that
// was not, either is left to its owner for twice as long as before, up to 100 µs, unless many are
// queued.
constexpr std::int64_t kPatienceMaxNs = 100'000;
constexpr std::int64_t kWorthNs = 3'000;
constexpr std::int64_t kWorthBesideLocksNs = 20'000;
constexpr std::uint32_t kManyQueued = 32;

bool is_lock(trace_format::BlockReason reason) {
  using trace_format::BlockReason;
  return reason == BlockReason::Mutex || reason == BlockReason::RwMutexRead ||
         reason == BlockReason::RwMutexWrite;
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
  judge_theft();
  watched_ = {};
  const auto workers = scheduler_.workers();
  const auto count = static_cast<std::uint32_t>(workers.size());
  bool something_left = false;  // to its owner, for now
  for (int round = 0; round < kRounds || watched_.next != nullptr || something_left; ++round) {
    if (round > 0) base::spin_for(kRoundNs);
    if (attention() != 0) return nullptr;
    if (Task* task = pick_global(RunQueue<Task>::kCapacity / 2)) return task;
    something_left = false;
    const std::uint32_t start = random() % count;
    for (std::uint32_t i = 0; i < count; ++i) {
      Worker& victim = *workers[(start + i) % count];
      if (&victim == this) continue;
      if (leaves_queued(victim, round * kRoundNs)) {
        something_left = true;
      } else if (Task* task = steal_from(victim)) {
        return task;
      }
      if (round < kRounds && watched_.next == nullptr) watch_next(victim);
    }
    if (Task* task = steal_watched()) return task;
  }
  return nullptr;
}

bool Worker::leaves_queued(const Worker& victim, std::int64_t searched_ns) const {
  if (patience_ns_ == kPatienceMinNs || searched_ns >= patience_ns_) return false;
  const std::uint32_t queued = victim.queue_.size();
  return queued > 0 && queued < kManyQueued;
}

Task* Worker::steal_from(Worker& victim) {
  Task* batch[RunQueue<Task>::kCapacity / 2];
  const std::uint32_t count = victim.queue_.grab(batch);
  if (count == 0) return nullptr;
  note_theft(*batch[0], victim, count);
  for (std::uint32_t i = 1; i < count; ++i) queue_last(batch[i]);
  return batch[0];
}

void Worker::note_theft(const Task& first, const Worker& victim, std::uint32_t count) {
  stole_ns_ = base::monotonic_ns();
  last_wait_ = {};
  if (lane_ != nullptr) lane_->steal(first.id, victim.index_, count);
}

void Worker::watch_next(Worker& victim) {
  watched_ = {.next = victim.queue_.peek_next(), .victim = &victim, .tick = victim.tick()};
}

Task* Worker::steal_watched() {
  if (watched_.next == nullptr) return nullptr;
  Worker& victim = *watched_.victim;
  watched_.waited_ns += kRoundNs;
  const bool unchanged = victim.tick() == watched_.tick;
  if (unchanged && watched_.waited_ns < patience_ns_) return nullptr;
  Task* const task = watched_.next;
  watched_ = {};
  if (!unchanged || !victim.queue_.steal_next(task)) return nullptr;
  note_theft(*task, victim, 1);
  return task;
}

void Worker::judge_theft() {
  if (stole_ns_ == 0) return;
  const std::int64_t worth_ns = is_lock(last_wait_) ? kWorthBesideLocksNs : kWorthNs;
  const bool worth_it = base::monotonic_ns() - stole_ns_ >= worth_ns;
  patience_ns_ = worth_it ? kPatienceMinNs : std::min(2 * patience_ns_, kPatienceMaxNs);
  stole_ns_ = 0;
}

}  // namespace taskscope::sched
