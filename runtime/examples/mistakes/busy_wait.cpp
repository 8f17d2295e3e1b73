// busy_wait: a task asks again and again whether something has happened, instead of waiting for it.
//
// `while (!ready) ts::yield();` lets others run, so it seems fair; but the task never sleeps, takes
// its turn after everyone else's, and keeps a processor busy with nothing. In a recording it is a
// comb: running, runnable, running, runnable.
//
// Taskscope will show: busy wait
// Taskscope answers: SELECT count(*) >= 500 FROM span JOIN task ON task.id = task_id
//   WHERE task.name = 'waiter' AND span.state = 'runnable'
//
// The correction (--fixed): wait for a channel that is closed when it has happened (or a WaitGroup,
// a Future, a Cond); it costs nothing until then.
#include <atomic>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kSteps = 1000;

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
          for (int step = 0; step < kSteps; ++step) ts::yield();  // it computes, and gives way
          ready = true;
          done.close();
        });
        tasks.go("waiter", [&] {
          if (fixed) {
            done.recv();
          } else {
            while (!ready) ts::yield();  // the mistake
          }
          std::printf("it is ready\n");
        });
        tasks.wait();
      },
      {.workers = 1});
}
