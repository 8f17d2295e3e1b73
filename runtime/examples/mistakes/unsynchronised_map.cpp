// unsynchronised_map: several tasks change one map, and nothing orders them.
//
// A std::map is for one task at a time, unless all only read. Two that count at once lose a count;
// two that insert at once can ruin the tree, and the program falls over somewhere else, later.
// (Here all keys are there before, so that only counts are lost and the program ends in good
// order.)
//
// ThreadSanitizer shows: data race
//
// Taskscope records what waits and wakes, not which memory is touched: a race is for a sanitizer,
// which knows tasks (preset tsan).
//
// The correction (--fixed): a ts::Mutex beside the map; or ts::Map, or a task that owns the map
// (examples/controller.cpp).
#include <cstdio>
#include <map>
#include <mutex>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kTasks = 4;
constexpr int kRounds = 500;

class Counts {
 public:
  void count(const std::string& word, bool fixed) {
    if (!fixed) {
      ++counts_.find(word)->second;  // the mistake
      return;
    }
    const std::scoped_lock lock(mutex_);
    ++counts_.find(word)->second;
  }
  int total() const {
    int total = 0;
    for (const auto& [word, count] : counts_) total += count;
    return total;
  }

 private:
  ts::Mutex mutex_{"counts"};
  std::map<std::string, int> counts_{{"and", 0}, {"or", 0}, {"not", 0}};
};

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  Counts counts;
  return ts::run([&] {
    ts::WaitGroup tasks;
    for (int i = 0; i < kTasks; ++i) {
      tasks.go("counter", [&] {
        for (int round = 0; round < kRounds; ++round) {
          for (const char* word : {"and", "or", "not"}) counts.count(word, fixed);
          if (round % 50 == 0) ts::yield();
        }
      });
    }
    tasks.wait();
    std::printf("%s words were counted\n",
                counts.total() == 3 * kTasks * kRounds ? "all" : "not all");
  });
}
