// What a busy program writes into its rings, made up without running one: for measuring what comes
// after the rings.
//
// Pairs of tasks hand something to and fro over a channel, some by select, some through a call that
// may take long; now and then they start a child that lives shortly. Workers prefer what they made
// runnable themselves, steal half of another's queue when they have none and sleep when there is
// none to steal. The same every time. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

#include "runtime/trace_format/codec.h"

namespace taskscope::bench {

class MadeUpProgram {
 public:
  static constexpr std::size_t kWorkers = 4;
  static constexpr std::uint64_t kTicksPerNs = 2;

  // Some tasks last; with `children` these start others that do not.
  struct Shape {
    std::size_t pairs = 500;
    bool children = true;
  };
  MadeUpProgram() : MadeUpProgram(Shape()) {}
  explicit MadeUpProgram(const Shape& shape);

  // Goes on until the clocks of all workers have reached `now_ns`.
  void run_until(std::int64_t now_ns);
  // What each worker has written; the reader empties them.
  std::vector<std::vector<trace_format::Record>>& rings() { return rings_; }

  std::size_t events() const { return events_; }
  std::size_t tasks() const { return tasks_.size() - 1; }

 private:
  struct Task {
    std::uint32_t sequence = 0;
    bool waiting = false;
    bool lasting = false;
    bool woke = false;
  };
  struct Worker {
    std::int64_t now_ns = 1000;
    std::uint64_t current = 0;
    std::uint64_t next = 0;  // made runnable last: goes first, but not always
    std::deque<std::uint64_t> queue;
    bool parked = false;
  };

  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  void pass(Worker& worker, std::uint64_t ns) { worker.now_ns += static_cast<std::int64_t>(ns); }
  void put(std::size_t w, trace_format::EventKind kind, std::uint64_t id, std::uint32_t aux);
  void spawn(std::size_t w, bool lasting);
  void step(std::size_t w);
  void wait_for_partner(std::size_t w, std::uint64_t id);
  void next_task(std::size_t w);
  bool steal(std::size_t w);

  bool children_;
  std::mt19937 random_{1};
  std::vector<std::vector<trace_format::Record>> rings_;
  std::vector<Worker> workers_;
  std::vector<Task> tasks_;  // by id
  std::size_t events_ = 0;
};

}  // namespace taskscope::bench
