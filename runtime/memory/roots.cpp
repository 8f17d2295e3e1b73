#include "runtime/memory/roots.h"

#include <sys/mman.h>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/local.h"

namespace taskscope::memory {
namespace {

// Places of handles, by hashing with linear probing, in memory of its own. The lowest bit of an
// entry says that the place is owned: handles are aligned.
class RootTable {
 public:
  static constexpr std::uintptr_t kOwned = 1;
  static constexpr std::uintptr_t kGone = 2;  // an entry that was removed

  void add(std::uintptr_t place) {
    if (used_ + 1 > capacity_ / 4 * 3) grow();
    std::size_t at = hash(place);
    while (entries_[at] > kGone) at = (at + 1) & (capacity_ - 1);
    if (entries_[at] == 0) ++used_;
    entries_[at] = place;
    ++count_;
  }
  void remove(std::uintptr_t place) {
    std::uintptr_t* const entry = find(place);
    TASKSCOPE_CHECK(entry != nullptr);
    // Nobody probes beyond an entry that was never used.
    const std::size_t next = (static_cast<std::size_t>(entry - entries_) + 1) & (capacity_ - 1);
    *entry = entries_[next] == 0 ? 0 : kGone;
    if (*entry == 0) --used_;
    --count_;
  }
  std::uintptr_t* find(std::uintptr_t place) {
    if (capacity_ == 0) return nullptr;
    for (std::size_t at = hash(place); entries_[at] != 0; at = (at + 1) & (capacity_ - 1)) {
      if ((entries_[at] & ~kOwned) == place) return &entries_[at];
    }
    return nullptr;
  }
  // Of the places [first, end): false behind the last.
  template <class Visit>
  bool each(std::size_t first, std::size_t end, Visit visit) {
    for (std::size_t i = first; i < end && i < capacity_; ++i) {
      if (entries_[i] > kGone) visit(entries_[i]);
    }
    return end < capacity_;
  }
  // Another one when all entries have moved.
  std::size_t layout() const { return layout_; }
  std::size_t count() const { return count_; }

 private:
  static constexpr std::size_t kCapacityMin = 512;

  std::size_t hash(std::uintptr_t place) const {
    return static_cast<std::size_t>((place >> 3) * 0x9e37'79b9'7f4a'7c15ull >> 20) &
           (capacity_ - 1);
  }
  void grow() {
    std::uintptr_t* const old = entries_;
    const std::size_t old_capacity = capacity_;
    ++layout_;
    capacity_ = kCapacityMin;
    while (capacity_ < 4 * (count_ + 1)) capacity_ *= 2;
    entries_ = static_cast<std::uintptr_t*>(map_lazily(capacity_ * sizeof(std::uintptr_t)));
    used_ = 0;
    for (std::size_t i = 0; i < old_capacity; ++i) {
      if (old[i] <= kGone) continue;
      std::size_t at = hash(old[i]);
      while (entries_[at] != 0) at = (at + 1) & (capacity_ - 1);
      entries_[at] = old[i];
      ++used_;
    }
    if (old != nullptr) munmap(old, old_capacity * sizeof(std::uintptr_t));
  }

  std::uintptr_t* entries_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t count_ = 0;
  std::size_t used_ = 0;  // entries that are not 0
  std::size_t layout_ = 0;
};

// Apart, so that tasks that fill containers on several workers do not wait for each other.
struct alignas(64) Shard {
  base::Lock lock;
  RootTable table TASKSCOPE_GUARDED_BY(lock);
};
constexpr std::size_t kShards = 64;
constinit Shard g_shards[kShards];

constinit base::Lock g_ranges_lock;
constinit RootRange* g_ranges TASKSCOPE_GUARDED_BY(g_ranges_lock) = nullptr;
// Where each_range() goes on.
constinit const RootRange* g_next_range TASKSCOPE_GUARDED_BY(g_ranges_lock) = nullptr;

// As many are visited under one hold of a lock, for which tasks may wait.
constexpr std::size_t kAtOnce = 256;

// Calls visit(entry) for all of a shard that were there at the beginning; some twice.
template <class Visit>
void each_entry(Shard& shard, Visit visit) {
  std::size_t layout = 0;
  std::size_t first = 0;
  for (bool more = true; more;) {
    const base::LockGuard guard(shard.lock);
    if (shard.table.layout() != layout) first = 0;
    layout = shard.table.layout();
    more = shard.table.each(first, first + kAtOnce, visit);
    first += kAtOnce;
  }
}

// Places that are near each other are often used by one task.
Shard& shard_of(const void* place) {
  return g_shards[reinterpret_cast<std::uintptr_t>(place) / 4096 * 0x9e37'79b9ull >> 16 &
                  (kShards - 1)];
}

}  // namespace

void add_root(const void* place) {
  const QuietSection section;
  Shard& shard = shard_of(place);
  const base::LockGuard guard(shard.lock);
  shard.table.add(reinterpret_cast<std::uintptr_t>(place));
}

void remove_root(const void* place) {
  const QuietSection section;
  Shard& shard = shard_of(place);
  const base::LockGuard guard(shard.lock);
  shard.table.remove(reinterpret_cast<std::uintptr_t>(place));
}

void RootRange::add(const void* first, std::size_t bytes) {
  first_ = first;
  bytes_ = bytes;
  const QuietSection section;
  const base::LockGuard guard(g_ranges_lock);
  next_ = g_ranges;
  if (next_ != nullptr) next_->previous_ = this;
  g_ranges = this;
}

void RootRange::remove() {
  const QuietSection section;
  const base::LockGuard guard(g_ranges_lock);
  (previous_ == nullptr ? g_ranges : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  if (g_next_range == this) g_next_range = next_;
}

// ---- The collector's ----------------------------------------------------------------------------

// While tasks are held nobody who is holds a lock here, and threads that are no tasks' open theirs
// soon.
void set_owned(const void* place) {
  Shard& shard = shard_of(place);
  const base::LockGuard guard(shard.lock);
  std::uintptr_t* const entry = shard.table.find(reinterpret_cast<std::uintptr_t>(place));
  if (entry != nullptr) *entry |= RootTable::kOwned;
}

bool is_root(const void* place) {
  Shard& shard = shard_of(place);
  const base::LockGuard guard(shard.lock);
  return shard.table.find(reinterpret_cast<std::uintptr_t>(place)) != nullptr;
}

void forget_owned() {
  for (Shard& shard : g_shards) {
    each_entry(shard, [](std::uintptr_t& entry) { entry &= ~RootTable::kOwned; });
  }
}

void each_root(EachRoot visit, void* context) {
  for (Shard& shard : g_shards) {
    each_entry(shard, [&](std::uintptr_t entry) {
      visit(context, reinterpret_cast<void* const*>(entry & ~RootTable::kOwned),
            (entry & RootTable::kOwned) != 0);
    });
  }
}

void each_range(EachRange visit, void* context) {
  g_ranges_lock.lock();
  g_next_range = g_ranges;
  while (g_next_range != nullptr) {
    for (std::size_t i = 0; i < kAtOnce && g_next_range != nullptr; ++i) {
      visit(context, g_next_range->first(), g_next_range->bytes());
      g_next_range = g_next_range->next();
    }
    g_ranges_lock.unlock();
    g_ranges_lock.lock();
  }
  g_ranges_lock.unlock();
}

std::size_t root_count() {
  std::size_t count = 0;
  for (Shard& shard : g_shards) {
    const base::LockGuard guard(shard.lock);
    count += shard.table.count();
  }
  return count;
}

}  // namespace taskscope::memory
