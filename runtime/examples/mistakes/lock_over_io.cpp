// lock_over_io: a lock is held while something slow happens.
//
// It happens when "load it if it is not there" is written down as one step: the lock that guards a
// table for microseconds is now held for as long as a disk or a server takes, and everyone queues
// up behind it, one slow load after the other.
//
// Taskscope shows: long_hold: task … "reader", started at …, held mutex "pages" for … while task …
//   "reader" waited for it at examples/mistakes/lock_over_io.cpp:…, from … on.
// Taskscope adds: For … of this the holder waited itself, in sleep at
//   examples/mistakes/lock_over_io.cpp:…: do that before the lock is taken or after it is given
//   back.
//
// The correction (--fixed): load first, then lock, and look again (examples/cache.cpp).
#include <chrono>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kPages = 9;

class Pages {
 public:
  std::string get(int number, bool fixed) {
    if (!fixed) {
      const std::scoped_lock lock(mutex_);   // ← here
      return pages_[number] = load(number);  // the mistake
    }
    const std::string page = load(number);
    const std::scoped_lock lock(mutex_);
    return pages_[number] = page;
  }

 private:
  static std::string load(int number) {
    ts::sleep(std::chrono::milliseconds(15));  // a disk, a server
    return "page " + std::to_string(number);
  }

  ts::Mutex mutex_{"pages"};
  std::map<int, std::string> pages_;  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  Pages pages;
  return ts::run([&] {
    ts::WaitGroup readers("readers");
    for (int number = 0; number < kPages; ++number) {
      readers.go("reader", [&pages, number, fixed] { pages.get(number, fixed); });
    }
    readers.wait();
    std::printf("%d pages were read\n", kPages);
  });
}
