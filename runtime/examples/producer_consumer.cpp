// producer_consumer: some tasks make things, others use them up, and a bounded buffer lies between.
//
// Use it where makers and users work in bursts: the buffer evens them out, and its bound is the
// memory that they may take. A full buffer makes the producers wait, an empty one the consumers;
// nobody polls, and nothing is dropped. How large it should be can be seen in a recording: with
// producers that wait in `chan send` most of the time a larger one helps nobody, they need more
// consumers.
//
// A channel with a buffer is all of that. What takes a thought is the end: no producer may close
// the channel while others still send, so ts::close_after does when all have ended.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kProducers = 3;
constexpr int kConsumers = 2;
constexpr int kLoaves = 60;  // by each producer
constexpr std::size_t kShelf = 8;
constexpr std::chrono::microseconds kBaking{200};
constexpr std::chrono::microseconds kSelling{150};

}  // namespace

int main() {
  std::array<std::atomic<int>, kProducers * kLoaves> sold{};
  return ts::run([&sold] {
    const auto shelf = ts::make_chan<int>("shelf", kShelf);

    ts::WaitGroup producers("bakers");
    for (int baker = 0; baker < kProducers; ++baker) {
      producers.go("baker " + std::to_string(baker), [=] {
        for (int i = 0; i < kLoaves; ++i) {
          ts::sleep(kBaking);
          shelf.send(baker * kLoaves + i);
        }
      });
    }
    ts::close_after(producers, shelf);

    ts::WaitGroup consumers("sellers");
    for (int seller = 0; seller < kConsumers; ++seller) {
      consumers.go("seller " + std::to_string(seller), [&sold, shelf] {
        for (const int loaf : shelf) {
          ts::sleep(kSelling);
          ++sold[static_cast<std::size_t>(loaf)];
        }
      });
    }
    consumers.wait();

    int once = 0;
    for (const std::atomic<int>& times : sold) once += times == 1 ? 1 : 0;
    std::printf("%d of %d loaves were sold exactly once\n", once, kProducers * kLoaves);
    return once == kProducers * kLoaves ? 0 : 1;
  });
}
