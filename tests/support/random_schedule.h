// Random but legal traces: what a scheduler with a few workers might do, in the one order in which
// it happened. For tests of everything that puts such an order back together.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "runtime/trace_format/text.h"

namespace taskscope::tests {

struct ScheduleOptions {
  std::uint32_t seed = 1;
  std::uint32_t workers = 3;
  std::size_t steps = 2000;
};

class RandomSchedule {
 public:
  explicit RandomSchedule(const ScheduleOptions& options)
      : random_(options.seed), current_(options.workers, 0) {
    using trace_format::EventKind;
    tasks_.resize(1);
    put(0, EventKind::Spawn, new_task(), 0);
    while (events_.size() < options.steps) step();
  }

  const std::vector<trace_format::TextEvent>& events() const { return events_; }

 private:
  using EventKind = trace_format::EventKind;
  struct Task {
    std::uint32_t sequence = 0;
  };

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }

  std::uint64_t new_task() {
    tasks_.emplace_back();
    runnable_.push_back(tasks_.size() - 1);
    return tasks_.size() - 1;
  }

  void put(trace_format::WorkerId ring, EventKind kind, std::uint64_t id, std::uint32_t aux) {
    now_ += 1 + below(5);
    events_.push_back({ring, {.ticks = now_, .id = id, .aux = aux, .kind = kind}, {}});
  }

  std::uint64_t pick(std::vector<std::uint64_t>& from) {
    const std::size_t i = below(static_cast<std::uint32_t>(from.size()));
    const std::uint64_t id = from[i];
    from[i] = from.back();
    from.pop_back();
    return id;
  }

  void ready_one(trace_format::WorkerId ring) {
    if (waiting_.empty()) return;
    const std::uint64_t id = pick(waiting_);
    put(ring, EventKind::Ready, id, ++tasks_[id].sequence);
    runnable_.push_back(id);
  }

  void step() {
    const std::uint32_t w = below(static_cast<std::uint32_t>(current_.size()));
    if (below(10) == 0) return ready_one(trace_format::kNoWorker);
    std::uint64_t& current = current_[w];
    if (current == 0) {
      if (runnable_.empty()) return;
      const std::uint64_t id = pick(runnable_);
      put(w, EventKind::Run, id, ++tasks_[id].sequence);
      current = id;
      return;
    }
    switch (below(8)) {
      case 0:
        put(w, EventKind::Yield, 0, 0);
        runnable_.push_back(current);
        current = 0;
        break;
      case 1:
      case 2:
        put(w, EventKind::Block, 1 + below(4),
            trace_format::pack_reason_site(below(4) == 0 ? trace_format::BlockReason::Sleep
                                                         : trace_format::BlockReason::ChanRecv,
                                           1 + below(9)));
        waiting_.push_back(current);
        current = 0;
        break;
      case 3:
        if (below(3) != 0 || tasks_.size() - ended_ < 4) break;
        put(w, EventKind::Exit, current, 0);
        ++ended_;
        current = 0;
        break;
      case 4:
      case 5:
        put(w, EventKind::Spawn, tasks_.size(), 1 + below(9)), new_task();
        break;
      default:
        ready_one(w);
    }
  }

  std::mt19937 random_;
  std::vector<std::uint64_t> current_;  // by worker; 0: none
  std::vector<Task> tasks_;             // by id
  std::vector<std::uint64_t> runnable_;
  std::vector<std::uint64_t> waiting_;
  std::size_t ended_ = 0;
  std::uint64_t now_ = 1000;
  std::vector<trace_format::TextEvent> events_;
};

}  // namespace taskscope::tests
