// cancellation: one call ends a whole tree of tasks, each of which knows nothing but its parent.
//
//   search ──▶ department 1 … 3 ──▶ shelf 1 … 3 of each
//
// Use contexts for everything that is done on behalf of somebody: each task makes the contexts of
// its children from its own, so that cancellation reaches everyone below and nobody beside. A
// branch can be cut off by itself; its sister branches go on. Why it ended travels along as the
// context's cause, so that the last one in the chain can say more than "cancelled".
//
// Here a book is searched for. The second department closes early; later somebody finds the book,
// which ends the search everywhere else.
#include <array>
#include <atomic>
#include <cstdio>
#include <exception>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kDepartments = 3;
constexpr int kShelves = 3;

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}

// Why shelves were left, each once.
struct Log {
  ts::Mutex mutex{"log"};
  std::multiset<std::string> reasons;

  void note(const std::string& reason) {
    const std::scoped_lock lock(mutex);
    reasons.insert(reason);
  }
};

// Searches until its context says that it is over.
void search_shelf(const ts::Context& ctx, ts::WaitGroup& searching, Log& log) {
  searching.done();
  ctx.done().recv();
  log.note(message_of(ctx.cause()));
}

void search_department(const ts::Context& ctx, ts::WaitGroup& searching, Log& log) {
  ts::Scope shelves(ctx);
  for (int i = 1; i <= kShelves; ++i) {
    shelves.go("shelf " + std::to_string(i),
               [&](const ts::Context& shelf) { search_shelf(shelf, searching, log); });
  }
}

}  // namespace

int main() {
  Log log;
  return ts::run([&log] {
    auto search = ts::with_cancel_cause(ts::background());
    auto second = ts::with_cancel_cause(search.ctx);
    ts::WaitGroup searching;
    searching.add(kDepartments * kShelves);

    ts::Scope departments;
    for (int i = 1; i <= kDepartments; ++i) {
      departments.go("department " + std::to_string(i), [&, i] {
        search_department(i == 2 ? second.ctx : search.ctx, searching, log);
      });
    }
    searching.wait();
    second.cancel(std::runtime_error("the department closes"));
    search.cancel(std::runtime_error("the book was found"));
    departments.wait();

    const std::size_t closed = log.reasons.count("the department closes");
    const std::size_t found = log.reasons.count("the book was found");
    std::printf("%zu shelves left because the department closes, %zu because the book was found\n",
                closed, found);
    return closed == kShelves && found == 2 * kShelves ? 0 : 1;
  });
}
