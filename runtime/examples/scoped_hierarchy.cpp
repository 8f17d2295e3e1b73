// scoped_hierarchy: tasks in a tree in which no child outlives its parent, and what a parent owns
// is destroyed after its children have ended.
//
//   server ──▶ session 1, 2 ──▶ reader, writer of each
//
// Use nested scopes for everything with parts that live for long: each level has a block with its
// own things, and a scope in it. Whatever way a block is left, by its end, by an exception, by
// cancellation from above, its children are told, waited for, and only then do its things go. So a
// child may use what its parents have without a thought of who lives longer; the order in which all
// of it ends is the reverse of how it began, without anybody having written it down.
//
// Here a failure in one reader takes the server down, in that order.
#include <cstddef>
#include <cstdio>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

class Log {
 public:
  void note(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(line);
  }
  // Where the line stands; past the end if it does not.
  std::size_t index(const std::string& line) const {
    std::size_t i = 0;
    while (i < lines_.size() && lines_[i] != line) ++i;
    return i;
  }
  std::size_t size() const { return lines_.size(); }

 private:
  ts::Mutex mutex_{"log"};
  std::vector<std::string> lines_;
};

// Something that must be there as long as the children are: a socket, a database.
struct Owned {
  Owned(Log& to, std::string what) : log(to), name(std::move(what)) {}
  ~Owned() { log.note(name + " closed"); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;

  Log& log;
  const std::string name;
};

void wait_for_the_end(const ts::Context& ctx, const Owned& uses, const std::string& who, Log& log) {
  ctx.done().recv();
  log.note(who + " of " + uses.name + " ended");
}

void session(const ts::Context& ctx, int number, const ts::Receiver<ts::Unit>& failure, Log& log) {
  const Owned connection(log, "connection " + std::to_string(number));
  ts::Scope tasks(ctx, {.name = "session"});
  tasks.go("reader", [&](const ts::Context& child) {
    if (number == 2) {
      failure.recv();
      throw std::runtime_error("connection 2 sent nonsense");
    }
    wait_for_the_end(child, connection, "reader", log);
  });
  tasks.go("writer",
           [&](const ts::Context& child) { wait_for_the_end(child, connection, "writer", log); });
}

void serve(const ts::Receiver<ts::Unit>& failure, Log& log) {
  const Owned database(log, "database");
  ts::Scope sessions(ts::background(), {.name = "server"});
  for (int i = 1; i <= 2; ++i) {
    sessions.go("session " + std::to_string(i),
                [&, i](const ts::Context& ctx) { session(ctx, i, failure, log); });
  }
}

}  // namespace

int main() {
  Log log;
  return ts::run([&log] {
    const auto failure = ts::make_chan<ts::Unit>("failure");
    failure.close();
    std::string caught;
    try {
      serve(failure, log);
    } catch (const std::runtime_error& error) {
      caught = error.what();
    }
    const bool children_first =
        log.index("reader of connection 1 ended") < log.index("connection 1 closed") &&
        log.index("writer of connection 1 ended") < log.index("connection 1 closed") &&
        log.index("writer of connection 2 ended") < log.index("connection 2 closed") &&
        log.index("connection 1 closed") < log.index("database closed") &&
        log.index("connection 2 closed") < log.index("database closed") &&
        log.index("database closed") + 1 == log.size();
    std::printf("%s; %s\n", caught.c_str(),
                children_first ? "all ended, children first" : "the order was wrong");
    return caught == "connection 2 sent nonsense" && children_first ? 0 : 1;
  });
}
