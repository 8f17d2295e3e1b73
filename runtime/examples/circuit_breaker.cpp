// circuit_breaker: whoever fails all the time is left alone for a while.
//
// Use ts::CircuitBreaker in front of a service that may be down: after some failures in a row it is
// not asked any more, so callers get their refusal at once instead of waiting for a timeout each,
// and the service can recover without being knocked over by everyone who retries. After a pause a
// single call is let through; if that succeeds the circuit closes again.
//
// Here a service is down from 20 ms to 60 ms after the start and everyone asks every 2 ms.
// --simulate takes a clock that leaps over every wait, and makes the numbers exact.
#include <chrono>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kDownFrom{20};
constexpr milliseconds kDownUntil{60};
constexpr milliseconds kEnd{100};

class Service {
 public:
  ts::Result<int> ask() {
    ++asked_;
    const auto now = ts::now() - began_;
    if (now < kDownFrom || now >= kDownUntil) return 42;
    ++failed_;
    return ts::Error{.message = "the service is down"};
  }
  ts::Clock::duration age() const { return ts::now() - began_; }
  int asked() const { return asked_; }
  int failed() const { return failed_; }

 private:
  const ts::TimePoint began_ = ts::now();
  int asked_ = 0;
  int failed_ = 0;
};

struct Outcome {
  int answers = 0;
  int refusals = 0;  // without asking
  bool recovered = false;
};

Outcome ask_for_a_while(const ts::Context& ctx, Service& service) {
  Outcome outcome;
  ts::CircuitBreaker breaker({.name = "service", .failures_max = 3, .open_for = milliseconds(10)});
  do {
    const bool open = breaker.state() == ts::CircuitState::Open;
    const ts::Result<int> answer = breaker.call([&] { return service.ask(); });
    if (answer) ++outcome.answers;
    if (!answer && open) ++outcome.refusals;
    outcome.recovered = answer.has_value();
  } while (service.age() < kEnd && ts::sleep(ctx, milliseconds(2)));
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [&] {
        Service service;
        const Outcome outcome = ask_for_a_while(ts::background(), service);
        std::printf("%d answers, %d failures, %d refusals without asking, %s\n", outcome.answers,
                    service.failed(), outcome.refusals,
                    outcome.recovered ? "all is well again" : "still down");
        // Three failures open the circuit; after that one call each 10 ms may fail, and the last
        // ones find the service up again.
        const bool right = outcome.recovered && service.failed() <= 3 + 4 &&
                           service.asked() == outcome.answers + service.failed();
        return right ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
