// task_per_item: a list of many small things becomes as many tasks.
//
// A task is cheap, not free: for an item that takes less time than starting its task, most of the
// time goes into starting. And each has a stack: if all have to wait, for a lock or an answer, they
// are all there at once.
//
// Taskscope shows with --limit window=1ms: spawn_explosion: 50,000 tasks were started at
//   examples/mistakes/task_per_item.cpp:…, up to … a second, and half of them took less than …
//   each, without their wait for a worker.
//
// The correction (--fixed): ts::parallel_for deals the items out to a few tasks, in chunks
// (examples/bounded_parallelism.cpp).
#include <cstddef>
#include <cstdio>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr std::size_t kItems = 50'000;

std::size_t square(std::size_t i) { return i * i; }

std::vector<std::size_t> squares(bool fixed) {
  std::vector<std::size_t> result(kItems);
  if (fixed) {
    ts::parallel_for(kItems, [&](std::size_t i) { result[i] = square(i); });
    return result;
  }
  ts::WaitGroup tasks("squares");
  for (std::size_t i = 0; i < kItems; ++i) {
    tasks.go([&result, i] { result[i] = square(i); });  // the mistake
  }
  tasks.wait();
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] {
    const std::vector<std::size_t> result = squares(fixed);
    std::printf("the last square is %zu\n", result.back());
  });
}
