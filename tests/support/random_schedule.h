// Random but legal traces: what a scheduler with a few workers might do, tasks that lose their
// worker included, in the one order in which it happened. For tests of everything that puts such an
// order back together.
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
      : random_(options.seed), current_(options.workers, 0), in_call_(options.workers, 0) {
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
    std::uint8_t regions = 0;  // open
  };
  // A task without a worker.
  struct Loose {
    std::uint64_t id;
    bool in_call;
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

  void by(const Loose& task) {
    put(trace_format::kNoWorker, EventKind::By, task.id, tasks_[task.id].sequence);
  }

  // The task enters or leaves a region, or changes a counter; ahead of that comes `by()`.
  template <class By>
  void annotate(trace_format::WorkerId ring, std::uint64_t task, By by) {
    std::uint8_t& regions = tasks_[task].regions;
    const std::uint32_t what = below(3);
    by();
    if (what == 0) {
      put(ring, EventKind::Counter, trace_format::pack_value(std::int64_t{below(9)} - 4),
          1 + below(2));
    } else if (what == 1 || regions == 0) {
      put(ring, EventKind::RegionBegin, 1 + below(3),
          trace_format::pack_depth_site(++regions, 1 + below(9)));
    } else {
      // Of whatever name: then its beginning is unknown.
      put(ring, EventKind::RegionEnd, 1 + below(3), trace_format::pack_depth_site(regions--, 0));
    }
  }

  // One of the tasks without a worker goes on.
  void step_loose() {
    constexpr trace_format::WorkerId kOutside = trace_format::kNoWorker;
    const std::size_t i = below(static_cast<std::uint32_t>(loose_.size()));
    Loose task = loose_[i];
    if (below(8) == 0) return annotate(kOutside, task.id, [&] { by(task); });
    const std::uint32_t what = below(6);
    if (task.in_call && what < 2) {
      by(task);
      put(kOutside, EventKind::SyscallEnd, 0, 0);
      loose_[i].in_call = false;
      return;
    }
    if (!task.in_call && what >= 4) {
      if (what == 5 && waiting_.empty()) return;
      by(task);
      if (what == 5) return ready_one(kOutside);
      put(kOutside, EventKind::Spawn, tasks_.size(), 1 + below(9)), new_task();
      return;
    }
    loose_.erase(loose_.begin() + static_cast<std::ptrdiff_t>(i));
    if (task.in_call || what < 2) {
      put(kOutside, EventKind::Ready, task.id, ++tasks_[task.id].sequence);
      runnable_.push_back(task.id);
      return;
    }
    if (what == 2) by(task), put_arm(kOutside);
    by(task);
    if (what == 3 && tasks_.size() - ended_ >= 4) {
      put(kOutside, EventKind::Exit, task.id, 0);
      ++ended_;
      return;
    }
    put(kOutside, EventKind::Block, 1,
        trace_format::pack_reason_site(trace_format::BlockReason::Mutex, 3));
    waiting_.push_back(task.id);
  }

  void put_arm(std::uint32_t ring) { put(ring, EventKind::Arm, 1 + below(4), 1 + below(3)); }

  // The task of worker `w` enters a call, ends it, or loses its worker. True if it did.
  bool call_or_lose_worker(std::uint32_t w) {
    std::uint64_t& current = current_[w];
    const std::uint32_t what = below(4);
    const bool in_call = in_call_[w] != 0;
    if (in_call && what < 2) {
      put(w, EventKind::SyscallEnd, 0, 0);
      in_call_[w] = 0;
      return true;
    }
    if (in_call || below(16) == 0) {
      put(w, in_call ? EventKind::Handoff : EventKind::Preempt, current, 0);
      put(w, EventKind::WorkerStart, 100 + below(8), 0);
      loose_.push_back({current, in_call});
      current = 0;
      in_call_[w] = 0;
      return true;
    }
    if (below(8) != 0) return false;
    put(w, EventKind::Syscall, 0, 1 + below(9));
    in_call_[w] = 1;
    return true;
  }

  void step() {
    const std::uint32_t w = below(static_cast<std::uint32_t>(current_.size()));
    if (below(10) == 0) return ready_one(trace_format::kNoWorker);
    if (!loose_.empty() && below(5) == 0) return step_loose();
    std::uint64_t& current = current_[w];
    if (current != 0 && call_or_lose_worker(w)) return;
    if (current != 0 && below(8) == 0) return annotate(w, current, [] {});
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
        put_arm(w), put_arm(w);
        [[fallthrough]];
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
  std::vector<std::uint8_t> in_call_;   // by worker: whether its task is in a call
  std::vector<Task> tasks_;             // by id
  std::vector<std::uint64_t> runnable_;
  std::vector<std::uint64_t> waiting_;
  std::vector<Loose> loose_;
  std::size_t ended_ = 0;
  std::uint64_t now_ = 1000;
  std::vector<trace_format::TextEvent> events_;
};

}  // namespace taskscope::tests
