// token_bucket: so many at once, so many a second; who comes too often is told to come back later.
//
// Use ts::RateLimiter at a border that has to be protected: each client has a bucket of tokens that
// fills at a steady rate, and each request takes one. So a client may ask in bursts as long as it
// keeps the average; one that does not costs nothing but the refusal. allow() refuses at once, as a
// server should; wait() waits for a token, as a well-behaved client does.
//
// Here a busy client and a modest one ask the same server. --simulate takes a clock that leaps over
// every wait, and makes the numbers exact.
#include <chrono>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr int kBurst = 5;
constexpr milliseconds kRefill{4};  // one token

class Client {
 public:
  // Asks `count` times, each time `pause` after the last answer.
  void ask(int count, milliseconds pause) {
    for (int i = 0; i < count; ++i) {
      (bucket_.allow() ? served_ : refused_) += 1;
      ts::sleep(pause);
    }
  }
  // Asks as often as it may, and no more often.
  void ask_politely(const ts::Context& ctx, int count) {
    for (int i = 0; i < count && bucket_.wait(ctx); ++i) ++served_;
  }
  int served() const { return served_; }
  int refused() const { return refused_; }

 private:
  ts::RateLimiter bucket_{ts::RateLimit::every(kRefill), kBurst};
  int served_ = 0;
  int refused_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        Client busy;
        Client modest;
        Client polite;
        const ts::TimePoint begin = ts::now();
        {
          ts::Scope clients;
          clients.go("busy", [&] { busy.ask(40, milliseconds(0)); });
          clients.go("modest", [&] { modest.ask(8, 2 * kRefill); });
          clients.go("polite", [&](const ts::Context& ctx) { polite.ask_politely(ctx, 15); });
        }
        const ts::Clock::duration took = ts::now() - begin;
        std::printf("busy: %s\n", busy.refused() > 0 ? "sometimes refused" : "never refused");
        std::printf("modest: %d served, %d refused\n", modest.served(), modest.refused());
        std::printf("polite: %d served\n", polite.served());
        // No more than the burst and what has flowed in since.
        const bool bounded = busy.served() <= kBurst + 1 + took / kRefill;
        const bool right = bounded && busy.refused() > 0 && modest.refused() == 0 &&
                           polite.served() == 15 && took >= 10 * kRefill;
        return right ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
