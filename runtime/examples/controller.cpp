// controller: one task owns a state, and everybody else sends it messages.
//
// Use it where several fields change together by rules, or where what happens depends on time as
// well: a lock would be held over too much, and nobody could be waited for. The state is a local
// variable of one task, so there is nothing to lock and no half-done change to be seen. Requests
// carry a channel for their answer, with room for one, so that the controller never waits for
// whoever has stopped caring.
//
// Here a heater: people set it, a thermometer reports, and if that is silent for too long the
// controller switches the heater off by itself. --simulate takes a clock that leaps over waits.
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSilenceMax{50};

struct State {
  double wanted = 15;
  double measured = 20;
  bool heating = false;
  bool safe_stop = false;  // the thermometer is silent
};

struct Question {
  ts::Sender<State> answer;
};

class Heater {
 public:
  explicit Heater(ts::Scope& scope) {
    scope.go("heater", [this](const ts::Context& ctx) { control(ctx); });
  }

  void set(double wanted) { settings_.send(wanted); }
  void report(double measured) { measurements_.send(measured); }
  std::optional<State> state() {
    const auto answer = ts::make_chan<State>(1);
    questions_.send({answer});
    return answer.recv();
  }

 private:
  void control(const ts::Context& ctx) {
    State state;
    ts::Timer silence(kSilenceMax);
    bool on = true;
    while (on) {
      ts::select(ts::recv(settings_, [&](std::optional<double> wanted) { state.wanted = *wanted; }),
                 ts::recv(measurements_,
                          [&](std::optional<double> measured) {
                            state.measured = *measured;
                            state.safe_stop = false;
                            silence.reset(kSilenceMax);
                          }),
                 ts::recv(questions_, [&](std::optional<Question> q) { q->answer.send(state); }),
                 ts::recv(silence.c(), [&] { state.safe_stop = true; }),
                 ts::recv(ctx.done(), [&] { on = false; }));
      state.heating = !state.safe_stop && state.measured < state.wanted;
    }
  }

  ts::Chan<double> settings_ = ts::make_chan<double>("settings");
  ts::Chan<double> measurements_ = ts::make_chan<double>("measurements");
  ts::Chan<Question> questions_ = ts::make_chan<Question>("questions");
};

std::string text(const std::optional<State>& state) {
  if (state->safe_stop) return "off, the thermometer is silent";
  return state->heating ? "on" : "off";
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        ts::Scope scope;
        Heater& heater = scope.own<Heater>(scope);
        std::string story;
        heater.report(18);
        story += text(heater.state()) + "; ";
        heater.set(21);
        heater.report(18);
        story += text(heater.state()) + "; ";
        heater.report(22);
        story += text(heater.state()) + "; ";
        while (!heater.state()->safe_stop) ts::sleep(kSilenceMax);
        story += text(heater.state());
        scope.cancel();
        std::printf("%s\n", story.c_str());
        return story == "off; on; off; off, the thermometer is silent" ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
