// add_inside: a task adds itself to the group that is being waited for.
//
// `wait` returns when the count is zero, and until the tasks have run it is. So the program goes on
// before its tasks have begun, most of the time; if they are quick enough, it works.
//
// Taskscope shows: never_ran: 3 tasks started at examples/mistakes/add_inside.cpp:… had not begun
//   to run when main returned.
//
// The correction (--fixed): add before the task is started, which is what WaitGroup::go does.
#include <atomic>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

// They live longer than the run: tasks that main has left behind must not find its stack gone.
struct Build {
  ts::WaitGroup parts{"parts"};
  std::atomic<int> done{0};

  void start_in_vain() {
    ts::go("part", [this] {
      parts.add(1);  // the mistake
      ++done;
      parts.done();
    });
  }
  void start() {
    parts.go("part", [this] { ++done; });
  }
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  Build build;
  return ts::run(
      [&] {
        for (int i = 0; i < 3; ++i) fixed ? build.start() : build.start_in_vain();
        build.parts.wait();
        std::printf("%d of 3 parts are done\n", build.done.load());
      },
      {.workers = 1});  // with more it may work, which is worse
}
