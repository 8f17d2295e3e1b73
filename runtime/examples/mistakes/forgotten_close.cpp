// forgotten_close: the producer has ended, and the loops over its channel wait for more.
//
// `for (int job : jobs)` ends when the channel is closed, and at no other time. If nobody closes
// it, the consumers wait, and whoever waits for them waits, too.
//
// Taskscope shows: deadlock: All 3 tasks were asleep and nothing could wake them; the program ended
//   itself.
// Taskscope adds: … 2 tasks in chan recv at … started at …
//
// The correction (--fixed): who sends closes. With several producers ts::close_after does when the
// last of them has ended.
#include <atomic>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

int add_up(bool fixed) {
  const auto jobs = ts::make_chan<int>("jobs", 4);
  std::atomic<int> sum{0};
  ts::WaitGroup consumers("consumers");
  for (int i = 0; i < 2; ++i) {
    consumers.go("consumer", [&sum, jobs] {
      for (const int job : jobs) sum += job;
    });
  }
  for (int job = 1; job <= 10; ++job) jobs.send(job);
  if (fixed) jobs.close();  // the mistake is to leave this out
  consumers.wait();         // ← here
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] { std::printf("the sum is %d\n", add_up(fixed)); });
}
