// once: what is dear to make and the same for all is made when first needed, and once.
//
// Use ts::Lazy for a value of its own (a table, a connection, a parsed configuration), ts::Once for
// a step that must have happened. Whoever comes while it is being made waits for it, so nobody sees
// half of it, and afterwards asking costs one load. Against a global that is made before main: it
// costs nothing in programs that never ask, may use tasks and contexts, and a failure is an
// exception in the hands of those who asked.
//
// Here many tasks want the same table at once, and the first of them has to make it.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr std::size_t kTasks = 12;

// Counts how often it was made.
struct Table {
  explicit Table(std::atomic<int>& made) {
    ++made;
    ts::sleep(std::chrono::milliseconds(2));  // reads it from a disk
    for (std::size_t i = 0; i < squares.size(); ++i) squares[i] = i * i;
  }
  std::array<std::size_t, 100> squares{};
};

class Program {
 public:
  std::size_t square(std::size_t i) { return table_->squares[i]; }
  int tables_made() const { return made_; }

 private:
  std::atomic<int> made_{0};
  ts::Lazy<Table> table_{"table", [this] { return Table(made_); }};
};

}  // namespace

int main() {
  Program program;
  return ts::run([&program] {
    std::atomic<std::size_t> sum{0};
    ts::Once greeting("greeting");
    std::atomic<int> greetings{0};
    ts::Lazy<int> broken([]() -> int { throw std::runtime_error("no such file"); });
    std::atomic<int> failures{0};
    {
      ts::Scope tasks;
      for (std::size_t i = 0; i < kTasks; ++i) {
        tasks.go("task " + std::to_string(i), [&, i] {
          greeting.run([&] { ++greetings; });
          sum += program.square(i);
          try {
            sum += static_cast<std::size_t>(*broken);
          } catch (const std::runtime_error&) {
            ++failures;  // everyone who asks is told
          }
        });
      }
    }
    std::printf("%d table for %zu tasks, %d greeting, %d were told of the failure\n",
                program.tables_made(), kTasks, greetings.load(), failures.load());
    const bool right = program.tables_made() == 1 && greetings == 1 && failures == kTasks &&
                       sum == (kTasks - 1) * kTasks * (2 * kTasks - 1) / 6;
    return right ? 0 : 1;
  });
}
