// relay: passes values round rings of tasks until about as many events were traced as asked for.
//
// What a large recording is made of. Sixteen rings of eight tasks, one value in each; a hop over an
// unbuffered channel is at least three events (ready, block, run), so the number asked for is the
// least that comes out.
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "runtime/taskscope.h"

namespace {

constexpr int kRings = 16;
constexpr int kTasksPerRing = 8;
constexpr int kEventsPerHop = 3;

// Takes a number of hops left and passes on one less; the last one closes the ring's channels.
void relay(ts::Receiver<std::int64_t> from, ts::Sender<std::int64_t> to) {
  for (const std::int64_t hops_left : from) {
    if (hops_left == 0) break;
    to.send(hops_left - 1);
  }
  to.close();
}

void run_ring(std::int64_t hops, ts::WaitGroup& all) {
  std::vector<ts::Chan<std::int64_t>> channels;
  for (int i = 0; i < kTasksPerRing; ++i) channels.push_back(ts::make_chan<std::int64_t>());
  for (int i = 0; i < kTasksPerRing; ++i) {
    all.add(1);
    ts::go("relay", [&all, from = channels[i], to = channels[(i + 1) % kTasksPerRing]] {
      relay(from, to);
      all.done();
    });
  }
  channels[0].send(hops);
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t events = 0;
  const char* text = argc == 2 ? argv[1] : "";
  const auto [stop, error] = std::from_chars(text, text + std::strlen(text), events);
  if (error != std::errc() || *stop != '\0' || events < 1) {
    std::fprintf(stderr, "usage: relay EVENTS\n");
    return 2;
  }
  return ts::run([&] {
    ts::WaitGroup all;
    for (int i = 0; i < kRings; ++i) run_ring(events / kRings / kEventsPerHop + 1, all);
    all.wait();
    return 0;
  });
}
