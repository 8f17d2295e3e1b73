// busy_wait: a task asks again and again whether something has happened, instead of waiting for it.
//
// `while (!ready) ts::yield();` lets others run, so it seems fair; but the task never sleeps, takes
// its turn after everyone else's, and keeps a processor busy with nothing. In a recording it is a
// comb: running, runnable, running, runnable.
//
// Taskscope shows with --limit window=1ms: busy_wait: 2 tasks started at
//   examples/mistakes/busy_wait.cpp:… yielded … times, up to … times a second each.
//
// The correction (--fixed): wait for a channel that is closed when it has happened (or a WaitGroup,
// a Future, a Cond); it costs nothing until then.
#include <atomic>
#include <chrono>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using namespace std::chrono_literals;

constexpr int kSteps = 20;

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run(
      [fixed] {
        const auto done = ts::make_chan<ts::Unit>("done");
        std::atomic<bool> ready{false};
        ts::WaitGroup tasks;
        tasks.go("worker", [&] {
          for (int step = 0; step < kSteps; ++step) ts::sleep(1ms);  // something that takes time
          ready = true;
          done.close();
        });
        for (int i = 0; i < 2; ++i) {
          tasks.go("waiter", [&] {
            if (fixed) {
              done.recv();
            } else {
              while (!ready) ts::yield();  // the mistake
            }
          });
        }
        tasks.wait();
        std::printf("it is ready\n");
      },
      {.workers = 1});
}
