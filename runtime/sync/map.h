// Map: a hash table that many tasks use at once. Go's sync.Map.
//
//   ts::Map<std::string, Session> sessions;
//   sessions.store(id, session);
//   if (std::optional<Session> found = sessions.load(id)) …
//   auto [value, loaded] = sessions.load_or_store(id, fresh);
//   sessions.range([](const auto& id, const auto& session) { return show(id, session); });
//   Session made = sessions.load_or_make(id, [] { return Session(); }).value;
//   if (!sessions.compare_and_swap(id, made, fresh)) log("somebody else has changed it");
//   std::optional<Session> before = sessions.swap(id, session);
//   if (sessions.compare_and_delete(id, session)) log(std::to_string(sessions.size()) + " left");
//   if (std::optional<Session> taken = sessions.load_and_delete(id)) log(*taken);
//   if (!sessions.erase(id)) sessions.clear();
//
// Every operation on one key is atomic; values are copied out, so a value that is dear to copy is
// better held by a shared handle. range() sees every key that is there from its begin to its end
// exactly once, and others perhaps; its function may use the map. Hash, equality and copies of K
// and V run under a lock of the runtime: they must not wait. Any thread may call.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/lock.h"

namespace taskscope {

template <class K, class V, class Hash = std::hash<K>, class Equal = std::equal_to<K>>
class Map {
 public:
  Map() = default;
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;

  // The value of `key`, or nullopt.
  std::optional<V> load(const K& key) const {
    const Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    return find(shard, key);
  }
  void store(K key, V value) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    shard.entries.insert_or_assign(std::move(key), std::move(value));
  }

  struct Loaded {
    V value;
    bool loaded;  // it was there
  };
  // The value that is there, or `value`, which is stored then.
  Loaded load_or_store(K key, V value) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    const auto [it, stored] = shard.entries.try_emplace(std::move(key), std::move(value));
    return {it->second, !stored};
  }
  // The value that is there, or what `make` returns, which is stored then. `make` runs without a
  // lock, perhaps for nothing if others store meanwhile.
  template <class Make>
  requires(std::is_invocable_r_v<V, Make&>) Loaded load_or_make(K key, Make make) {
    if (std::optional<V> found = load(key)) return {std::move(*found), true};
    V made = make();
    return load_or_store(std::move(key), std::move(made));
  }
  // Takes the key out; its value, if it was there.
  std::optional<V> load_and_delete(const K& key) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    auto node = shard.entries.extract(key);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }
  // False if it was not there.
  bool erase(const K& key) { return load_and_delete(key).has_value(); }
  // Stores `value`; what was there before.
  std::optional<V> swap(K key, V value) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    const auto [it, stored] = shard.entries.try_emplace(std::move(key), std::move(value));
    if (stored) return std::nullopt;
    return std::exchange(it->second, std::move(value));
  }
  // Stores `desired` if the value equals `expected`; false if it does not, or is not there.
  bool compare_and_swap(const K& key, const V& expected, V desired) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end() || !(it->second == expected)) return false;
    it->second = std::move(desired);
    return true;
  }
  // Takes the key out if its value equals `expected`.
  bool compare_and_delete(const K& key, const V& expected) {
    Shard& shard = shard_of(key);
    const base::LockGuard guard(shard.lock);
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end() || !(it->second == expected)) return false;
    shard.entries.erase(it);
    return true;
  }

  // Calls function(key, value) for the entries until it returns false.
  template <class F>
  requires(std::is_invocable_r_v<bool, F&, const K&, const V&>) void range(F function) const {
    for (const Shard& shard : shards_) {
      for (const auto& [key, value] : copy(shard)) {
        if (!function(key, value)) return;
      }
    }
  }
  void clear() {
    for (Shard& shard : shards_) {
      Entries entries;
      const base::LockGuard guard(shard.lock);
      entries.swap(shard.entries);
    }
  }
  // While others change the map: some number that was right for each part of it at some moment.
  std::size_t size() const {
    std::size_t count = 0;
    for (const Shard& shard : shards_) {
      const base::LockGuard guard(shard.lock);
      count += shard.entries.size();
    }
    return count;
  }

 private:
  static constexpr std::size_t kShards = 32;
  using Entries = std::unordered_map<K, V, Hash, Equal>;

  struct alignas(64) Shard {
    mutable base::Lock lock;
    Entries entries TASKSCOPE_GUARDED_BY(lock);
  };

  std::size_t index_of(const K& key) const {
    // Fibonacci hashing (Knuth): the standard's hash of a number is often the number.
    return static_cast<std::size_t>((Hash()(key) * 0x9E37'79B9'7F4A'7C15u) >> 59);
  }
  Shard& shard_of(const K& key) { return shards_[index_of(key)]; }
  const Shard& shard_of(const K& key) const { return shards_[index_of(key)]; }

  static std::optional<V> find(const Shard& shard, const K& key) TASKSCOPE_REQUIRES(shard.lock) {
    const auto it = shard.entries.find(key);
    if (it == shard.entries.end()) return std::nullopt;
    return it->second;
  }
  static std::vector<std::pair<K, V>> copy(const Shard& shard) {
    const base::LockGuard guard(shard.lock);
    return {shard.entries.begin(), shard.entries.end()};
  }

  std::array<Shard, kShards> shards_;
};

}  // namespace taskscope
