#include "runtime/sched/run.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include "runtime/instrument/tracer.h"
#include "runtime/sched/cpu_limit.h"
#include "runtime/sched/dump.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/go.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::sched {
namespace {

// Atomic: see set_around_main().
constinit std::atomic<AroundMain> g_around_main{nullptr};

struct Surrounded {
  AroundMain around;
  TaskBody body;
  void* closure;

  static void run(void* memory) {
    Surrounded& self = **static_cast<Surrounded**>(memory);
    self.around(self.body, &self.closure);
    keep_frame();
  }
};

// Asked for in each run, recorded or not: a recorder that attaches later must not be what ends it.
std::uint64_t ring_capacity() {
  const auto records = instrument::ring_capacity_from_environment();
  if (!records) die("taskscope: " + records.error().message + '\n');
  return *records;
}

trace_format::Wanted wanted() {
  const auto wanted = instrument::wanted_from_environment();
  if (!wanted) die("taskscope: " + wanted.error().message + '\n');
  return *wanted;
}

std::unique_ptr<instrument::Tracer> make_tracer(const instrument::Tracer::Options& options) {
  // Leaves the environment, so that children do not take it for theirs.
  const std::string file = instrument::TraceFile::take_path();
  auto socket = instrument::connect_to_recorder();
  if (!socket) {
    std::fprintf(stderr, "taskscope: %s\n", socket.error().message.c_str());
    return nullptr;
  }
  if (!*socket && file.empty()) return nullptr;
  auto tracer = *socket ? instrument::Tracer::connect(std::move(*socket), options)
                        : instrument::Tracer::write_file(file, options);
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
  if (options.workers > kMax) {
    fatal("RunOptions::workers is " + std::to_string(options.workers) + ": a run has from 1 to " +
          std::to_string(kMax) +
          " workers; give one of these, or 0 for as many as the processors allow");
  }
  if (options.workers != 0) return options.workers;
  if (const char* text = std::getenv("TASKSCOPE_WORKERS")) {
    char* end = nullptr;
    const unsigned long value = std::strtoul(text, &end, 10);
    if (*text != '\0' && *end == '\0' && value >= 1 && value <= kMax) {
      return static_cast<std::uint32_t>(value);
    }
    die("taskscope: TASKSCOPE_WORKERS=" + std::string(text) + " is not a number from 1 to " +
        std::to_string(kMax) + ": give one, or unset it for as many as the processors allow.\n");
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

AroundMain set_around_main(AroundMain around) { return g_around_main.exchange(around); }

void run_main(void (*body)(void* memory), void* closure, const RunOptions& options,
              const base::Site& site) {
  if (current_thread() != nullptr) fatal("ts::run called by a task");
  const std::uint32_t workers = worker_count(options);
  const std::uint64_t ring_records = ring_capacity();
  auto scheduler = std::make_unique<Scheduler>(
      Scheduler::Options{
          .workers = workers,
          .stack_bytes = stack_bytes(options),
          .stack_setting = options.stack_bytes != 0 ? "RunOptions::stack_bytes" : "TASKSCOPE_STACK",
          .clock = options.clock,
          .ring_capacity = ring_records},
      make_tracer({.workers = workers, .ring_capacity = ring_records, .wanted = wanted()}));
  if (!enter_run(*scheduler)) fatal("ts::run called while another thread is in ts::run");
  bool clean = false;
  // Outlives leave_run(), where the program's own handlers are taken back that came on top of it.
  const QuitSignal quit_signal(*scheduler);
  {
    const FailureHandlers handlers;
    const PreemptSignal preempt_signal;
    Surrounded surrounded{.around = g_around_main.load(), .body = body, .closure = closure};
    clean = surrounded.around == nullptr ? scheduler->run(body, closure, site)
                                         : scheduler->run(Surrounded::run, &surrounded, site);
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
