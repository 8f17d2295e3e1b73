// batcher: single values are gathered, so that what costs the same for one and for many is paid
// once for many.
//
// Use ts::batch in front of databases, disks and networks: a group is passed on as soon as it is
// full, or when its first value has waited long enough, so a busy source gets large groups and a
// quiet one short delays. Closing the source flushes what is left. While a group is being stored,
// no further values are taken: those who send feel that the store is slow.
//
// Here events come in two bursts with a pause in between. --simulate takes a clock that leaps over
// every wait, and makes the groups exact.
#include <chrono>
#include <cstdio>
#include <numeric>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr int kBurst = 25;
constexpr std::size_t kGroup = 10;
constexpr milliseconds kAge{5};

// Events 0 … 49: two bursts with a pause that is longer than a group may wait.
ts::Receiver<int> events(ts::Scope& scope) {
  const auto chan = ts::make_chan<int>("events");
  scope.go("source", [chan](const ts::Context& ctx) {
    for (int i = 0; i < 2 * kBurst; ++i) {
      if (i == kBurst && !ts::sleep(ctx, 4 * kAge)) break;
      if (!chan.send(ctx, i)) break;
    }
    chan.close();
  });
  return chan;
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        ts::Scope scope;
        std::vector<int> stored;
        std::size_t groups = 0;
        bool bounded = true;
        const auto batches =
            ts::batch(scope.ctx(), events(scope), {.size_max = kGroup, .age_max = kAge});
        for (const std::vector<int>& group : batches) {
          std::printf("stored %zu events\n", group.size());
          ++groups;
          bounded = bounded && !group.empty() && group.size() <= kGroup;
          stored.insert(stored.end(), group.begin(), group.end());
        }
        std::vector<int> all(2 * kBurst);
        std::iota(all.begin(), all.end(), 0);
        if (stored != all) std::fprintf(stderr, "batcher: events were lost or came out of order\n");
        return stored == all && bounded && groups < all.size() ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
