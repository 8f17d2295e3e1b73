// ticker: a steady beat that limits how often something happens.
//
// Use a ticker where things are to happen at most once in a while and a late one is not made up
// for: polling, drawing, sending at an even pace. Each round waits for the next tick first. Of the
// ticks that find nobody waiting one is kept and the others are dropped, so a slow round is not
// followed by a burst. Where bursts are welcome as long as the average is kept, that is a token
// bucket (token_bucket.cpp).
//
// Here requests are forwarded one a tick. One of them takes three ticks and a half, of which two
// are never made up for. --simulate takes a clock that leaps over every wait.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPeriod{2};
constexpr int kRequests = 20;
constexpr int kSlowOne = 10;

void forward(int request) {
  if (request == kSlowOne) ts::sleep(kPeriod * 7 / 2);
}

// When each was forwarded.
std::vector<ts::TimePoint> forward_all(const ts::Context& ctx, const ts::Receiver<int>& requests) {
  std::vector<ts::TimePoint> times;
  const ts::Ticker ticker(kPeriod);  // its end stops it
  for (const int request : ts::or_done(ctx, requests)) {
    if (!ticker.c().recv(ctx)) break;
    times.push_back(ts::now());
    forward(request);
  }
  return times;
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        const auto requests = ts::make_chan<int>("requests");
        ts::go("clients", [requests] {
          for (int i = 0; i < kRequests; ++i) requests.send(i);
          requests.close();
        });
        const ts::TimePoint begin = ts::now();
        const std::vector<ts::TimePoint> times = forward_all(ts::background(), requests);

        // Never more than one a tick, however late the ticks were: the n-th is not before n ticks.
        bool even = times.size() == kRequests;
        for (std::size_t i = 0; i < times.size(); ++i) {
          even = even && times[i] - begin >= kPeriod * static_cast<int>(i + 1);
        }
        const ts::Clock::duration took = times.back() - begin;
        const bool skipped = took >= kPeriod * (kRequests + 2);
        std::printf("%zu requests, %s, %s\n", times.size(), even ? "one a tick" : "too fast",
                    skipped ? "no burst after the slow one" : "a burst after the slow one");
        return even && skipped ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
