#include "tests/bench/made_up_program.h"

#include <algorithm>

namespace taskscope::bench {

using trace_format::ArmOperation;
using trace_format::BlockReason;
using trace_format::EventKind;
using trace_format::Record;

namespace {

constexpr std::uint64_t kStolenMax = 32;

}  // namespace

MadeUpProgram::MadeUpProgram(const Shape& shape)
    : children_(shape.children), rings_(kWorkers), workers_(kWorkers) {
  tasks_.resize(1);
  for (std::size_t pair = 1; pair <= shape.pairs; ++pair) {
    put(0, EventKind::Object, pair,
        trace_format::pack_kind_site(trace_format::ObjectKind::Channel, 5));
  }
  for (std::size_t i = 0; i < 2 * shape.pairs; ++i) spawn(i % kWorkers, true);
}

void MadeUpProgram::run_until(std::int64_t now_ns) {
  // The earliest worker does one thing, so that causes never come after their effects.
  for (;;) {
    const auto earliest =
        std::min_element(workers_.begin(), workers_.end(),
                         [](const Worker& a, const Worker& b) { return a.now_ns < b.now_ns; });
    if (earliest->now_ns >= now_ns) return;
    step(static_cast<std::size_t>(earliest - workers_.begin()));
  }
}

void MadeUpProgram::put(std::size_t w, EventKind kind, std::uint64_t id, std::uint32_t aux) {
  rings_[w].push_back(
      trace_format::encode({.ticks = static_cast<std::uint64_t>(workers_[w].now_ns) * kTicksPerNs,
                            .id = id,
                            .aux = aux,
                            .kind = kind}));
  ++events_;
}

void MadeUpProgram::spawn(std::size_t w, bool lasting) {
  const std::uint64_t id = tasks_.size();
  tasks_.push_back({.lasting = lasting});
  put(w, EventKind::Spawn, id, lasting ? 1 : 2);
  workers_[w].queue.push_back(id);
}

void MadeUpProgram::step(std::size_t w) {
  Worker& worker = workers_[w];
  if (worker.current == 0) return next_task(w);
  const std::uint64_t id = worker.current;
  Task& task = tasks_[id];
  pass(worker, 40 + below(60) * below(20));
  if (!task.lasting) {
    put(w, EventKind::Exit, id, 0);
    worker.current = 0;
    return;
  }
  const std::uint64_t partner = ((id - 1) ^ 1) + 1;
  if (!task.woke && tasks_[partner].waiting) {
    tasks_[partner].waiting = false;
    put(w, EventKind::Ready, partner, ++tasks_[partner].sequence);
    if (worker.next != 0) worker.queue.push_back(worker.next);
    worker.next = partner;
    task.woke = true;
    return;
  }
  if (children_ && below(16) == 0) return spawn(w, false);
  if (below(32) == 0) {
    put(w, EventKind::Syscall, 0, 7);
    pass(worker, 500 + below(4000));
    put(w, EventKind::SyscallEnd, 0, 0);
    return;
  }
  wait_for_partner(w, id);
}

void MadeUpProgram::wait_for_partner(std::size_t w, std::uint64_t id) {
  Worker& worker = workers_[w];
  tasks_[id].woke = false;
  worker.current = 0;
  if (tasks_[((id - 1) ^ 1) + 1].waiting) {
    put(w, EventKind::Yield, 0, 0);
    worker.queue.push_back(id);
    return;
  }
  tasks_[id].waiting = true;
  const std::uint64_t channel = 1 + (id - 1) / 2;
  const auto site = static_cast<trace_format::SiteId>(3 + id % 2);
  if (below(16) != 0) {
    put(w, EventKind::Block, channel, trace_format::pack_reason_site(BlockReason::ChanRecv, site));
    return;
  }
  put(w, EventKind::Arm, channel, static_cast<std::uint32_t>(ArmOperation::Recv));
  put(w, EventKind::Arm, 0, static_cast<std::uint32_t>(ArmOperation::After));
  put(w, EventKind::Block, 0, trace_format::pack_reason_site(BlockReason::Select, site));
}

void MadeUpProgram::next_task(std::size_t w) {
  Worker& worker = workers_[w];
  if (worker.next != 0) {
    if (below(4) == 0) {
      worker.queue.push_back(worker.next);
    } else {
      worker.queue.push_front(worker.next);
    }
    worker.next = 0;
  }
  if (worker.queue.empty() && !steal(w)) return;
  worker.current = worker.queue.front();
  worker.queue.pop_front();
  put(w, EventKind::Run, worker.current, ++tasks_[worker.current].sequence);
}

// Takes half of another's queue; without one the worker sleeps for a while.
bool MadeUpProgram::steal(std::size_t w) {
  Worker& worker = workers_[w];
  pass(worker, 300);
  const std::size_t from = static_cast<std::size_t>(below(kWorkers));
  Worker& victim = workers_[from];
  if (victim.queue.size() < 2) {
    if (!worker.parked) put(w, EventKind::WorkerPark, 0, 0);
    worker.parked = true;
    pass(worker, 1000);
    return false;
  }
  if (worker.parked) put(w, EventKind::WorkerUnpark, 0, 0);
  worker.parked = false;
  const std::uint64_t count = std::min<std::uint64_t>(victim.queue.size() / 2, kStolenMax);
  put(w, EventKind::Steal, victim.queue.front(),
      trace_format::pack_victim_count(static_cast<trace_format::WorkerId>(from),
                                      static_cast<std::uint32_t>(count)));
  for (std::uint64_t i = 0; i < count; ++i) {
    worker.queue.push_back(victim.queue.front());
    victim.queue.pop_front();
  }
  return true;
}

}  // namespace taskscope::bench
