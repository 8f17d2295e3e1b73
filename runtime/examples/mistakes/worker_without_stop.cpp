// worker_without_stop: every object starts a task for its chores, and none ever ends one.
//
// It happens to caches with a task that tidies up, clients with one that reads, loggers with one
// that writes: the object is gone, its task lives on, and holds whatever it has captured. One such
// object is harmless; one per connection is a leak with a slow fuse.
//
// Taskscope shows: leak: 5 tasks started at … were still blocked in chan recv at … when the
//   program ended, and nothing was left that could have woken them.
//
// The correction (--fixed): whoever starts a task owns its end. Here the destructor closes the
// channel from which the task lives, and waits for it.
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

class Journal {
 public:
  explicit Journal(bool fixed) : fixed_(fixed) {
    ts::go("journal", [lines = ts::Receiver<std::string>(lines_), ended = ended_] {
      for (const std::string& line : lines) {  // ← here
        static_cast<void>(line);               // it would be written to a disk
      }
      ended.close();
    });
  }
  ~Journal() {
    if (!fixed_) return;  // the mistake is to have no destructor
    lines_.close();
    ended_.recv();
  }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void write(const std::string& line) { lines_.send(line); }

 private:
  const bool fixed_;
  const ts::Chan<std::string> lines_ = ts::make_chan<std::string>("lines", 8);
  const ts::Chan<ts::Unit> ended_ = ts::make_chan<ts::Unit>("ended");
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  return ts::run(
      [fixed] {
        for (int connection = 0; connection < 5; ++connection) {
          Journal journal(fixed);
          journal.write("hello");
        }
        ts::sleep(std::chrono::hours(1));  // the program lives on
        std::printf("5 connections, all closed\n");
      },
      {.clock = &clock});
}
