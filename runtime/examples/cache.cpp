// cache: a table that is read all the time and changed now and then, by many tasks.
//
// Use ts::RWMutex where reads are many and take a while: they go on side by side, and only a change
// waits for all of them. For short look-ups a ts::Mutex is as fast, and ts::Map is there for plain
// keys and values; measure before you choose the larger tool. A writer that waits keeps new readers
// out, so it is not starved; for the same reason a reader must not lock a second time
// (mistakes/reader_reenters.cpp).
//
// What is not in the cache is loaded without a lock, and by one task only, however many ask for it
// at once: that is ts::SingleFlight.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kKeys = 8;
constexpr int kReaders = 12;
constexpr int kReadsEach = 200;

class Cache {
 public:
  std::string get(int key) {
    if (std::optional<std::string> found = find(key)) return *found;
    return loading_.call(key, [&] { return load(key); }).value;
  }
  void forget(int key) {
    const std::unique_lock writing(mutex_);
    entries_.erase(key);
  }
  int loads() const { return loads_; }

 private:
  std::optional<std::string> find(int key) {
    const std::shared_lock reading(mutex_);
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
  }
  std::string load(int key) {
    if (std::optional<std::string> found = find(key)) return *found;  // somebody just has
    ++loads_;
    ts::sleep(std::chrono::milliseconds(1));
    std::string value = "value " + std::to_string(key);
    const std::unique_lock writing(mutex_);
    entries_[key] = value;
    return value;
  }

  ts::RWMutex mutex_{"cache"};
  std::map<int, std::string> entries_;  // guarded by mutex_
  ts::SingleFlight<int, std::string> loading_;
  std::atomic<int> loads_{0};
};

}  // namespace

int main() {
  Cache cache;
  return ts::run([&cache] {
    std::atomic<int> right{0};
    const auto read_all = [&] {
      ts::Scope readers;
      for (int reader = 0; reader < kReaders; ++reader) {
        readers.go("reader " + std::to_string(reader), [&, reader] {
          for (int i = 0; i < kReadsEach; ++i) {
            const int key = (reader + i) % kKeys;
            if (cache.get(key) == "value " + std::to_string(key)) ++right;
            if (i % 16 == 0) ts::yield();
          }
        });
      }
    };
    read_all();
    const int first = cache.loads();
    cache.forget(3);
    read_all();
    const int again = cache.loads() - first;
    std::printf("%d right answers, %d loads, and %d after one was forgotten\n", right.load(), first,
                again);
    return right == 2 * kReaders * kReadsEach && first == kKeys && again == 1 ? 0 : 1;
  });
}
