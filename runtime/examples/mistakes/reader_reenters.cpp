// reader_reenters: a task that holds a read lock takes it again, with a writer waiting in between.
//
// It looks harmless, since readers do not exclude each other. But a writer that waits keeps new
// readers out, else it might wait for ever; so the second read lock waits for the writer, and the
// writer for the first. Without a writer at that moment all is well, which is how it gets through
// the tests.
//
// Taskscope shows: deadlock: All 2 tasks were asleep and nothing could wake them; the program ended
//   itself.
// Taskscope adds: task 1 "main" in rwmutex read at … task 2 "writer" in rwmutex write at …
//
// The correction (--fixed): the outer function locks, the inner one expects the lock to be held.
#include <chrono>
#include <cstdio>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

class Routes {
 public:
  void add(const std::string& route) {
    const std::unique_lock writing(mutex_);
    routes_.push_back(route);
  }
  std::size_t count() {
    const std::shared_lock reading(mutex_);  // ← here
    return count_locked();
  }
  std::string describe(bool fixed) {
    const std::shared_lock reading(mutex_);
    ts::sleep(std::chrono::seconds(1));  // meanwhile somebody wants to write
    return std::to_string(fixed ? count_locked() : count()) + " routes";
  }

 private:
  // REQUIRES: mutex_ is held.
  std::size_t count_locked() const { return routes_.size(); }

  ts::RWMutex mutex_{"routes"};
  std::vector<std::string> routes_{"home", "work"};
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits, when all others wait
  Routes routes;
  return ts::run(
      [&] {
        ts::WaitGroup writing;
        writing.go("writer", [&] {
          ts::sleep(std::chrono::milliseconds(1));
          routes.add("shore");
        });
        std::printf("%s\n", routes.describe(fixed).c_str());
        writing.wait();
      },
      {.clock = &clock});
}
