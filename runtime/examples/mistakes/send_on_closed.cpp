// send_on_closed: the receiver closes the channel to say that it has had enough.
//
// It seems natural, and works until a sender comes a moment later: to send on a closed channel is a
// panic, because a value would be lost without anybody knowing. Closing is what a sender says:
// "there is no more".
//
// Taskscope shows: panic: task … "Oslo", started at …, panicked and ended the program.
// Taskscope adds: It said: send on closed channel "answers"
//
// The correction (--fixed): the receiver's way to say "enough" is a context.
#include <chrono>
#include <cstdio>
#include <optional>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

int first_answer(bool fixed) {
  const auto answers = ts::make_chan<int>("answers");
  auto asking = ts::with_cancel(ts::background());
  ts::WaitGroup mirrors("mirrors");
  const auto ask = [&](const char* mirror, milliseconds takes) {
    mirrors.go(mirror, [fixed, answers, takes, ctx = asking.ctx] {
      ts::sleep(takes);
      if (!fixed) return answers.send(42);
      static_cast<void>(answers.send(ctx, 42));
    });
  };
  ask("Lisbon", milliseconds(1));
  ask("Oslo", milliseconds(2));
  const std::optional<int> answer = answers.recv();
  if (fixed) {
    asking.cancel();
  } else {
    answers.close();  // the mistake
  }
  mirrors.wait();
  return *answer;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  return ts::run([fixed] { std::printf("the answer is %d\n", first_answer(fixed)); },
                 {.clock = &clock});
}
