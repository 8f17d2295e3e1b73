#include "runtime/sched/run.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "runtime/instrument/tracer.h"
#include "runtime/sched/cpu_limit.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::sched {
namespace {

std::unique_ptr<instrument::Tracer> connect_to_recorder(std::uint32_t workers) {
  auto socket = instrument::take_recorder_socket();
  if (!socket) {
    std::fprintf(stderr, "taskscope: %s\n", socket.error().message.c_str());
    return nullptr;
  }
  if (!*socket) return nullptr;
  auto tracer = instrument::Tracer::connect(
      std::move(*socket),
      {.workers = workers, .ring_capacity = instrument::ring_capacity_from_environment()});
  if (!tracer) {
    std::fprintf(stderr, "taskscope: %s\n", tracer.error().message.c_str());
    return nullptr;
  }
  return std::move(tracer).value();
}

}  // namespace

std::uint32_t worker_count(const RunOptions& options) {
  constexpr std::uint32_t kMax = Scheduler::kWorkersMax;
  if (options.workers != 0) return std::min(options.workers, kMax);
  if (const char* text = std::getenv("TASKSCOPE_WORKERS")) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (*text != '\0' && *end == '\0' && value >= 1 && value <= kMax) {
      return static_cast<std::uint32_t>(value);
    }
    std::fprintf(stderr, "taskscope: TASKSCOPE_WORKERS=%s is not a number from 1 to %u.\n", text,
                 kMax);
  }
  return std::min(usable_cpus(), kMax);
}

void run_main(void (*body)(void* memory), void* closure, const RunOptions& options,
              const base::Site& site) {
  if (current_thread() != nullptr) fatal("ts::run called by a task");
  const std::uint32_t workers = worker_count(options);
  auto scheduler =
      std::make_unique<Scheduler>(workers, connect_to_recorder(workers), options.clock);
  if (!enter_run(*scheduler)) fatal("ts::run called while another thread is in ts::run");
  bool clean = false;
  {
    const FailureHandlers handlers;
    const PreemptSignal preempt_signal;
    clean = scheduler->run(body, closure, site);
  }
  leave_run();
  if (options.stats != nullptr) {
    *options.stats = clean ? scheduler->stats() : RunStats{.workers = workers};
    options.stats->threads_abandoned = !clean;
  }
  if (clean) return;
  scheduler->tracing().say_goodbye();
  static_cast<void>(scheduler.release());  // a worker that did not stop still uses it
}

}  // namespace taskscope::sched
