#include "runtime/sched/run.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

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

// "64K" is 65,536; 0 is no size.
std::uint64_t parse_size(std::string_view text) {
  const char* const end = text.data() + text.size();
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number > std::uint64_t{1} << 40) return 0;
  if (rest == end) return number;
  if (rest + 1 != end) return 0;
  switch (*rest) {
    case 'K':
      return number << 10;
    case 'M':
      return number << 20;
    case 'G':
      return number << 30;
    default:
      return 0;
  }
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

std::size_t stack_bytes(const RunOptions& options) {
  const auto possible = [](std::uint64_t bytes) {
    return bytes >= stack::kStackBytesMin && bytes <= stack::kStackBytesMax;
  };
  if (options.stack_bytes != 0) {
    if (possible(options.stack_bytes)) return options.stack_bytes;
    fatal("RunOptions::stack_bytes is " + std::to_string(options.stack_bytes) +
          ": the stack of a task has from 65536 bytes (64 KiB) to 1073741824 (1 GiB)");
  }
  const char* text = std::getenv("TASKSCOPE_STACK");
  if (text == nullptr) return stack::kStackBytesDefault;
  const std::uint64_t bytes = parse_size(text);
  if (possible(bytes)) return static_cast<std::size_t>(bytes);
  die("taskscope: TASKSCOPE_STACK=" + std::string(text) +
      " is not a size from 64K to 1G: a number of bytes, or one with K, M or G behind it.\n");
}

void run_main(void (*body)(void* memory), void* closure, const RunOptions& options,
              const base::Site& site) {
  if (current_thread() != nullptr) fatal("ts::run called by a task");
  const std::uint32_t workers = worker_count(options);
  auto scheduler = std::make_unique<Scheduler>(
      Scheduler::Options{
          .workers = workers, .stack_bytes = stack_bytes(options), .clock = options.clock},
      connect_to_recorder(workers));
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
