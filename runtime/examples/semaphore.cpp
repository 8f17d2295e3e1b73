// semaphore: a bound on what is in use at once, where uses are of different size.
//
// Use ts::Semaphore for a resource that is counted: memory, connections, licences. Each task takes
// as many permits as it needs and gives them back at the end of its block, whatever way that ends.
// Who waits longest is served first, so a task that needs much is not starved by many that need
// little. For "at most N tasks at once" a ts::Scope with a limit says it shorter.
//
// Here pictures are decoded; each needs as many MiB as it is large, and there are 64.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kMemoryMib = 64;
constexpr int kPictures = 40;

// What is in use, and the most that ever was.
class Gauge {
 public:
  void add(int mib) {
    const int now = in_use_.fetch_add(mib) + mib;
    int most = most_.load();
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
  }
  void remove(int mib) { in_use_.fetch_sub(mib); }
  int most() const { return most_; }
  int in_use() const { return in_use_; }

 private:
  std::atomic<int> in_use_{0};
  std::atomic<int> most_{0};
};

int size_mib(int picture) { return picture % 8 == 7 ? 48 : 4 + picture % 5; }

}  // namespace

int main() {
  return ts::run([] {
    ts::Semaphore memory("memory, MiB", kMemoryMib);
    Gauge gauge;
    std::atomic<int> decoded{0};
    {
      ts::Scope pictures;
      for (int picture = 0; picture < kPictures; ++picture) {
        pictures.go("picture " + std::to_string(picture), [&, picture](const ts::Context& ctx) {
          const int mib = size_mib(picture);
          const ts::SemaphoreGuard held(ctx, memory, mib);
          if (!held) return;  // the others have failed
          gauge.add(mib);
          if (ts::sleep(ctx, std::chrono::microseconds(50 * mib))) ++decoded;
          gauge.remove(mib);
        });
      }
    }
    const bool bounded = gauge.most() <= kMemoryMib && gauge.most() >= 48;
    std::printf("%d pictures, %s %d MiB at once, %d MiB in use at the end\n", decoded.load(),
                bounded ? "at most" : "not within", kMemoryMib, gauge.in_use());
    return bounded && decoded == kPictures && gauge.in_use() == 0 ? 0 : 1;
  });
}
