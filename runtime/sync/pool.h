// Pool: keeps objects that are dear to make and may be used again. Go's sync.Pool.
//
//   ts::Pool<std::vector<char>> buffers([] { return std::vector<char>(1 << 16); });
//   std::vector<char> buffer = buffers.get();
//   …
//   buffers.put(std::move(buffer));
//
// get() returns some object that was put back, or a new one; nothing may be expected of its
// content. What is put back is kept near its worker. A generation lasts for kGenerationNs: at its
// end what nobody took becomes the victim, from which get() still takes, and what had been the
// victim is destroyed. So a pool that is not used any more empties itself at its next two uses, and
// a pool under load keeps what it needs. Any thread may call.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/lock.h"
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
    Shard& shard = shards_[sync::worker_slot() % kShards];
    const std::int64_t now = base::monotonic_ns();
    std::vector<T> expired;  // destroyed after the lock is released
    const base::LockGuard guard(shard.lock);
    if (now - shard.since_ns >= kGenerationNs) age(shard, expired, now);
    shard.fresh.push_back(std::move(object));
  }

  // Ends the generation now: what was put back before the last call is destroyed.
  void next_generation() {
    const std::int64_t now = base::monotonic_ns();
    for (Shard& shard : shards_) {
      std::vector<T> expired;
      const base::LockGuard guard(shard.lock);
      age(shard, expired, now);
    }
  }

 private:
  static constexpr std::size_t kShards = 8;

  struct alignas(64) Shard {
    base::Lock lock;
    std::vector<T> fresh TASKSCOPE_GUARDED_BY(lock);
    std::vector<T> victim TASKSCOPE_GUARDED_BY(lock);
    std::int64_t since_ns TASKSCOPE_GUARDED_BY(lock) = 0;  // of this generation
  };

  static void age(Shard& shard, std::vector<T>& expired, std::int64_t now)
      TASKSCOPE_REQUIRES(shard.lock) {
    expired.swap(shard.victim);
    shard.victim.swap(shard.fresh);
    shard.since_ns = now;
  }

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
};

}  // namespace taskscope
