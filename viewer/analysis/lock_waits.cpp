#include "viewer/analysis/lock_waits.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "viewer/analysis/alike.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

using store::BlockReason;
using store::FindingRow;
using store::Span;
using store::TaskState;

// A task that waits again at the same place so soon, with its wait for a worker, and runs for so
// short a time on average did nothing with what it was woken for.
constexpr std::int64_t kAtOnceNs = 20'000;
constexpr std::int64_t kInVainNs = 2'000;
// Wake-ups that follow each other so closely are of one moment.
constexpr std::int64_t kOneMomentNs = 5'000;
constexpr std::size_t kLongWaits = 64;

bool is_lock(BlockReason reason) {
  return reason == BlockReason::Mutex || reason == BlockReason::RwMutexRead ||
         reason == BlockReason::RwMutexWrite;
}

std::int64_t length(const Span& span) { return span.end_ns - span.start_ns; }

double share(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void LockWaits::add(std::span<const Span> spans, std::span<const store::EventRow>) {
  herd_ = {};
  for (const Span& span : spans) {
    if (span.state != TaskState::Blocked || span.object_id == 0) continue;
    if (is_lock(span.reason) || span.reason == BlockReason::Cond) add_wait(span);
  }
}

void LockWaits::add_wait(const Span& span) {
  Lock& lock = locks_[span.object_id];
  const std::int64_t ns = span.end_ns - span.start_ns;
  LastWait& last = last_waits_[span.task_id];
  if (last.object_id == span.object_id && last.site_id == span.site_id &&
      span.start_ns >= last.end_ns && span.start_ns - last.end_ns <= kAtOnceNs) {
    ++lock.futile;
    lock.futile_task = span.task_id;
  }
  last = {span.object_id, span.site_id, span.end_ns};
  if (span.waker_kind == store::WakerKind::Task) {
    ++lock.woken;
    const bool same = herd_.object_id == span.object_id && herd_.waker == span.woken_by &&
                      span.end_ns - herd_.last_ns <= kOneMomentNs;
    herd_ = {span.object_id, span.woken_by, span.end_ns, same ? herd_.woken + 1 : 1};
    lock.herd = std::max(lock.herd, herd_.woken);
  }
  if (!is_lock(span.reason)) return;
  ++lock.waits;
  lock.wait_ns += ns;
  if (ns >= lock.longest_ns) {
    lock.longest_ns = ns;
    lock.longest = span;
  }
  // What a longer wait took in the windows before is left out: such a wait is a finding itself.
  const std::int64_t in_window_ns = std::min(ns, limits_.window);
  lock.waited.add(span.end_ns, in_window_ns, limits_.window,
                  product(limits_.convoy_waiters, limits_.window));
  lock.missed.add(span.end_ns, in_window_ns, limits_.window,
                  product(limits_.lock_share, limits_.window / 100));
  if (ns >= limits_.hold) lock.held_up.add(span.end_ns, 1, limits_.window, 1);
  if (ns < limits_.inversion || span.woken_by == 0 || !span.finished) return;
  long_waits_.push_back(span);
  if (long_waits_.size() < 2 * kLongWaits) return;
  std::nth_element(
      long_waits_.begin(), long_waits_.begin() + kLongWaits, long_waits_.end(),
      [](const Span& a, const Span& b) { return a.end_ns - a.start_ns > b.end_ns - b.start_ns; });
  long_waits_.resize(kLongWaits);
}

Result<void> LockWaits::finish(const Facts& facts, std::vector<FindingRow>& found) {
  // In the order of ids, so that it says the same each time.
  std::map<store::ObjectId, const Lock*> locks;
  for (const auto& [id, lock] : locks_) locks.emplace(id, &lock);
  std::vector<FindingRow> of_locks;
  for (const auto& [id, lock] : locks) {
    find_convoy(id, *lock, facts, of_locks);
    find_hot(id, *lock, facts, of_locks);
    find_futile(id, *lock, facts, of_locks);
  }
  if (auto looked = find_holds(facts, of_locks); !looked) return looked.error();
  fold_alike(facts, of_locks);
  std::move(of_locks.begin(), of_locks.end(), std::back_inserter(found));
  return {};
}

FindingRow LockWaits::row_of(store::ObjectId id, const Lock& lock, const Facts& facts) const {
  FindingRow row;
  row.tier = "suspected";
  row.object_id = id;
  row.task_id = lock.longest.task_id;
  row.spawn_site_id = facts.spawn_site(lock.longest.task_id);
  row.wait_site_id = lock.longest.site_id;
  row.count = lock.waits;
  row.first_ns = lock.waits > 0 ? std::min(lock.waited.first_ns(), lock.longest.start_ns) : 0;
  row.last_ns = lock.waits > 0 ? lock.waited.last_ns() : facts.duration_ns();
  return row;
}

void LockWaits::find_convoy(store::ObjectId id, const Lock& lock, const Facts& facts,
                            std::vector<FindingRow>& found) const {
  if (lock.waited.reached() < limits_.persist) return;
  const double waiters = share(lock.waited.peak(), limits_.window);
  FindingRow row = row_of(id, lock, facts);
  row.kind = "lock_convoy";
  row.severity = waiters >= static_cast<double>(limits_.convoy_severe) ? "severe" : "warning";
  row.summary = fmt::format(
      "{}{} had a queue: in {} windows of {} at least {} tasks waited for it on average, at worst "
      "{:.1f}; {} took {} in all.",
      facts.program_prefix(store::program_of(id)), facts.object_label(id), lock.waited.reached(),
      duration_text(limits_.window), limits_.convoy_waiters, waiters, plural(lock.waits, "wait"),
      duration_text(lock.wait_ns));
  row.detail =
      "Whoever wants the lock waits for all that came before. Hold it for less, split what it "
      "guards, or let one task own the data and receive from a channel.";
  found.push_back(std::move(row));
}

// Of the time in which the program's tasks wanted to run; and for more than a moment.
void LockWaits::find_hot(store::ObjectId id, const Lock& lock, const Facts& facts,
                         std::vector<FindingRow>& found) const {
  if (lock.missed.reached() < limits_.persist) return;
  const auto time = [&](TaskState state) { return facts.time_in(store::program_of(id), state); };
  const std::int64_t wanted_ns = time(TaskState::Running) + time(TaskState::Runnable) +
                                 time(TaskState::Syscall) + lock.wait_ns;
  const double of_wanted = 100 * share(lock.wait_ns, wanted_ns);
  if (of_wanted < static_cast<double>(limits_.lock_share)) return;
  FindingRow row = row_of(id, lock, facts);
  row.kind = "hot_lock";
  row.severity = of_wanted >= static_cast<double>(limits_.lock_severe) ? "severe" : "warning";
  row.summary = fmt::format(
      "{}Tasks waited for {} {} in {}, {:.0f} % of the time in which they wanted to run; the "
      "longest wait was {} at {}.",
      facts.program_prefix(store::program_of(id)), facts.object_label(id),
      duration_text(lock.wait_ns), plural(lock.waits, "wait"), of_wanted,
      duration_text(lock.longest_ns), facts.report().short_place(lock.longest.site_id));
  row.detail =
      "Shorten what is done under it, split it by key, use an RWMutex where most only read, or "
      "keep the data with one task.";
  found.push_back(std::move(row));
}

void LockWaits::find_futile(store::ObjectId id, const Lock& lock, const Facts& facts,
                            std::vector<FindingRow>& found) const {
  if (lock.woken < static_cast<std::uint64_t>(limits_.futile_count)) return;
  const double futile =
      100 * share(static_cast<std::int64_t>(lock.futile), static_cast<std::int64_t>(lock.woken));
  if (futile < static_cast<double>(limits_.futile_share)) return;
  const bool herd = lock.herd >= static_cast<std::uint64_t>(limits_.herd) && futile >= 50;
  // A task that is woken by a condition, does a short thing and waits for the next is all right.
  if (!herd && lock.waits == 0) return;
  if (facts.mean_slice_ns(lock.futile_task) > kInVainNs) return;
  FindingRow row = row_of(id, lock, facts);
  row.kind = herd ? "thundering_herd" : "futile_wakeups";
  row.severity = "warning";
  row.count = lock.futile;
  const std::string at_once =
      herd ? fmt::format(", up to {} of them at once", lock.herd) : std::string();
  row.summary =
      fmt::format("{}{} woke {} tasks{}, and {:.0f} % of these waited for it again at once.",
                  facts.program_prefix(store::program_of(id)), facts.object_label(id),
                  count_text(lock.woken), at_once, futile);
  row.detail = herd ? "Wake one task for each thing that there is to do: notify_one() instead of "
                      "notify_all(), or a channel."
                    : "Tasks are woken before there is something for them to do.";
  found.push_back(std::move(row));
}

Result<LockWaits::Hold> LockWaits::look_at_hold(const Span& wait, const Facts& facts) {
  Hold hold{.from_ns = wait.start_ns};
  std::vector<Span> of_holder;
  auto looked = facts.each_span(wait.start_ns, wait.end_ns, [&](const Span& span) {
    const bool changes_hands = span.state == TaskState::Blocked && is_lock(span.reason) &&
                               span.object_id == wait.object_id && span.end_ns < wait.end_ns;
    if (changes_hands) hold.from_ns = std::max(hold.from_ns, span.end_ns);
    if (span.task_id == wait.woken_by) of_holder.push_back(span);
  });
  if (!looked) return looked.error();
  for (const Span& span : of_holder) {
    const std::int64_t ns =
        std::min(span.end_ns, wait.end_ns) - std::max(span.start_ns, hold.from_ns);
    if (ns <= 0) continue;
    hold.did[static_cast<std::size_t>(span.state)] += ns;
    const bool waits = span.state == TaskState::Blocked || span.state == TaskState::Sleeping ||
                       span.state == TaskState::Syscall;
    if (waits && length(span) > length(hold.longest_wait)) hold.longest_wait = span;
  }
  return hold;
}

// A lock's holder is the task that ended the wait, and it has had the lock since then or since that
// changed hands last.
Result<void> LockWaits::find_holds(const Facts& facts, std::vector<FindingRow>& found) {
  std::sort(long_waits_.begin(), long_waits_.end(), [](const Span& a, const Span& b) {
    return std::pair(length(b), a.start_ns) < std::pair(length(a), b.start_ns);
  });
  if (long_waits_.size() > kLongWaits) long_waits_.resize(kLongWaits);
  std::set<store::ObjectId> told;
  // A look reads the chunks of the wait's time again: of all looks together, twice the recording.
  std::int64_t left_ns = product(2, facts.duration_ns());
  for (const Span& wait : long_waits_) {
    if (told.contains(wait.object_id) || length(wait) > left_ns) continue;
    left_ns -= length(wait);
    const auto hold = look_at_hold(wait, facts);
    if (!hold) return hold.error();
    const auto did = [&](TaskState state) { return hold->did[static_cast<std::size_t>(state)]; };
    const std::int64_t held_ns = wait.end_ns - hold->from_ns;
    const std::int64_t runnable_ns = did(TaskState::Runnable);
    const bool inverted = runnable_ns >= limits_.inversion && runnable_ns * 2 >= held_ns;
    if (!inverted && held_ns < limits_.hold) continue;
    // It happens again and again, or was long: a single one is what a busy machine does.
    const bool lasts = locks_[wait.object_id].held_up.reached() >= limits_.persist ||
                       held_ns >= limits_.hold_severe || held_ns >= facts.duration_ns() / 100;
    if (!lasts) continue;
    told.insert(wait.object_id);
    FindingRow row = row_of(wait.object_id, locks_[wait.object_id], facts);
    row.kind = inverted ? "priority_inversion" : "long_hold";
    row.severity = !inverted && held_ns >= limits_.hold_severe ? "severe" : "warning";
    row.task_id = wait.woken_by;
    row.task_ids = {wait.woken_by, wait.task_id};
    row.spawn_site_id = facts.spawn_site(wait.woken_by);
    row.wait_site_id = wait.site_id;
    row.first_ns = hold->from_ns;
    row.last_ns = wait.end_ns;
    row.summary =
        fmt::format("{}{} held {} for {} while {} waited for it at {}, from {} on.",
                    facts.program_prefix(store::program_of(wait.object_id)),
                    facts.task_and_origin(wait.woken_by), facts.object_label(wait.object_id),
                    duration_text(held_ns), facts.task_label(wait.task_id),
                    facts.report().short_place(wait.site_id), duration_text(hold->from_ns));
    const std::int64_t parked_ns =
        did(TaskState::Blocked) + did(TaskState::Sleeping) + did(TaskState::Syscall);
    const Span& longest = hold->longest_wait;
    row.detail = inverted ? fmt::format(
                                "For {} of this the holder itself waited for a worker. Do less "
                                "under the lock, or let fewer tasks compete for the workers.",
                                duration_text(runnable_ns))
                 : parked_ns * 2 >= held_ns
                     ? fmt::format(
                           "For {} of this the holder waited itself, in {} at {}: do that before "
                           "the lock is taken or after it is given back.",
                           duration_text(parked_ns),
                           longest.state == TaskState::Syscall ? "a call" : to_text(longest.reason),
                           facts.report().short_place(longest.site_id))
                     : "It ran most of the time: do less under the lock.";
    found.push_back(std::move(row));
  }
  return {};
}

}  // namespace taskscope::analysis
