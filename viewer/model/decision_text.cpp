#include "viewer/model/decision_text.h"

#include <fmt/format.h>

#include "runtime/base/check.h"
#include "viewer/model/format.h"

namespace taskscope::viewer {
namespace {

std::string counted(std::uint64_t count, const char* one, const char* many) {
  return fmt::format("{} {}", count_text(count), count == 1 ? one : many);
}

std::string times_text(std::uint64_t count) {
  return count == 1 ? "once" : counted(count, "time", "times");
}

std::string label_of(const TraceSession& session, TaskIndex task) {
  if (task >= session.tasks().size()) return "a task";
  return fmt::format("{} #{}", session.tasks()[task].name,
                     store::own_id(session.tasks()[task].row.id));
}

std::string sentence(const TraceSession& session, const Decision& decision) {
  switch (decision.kind) {
    case DecisionKind::Preempt:
      return fmt::format("{} ran too long: it lost the worker", label_of(session, decision.task));
    case DecisionKind::Handoff:
      return fmt::format("{} is in a call: it handed the worker on",
                         label_of(session, decision.task));
    case DecisionKind::Takeover:
      return fmt::format("thread {} drives the worker from here", decision.amount);
    case DecisionKind::Steal:
      return fmt::format("stole {} from worker {}, first: {}",
                         counted(decision.amount, "task", "tasks"),
                         store::own_worker_id(decision.other), label_of(session, decision.task));
    case DecisionKind::Wake:
      return fmt::format("woke worker {}", store::own_worker_id(decision.other));
    case DecisionKind::Poll:
      return fmt::format("the network: {} ready", counted(decision.amount, "task", "tasks"));
    case DecisionKind::Timers:
      return fmt::format("{} due", counted(decision.amount, "timer", "timers"));
  }
  TASKSCOPE_CHECK(false);
}

std::string sum_line(DecisionKind kind, std::uint64_t count, std::uint64_t amount) {
  switch (kind) {
    case DecisionKind::Preempt:
      return counted(count, "preemption", "preemptions");
    case DecisionKind::Handoff:
      return counted(count, "hand-off in a call", "hand-offs in calls");
    case DecisionKind::Takeover:
      return counted(count, "change of thread", "changes of thread");
    case DecisionKind::Steal:
      return fmt::format("{}: {}", counted(count, "steal", "steals"),
                         counted(amount, "task", "tasks"));
    case DecisionKind::Wake:
      return counted(count, "wake-up of a worker", "wake-ups of workers");
    case DecisionKind::Poll:
      return fmt::format("the network, {}: {} ready", times_text(count),
                         counted(amount, "task", "tasks"));
    case DecisionKind::Timers:
      return fmt::format("{} due", counted(amount, "timer", "timers"));
  }
  TASKSCOPE_CHECK(false);
}

}  // namespace

std::vector<std::string> decision_lines(const TraceSession& session, const DecisionTrack& track,
                                        const DecisionGroup& group) {
  if (group.size() == 1) return {sentence(session, track[group.first])};
  const DecisionSums sums = track.sums(group.first, group.last);
  std::vector<std::string> lines{counted(group.size(), "decision", "decisions")};
  for (std::size_t kind = 0; kind < kDecisionKinds; ++kind) {
    if (sums.counts[kind] == 0) continue;
    lines.push_back(
        sum_line(static_cast<DecisionKind>(kind), sums.counts[kind], sums.amounts[kind]));
  }
  return lines;
}

std::string thread_use_text(const TraceSession& session, const Thread& thread, std::size_t use) {
  const TrackSpan span = thread.track[use];
  const ThreadUse what = session.thread_use(span.payload, span.extra);
  if (what.task != kNoTask) return label_of(session, what.task);
  const bool asleep = span.state_class == StateClass::Sleep;
  if (what.worker == store::kNoWorker) return "asleep: no worker to drive";
  return fmt::format("{} {}", asleep ? "asleep, and so is its worker" : "driving worker",
                     store::own_worker_id(what.worker));
}

std::string worker_title(const TraceSession& session, const Worker& worker) {
  const store::WorkerId id = worker.row.id;
  const std::string title = fmt::format("Worker {}", store::own_worker_id(id));
  if (!session.of_several_programs()) return title;
  return title + " of " + session.program_name(store::program_of_worker(id));
}

std::string idle_text(const Worker& worker, std::int64_t ns) {
  std::string text = "between two tasks";
  if (!worker.drives.empty() && ns < worker.drives.front().start_ns) return "not started yet";
  if (!worker.drives.empty() && worker.thread_at(ns) == 0) return "stopped";
  const std::size_t at = worker.idle.track.span_at(ns);
  if (at < worker.idle.track.size()) {
    text = worker.idle.track.state_class(at) == StateClass::Sleep ? "asleep: nothing to run"
                                                                  : "looking for work";
  }
  const std::uint64_t thread = worker.thread_at(ns);
  return thread == 0 ? text : fmt::format("{}, on thread {}", text, thread);
}

std::string worker_count_text(const std::vector<WorkerCount>& counts, std::size_t at) {
  const std::string now = counted(counts[at].count, "worker", "workers");
  return at == 0 ? now : fmt::format("{} → {}", count_text(counts[at - 1].count), now);
}

}  // namespace taskscope::viewer
