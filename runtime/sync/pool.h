// Pool: keeps objects that are dear to make and may be used again. Go's sync.Pool.
//
//   ts::Pool<std::vector<char>> buffers([] { return std::vector<char>(1 << 16); });
//   std::vector<char> buffer = buffers.get();
//   …
//   buffers.put(std::move(buffer));
//   if (!buffers.try_get()) buffers.next_generation();  // what nobody takes goes in time, anyway
//
// get() returns some object that was put back, or a new one; nothing may be expected of its
// content. What is put back is kept near its worker. A generation lasts for kGenerationNs: with the
// first put() after its end what nobody took becomes the victim, from which get() still takes, and
// what had been the victim is destroyed. So a pool under load keeps what it needs, and what it
// needed once is gone two generations later. Any thread may call.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/sched/clock.h"
#include "runtime/sync/worker_slot.h"

namespace taskscope {

template <class T>
class Pool {
 public:
  static constexpr std::int64_t kGenerationNs = 1'000'000'000;

  // `make` makes what is not there; it may be called by several tasks at once.
  explicit Pool(std::function<T()> make) : make_(std::move(make)) {}
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  T get() {
    std::optional<T> object = try_get();
    return object ? std::move(*object) : make_();
  }
  // nullopt instead of a new one.
  std::optional<T> try_get() {
    const std::size_t home = sync::worker_slot() % kShards;
    for (std::size_t i = 0; i < kShards; ++i) {
      if (std::optional<T> object = take(shards_[(home + i) % kShards])) return object;
    }
    return std::nullopt;
  }

  void put(T object) {
    const std::int64_t now = sched::now_ns();
    std::int64_t since = since_ns_.load(std::memory_order_relaxed);
    if (now - since >= kGenerationNs && since_ns_.compare_exchange_strong(since, now)) {
      next_generation();
    }
    Shard& shard = shards_[sync::worker_slot() % kShards];
    const base::LockGuard guard(shard.lock);
    shard.fresh.push_back(std::move(object));
  }

  // Ends the generation now: what was put back before the last call is destroyed.
  void next_generation() {
    for (Shard& shard : shards_) {
      std::vector<T> expired;  // destroyed after the lock is released
      const base::LockGuard guard(shard.lock);
      expired.swap(shard.victim);
      shard.victim.swap(shard.fresh);
    }
  }

 private:
  static constexpr std::size_t kShards = 8;

  struct alignas(64) Shard {
    base::Lock lock;
    std::vector<T> fresh TASKSCOPE_GUARDED_BY(lock);
    std::vector<T> victim TASKSCOPE_GUARDED_BY(lock);
  };

  static std::optional<T> take(Shard& shard) {
    const base::LockGuard guard(shard.lock);
    std::vector<T>& from = shard.fresh.empty() ? shard.victim : shard.fresh;
    if (from.empty()) return std::nullopt;
    // The one put back last: its memory is the warmest.
    std::optional<T> object(std::move(from.back()));
    from.pop_back();
    return object;
  }

  // Constant after construction.
  const std::function<T()> make_;

  std::array<Shard, kShards> shards_;

  // Atomic: when this generation began; who changes it ends the one before.
  std::atomic<std::int64_t> since_ns_{0};
};

}  // namespace taskscope
