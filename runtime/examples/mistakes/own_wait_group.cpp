// own_wait_group: a task waits for the group of which it is itself a part.
//
// It happens when the last step ("when all have finished, say so") moves into the tasks: the group
// is done when its tasks are, and one of them is not, because it waits for the group.
//
// Taskscope shows: deadlock: All 2 tasks were asleep and nothing could wake them; the program ended
//   itself.
// Taskscope adds: … "reporter" in wait_group at …
//
// The correction (--fixed): whoever waits is not a member; here, the one who has started them.
#include <atomic>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

void report(const std::atomic<int>& done) { std::printf("%d parts are done\n", done.load()); }

void build(bool fixed) {
  std::atomic<int> done{0};
  ts::WaitGroup parts("parts");
  for (int i = 0; i < 3; ++i) parts.go("part", [&] { ++done; });
  if (fixed) {
    parts.wait();
    return report(done);
  }
  parts.go("reporter", [&] {
    parts.wait();  // the mistake
    report(done);
  });
  parts.wait();  // ← here
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] { build(fixed); });
}
