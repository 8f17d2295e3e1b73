// done_missing: a task leaves early, on an error, and its done() stands further down.
//
// It happens where add() and done() are called by hand. The tests, in which nothing fails, pass;
// the first error in earnest leaves whoever waits for the group waiting for ever.
//
// Taskscope shows: deadlock: The only task left was asleep and nothing could wake it; the program
//   ended itself.
// Taskscope adds: task 1 "main" in wait_group at …
//
// The correction (--fixed): WaitGroup::go calls done() however the function returns.
#include <atomic>
#include <cstdio>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

bool is_valid(const std::string& file) { return !file.empty(); }

void load_all(bool fixed) {
  std::atomic<int> loaded{0};
  ts::WaitGroup files("files");
  for (const std::string file : {"a", "", "c"}) {
    if (fixed) {
      files.go("load", [&loaded, file] {
        if (is_valid(file)) ++loaded;
      });
      continue;
    }
    files.add(1);
    ts::go("load", [&loaded, &files, file] {
      if (!is_valid(file)) return;  // the mistake: no done() on this way out
      ++loaded;
      files.done();
    });
  }
  files.wait();  // ← here
  std::printf("%d of 3 files loaded\n", loaded.load());
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] { load_all(fixed); });
}
