// abandoned_timeout: the caller gives up after a while, the work that it has started does not.
//
// It happens with ts::after in a ts::select: the wait is bounded, but the task that works on the
// answer hears nothing of it, works to the end, and then finds nobody to give its answer to.
// Time-outs come when a system is slow already; each leaves a task behind, and makes it slower.
//
// Taskscope shows: leak: 4 tasks started at … were still blocked in chan send at … when the
//   program ended, and nothing was left that could have woken them.
//
// The correction (--fixed): a context with a timeout that the worker has, too: its waits and its
// send give up with it (examples/timeout.cpp).
#include <chrono>
#include <cstdio>
#include <optional>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{10};
constexpr milliseconds kWork{50};

std::optional<int> ask_in_vain() {
  const auto answer = ts::make_chan<int>("answer");
  ts::go("backend", [answer] {
    ts::sleep(kWork);
    answer.send(42);  // ← here
  });
  std::optional<int> got;
  ts::select(ts::recv(answer, got), ts::after(kPatience));
  return got;
}

std::optional<int> ask_with_a_context() {
  const auto limited = ts::with_timeout(ts::background(), kPatience);
  const auto answer = ts::make_chan<int>("answer");
  ts::go("backend", [answer, ctx = limited.ctx] {
    if (ts::sleep(ctx, kWork)) static_cast<void>(answer.send(ctx, 42));
  });
  const ts::Result<int> got = answer.recv(limited.ctx);
  return got ? std::optional(*got) : std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  return ts::run(
      [fixed] {
        int timed_out = 0;
        for (int i = 0; i < 4; ++i) {
          timed_out += (fixed ? ask_with_a_context() : ask_in_vain()) ? 0 : 1;
        }
        ts::sleep(std::chrono::hours(1));  // the program lives on
        std::printf("%d of 4 questions timed out\n", timed_out);
      },
      {.clock = &clock});
}
