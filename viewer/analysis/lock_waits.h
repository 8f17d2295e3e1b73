// Locks that tasks wait for: too much of the time, too many at once, for too long because of what
// the holder does, or woken in vain.
//
// The trace says when a task waited for a lock and who ended the wait, not who took a free one: a
// lock's holder is known from when somebody waited for it on, which is when it matters.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "viewer/analysis/check.h"

namespace taskscope::analysis {

class LockWaits : public Check {
 public:
  explicit LockWaits(const FindingLimits& limits) : limits_(limits) {}

  void add(std::span<const store::Span> spans, std::span<const store::EventRow> events) override;
  Result<void> finish(const Facts& facts, std::vector<store::FindingRow>& found) override;

 private:
  struct Lock {
    std::uint64_t waits = 0;
    std::int64_t wait_ns = 0;
    std::int64_t longest_ns = 0;
    store::Span longest;
    std::uint64_t woken = 0;
    std::uint64_t futile = 0;  // wake-ups after which the task waited for it again at once
    store::TaskId futile_task = 0;
    std::uint64_t herd = 0;  // most that one task woke at once
    WindowSums waited;       // ns; windows with a queue
    WindowSums missed;       // ns; windows in which a share of the time was waited away
    WindowSums held_up;      // waits that are long, windows with such
  };
  // When a task last stopped waiting for which lock.
  struct LastWait {
    store::ObjectId object_id = 0;
    store::SiteId site_id = 0;
    std::int64_t end_ns = 0;
  };
  // Wake-ups of one lock by one task, one after the other.
  struct Herd {
    store::ObjectId object_id = 0;
    store::TaskId waker = 0;
    std::int64_t last_ns = 0;
    std::uint64_t woken = 0;
  };

  void add_wait(const store::Span& span);
  void find_futile(store::ObjectId id, const Lock& lock, const Facts& facts,
                   std::vector<store::FindingRow>& found) const;
  void find_hot(store::ObjectId id, const Lock& lock, const Facts& facts,
                std::vector<store::FindingRow>& found) const;
  void find_convoy(store::ObjectId id, const Lock& lock, const Facts& facts,
                   std::vector<store::FindingRow>& found) const;
  // What the task that ended a wait did meanwhile, as far as it had the lock.
  struct Hold {
    std::int64_t from_ns = 0;
    store::StateTimes did{};
    store::Span longest_wait;  // of the holder itself; of no length if it did not wait
  };
  static Result<Hold> look_at_hold(const store::Span& wait, const Facts& facts);
  Result<void> find_holds(const Facts& facts, std::vector<store::FindingRow>& found);
  store::FindingRow row_of(store::ObjectId id, const Lock& lock, const Facts& facts) const;

  FindingLimits limits_;
  std::unordered_map<store::ObjectId, Lock> locks_;
  std::unordered_map<store::TaskId, LastWait> last_waits_;
  Herd herd_;
  std::vector<store::Span> long_waits_;  // for a lock that a task gave back; the longest of more
};

}  // namespace taskscope::analysis
