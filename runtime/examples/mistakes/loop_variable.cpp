// loop_variable: tasks capture the loop's variable by reference, and the loop goes on.
//
// `[&]` is convenient and takes everything by reference, the loop's counter as well. By the time
// the tasks look at it, it has moved on: some numbers are worked on twice, some never, and at the
// end of the loop it is gone. (Here it lives long enough for the program to end in good order.)
//
// ThreadSanitizer shows: data race
//
// Taskscope records what waits and wakes, not which memory is touched: a race is for a sanitizer,
// which knows tasks (preset tsan).
//
// The correction (--fixed): capture what changes by value.
#include <array>
#include <atomic>
#include <cstdio>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr std::size_t kParts = 100;

std::size_t work_on_all(bool fixed) {
  std::array<std::atomic<int>, kParts + 1> visits{};
  std::size_t part = 0;
  ts::WaitGroup tasks;
  for (part = 0; part < kParts; ++part) {
    if (fixed) {
      tasks.go([&visits, part] { ++visits[part]; });
    } else {
      tasks.go([&] { ++visits[part]; });  // the mistake
    }
    if (part % 10 == 0) ts::yield();  // some of them run while the loop goes on
  }
  tasks.wait();
  std::size_t visited = 0;
  for (std::size_t i = 0; i < kParts; ++i) visited += visits[i] == 1 ? 1 : 0;
  return visited;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] {
    std::printf("%zu of %zu parts were visited exactly once\n", work_on_all(fixed), kParts);
  });
}
