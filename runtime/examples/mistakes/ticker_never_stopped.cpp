// ticker_never_stopped: a task that lives from tick to tick is never told to stop.
//
// It happens with heartbeats, progress bars, refreshers: `for (;;) ticker.c().recv()` has no way
// out, and stopping the ticker from outside gives it none, since that does not close the channel.
// Unlike other leaks it also costs time: every tick wakes the task for nothing.
//
// Taskscope shows: leak: 3 tasks started at … were still blocked in chan recv at …
//
// The correction (--fixed): the loop waits for the tick or for the end of what it belongs to, by a
// context.
#include <atomic>
#include <chrono>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

void beat_for_ever(std::atomic<int>& beats) {
  const ts::Ticker ticker(milliseconds(100));
  for (;;) {
    ticker.c().recv();  // ← here
    ++beats;
  }
}

void beat(const ts::Context& ctx, std::atomic<int>& beats) {
  const ts::Ticker ticker(milliseconds(100));
  while (ticker.c().recv(ctx)) ++beats;
}

void transfer(bool fixed, std::atomic<int>& beats) {
  const auto transfer = ts::with_cancel(ts::background());
  ts::go("heartbeat",
         [fixed, &beats, ctx = transfer.ctx] { fixed ? beat(ctx, beats) : beat_for_ever(beats); });
  ts::sleep(milliseconds(255));
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  std::atomic<int> beats{0};
  return ts::run(
      [&] {
        for (int i = 0; i < 3; ++i) transfer(fixed, beats);
        const int wanted = beats;
        ts::sleep(milliseconds(1005));  // the program lives on
        std::printf("3 transfers, %d beats, and %d for nothing\n", wanted, beats - wanted);
      },
      {.clock = &clock});
}
