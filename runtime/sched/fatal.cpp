#include "runtime/sched/fatal.h"

#include <cxxabi.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string_view>
#include <typeinfo>

#include "runtime/debug/report.h"
#include "runtime/debug/stack_trace.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The first to fail reports; whoever comes later waits for the end of the process.
void claim_the_last_word() {
  static std::atomic<bool> taken{false};
  if (!taken.exchange(true)) return;
  for (;;) ::pause();
}

// What is being thrown: its message, and its type unless it is one of ours.
std::string describe_exception() {
  const std::type_info* type = abi::__cxa_current_exception_type();
  if (type == nullptr) return "std::terminate called without an exception";
  int status = 0;
  char* readable = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
  const std::string name = readable == nullptr ? type->name() : readable;
  std::free(readable);
  try {
    throw;
  } catch (const Panic& panic) {
    return panic.what();
  } catch (const std::exception& exception) {
    return std::string(exception.what()) + " (" + name + ')';
  } catch (...) {
    return name;
  }
}

[[noreturn]] void report_panic(Worker& worker) {
  claim_the_last_word();
  const std::vector<std::uintptr_t> stack = debug::capture_stack();
  const std::string message = describe_exception();
  Task& task = *worker.current();
  if (instrument::Lane* lane = worker.lane()) {
    lane->panic(task.id, message);
    lane->exit(lane->now(), task.id);
  }
  const debug::TaskInfo info = task_info(task);
  write_all(debug::running_report("panic: " + message, &info, debug::readable_frames(stack)));
  std::_Exit(2);
}

// What was installed before, to be put back when the run ends.
struct PreviousHandlers {
  std::terminate_handler terminate = nullptr;
  struct sigaction segv {};
  struct sigaction bus {};
};
PreviousHandlers& previous() {
  static PreviousHandlers handlers;
  return handlers;
}

[[noreturn]] void on_terminate() {
  Worker* worker = current_worker();
  if (worker != nullptr && worker->current() != nullptr) report_panic(*worker);
  if (previous().terminate != nullptr) previous().terminate();
  std::abort();
}

// Runs on the thread's alternate stack. Says whose stack it was; then the fault happens again and
// takes its ordinary way (a core dump, a sanitizer's report).
void on_fault(int signal, siginfo_t* info, void*) {
  const Worker* worker = current_worker();
  if (worker != nullptr && worker->current() != nullptr &&
      worker->scheduler().stacks().is_guard(info->si_addr)) {
    const Task& task = *worker->current();
    char text[1024];
    const int length = std::snprintf(
        text, sizeof text,
        "fatal error: stack overflow (a task has %zu KiB)\n\ntask %llu%s%s%s [running]:\n"
        "spawned at %s:%u (%s) by task %llu\n",
        stack::kSlotBytes >> 10, static_cast<unsigned long long>(task.id),
        task.name == nullptr ? "" : " \"", task.name == nullptr ? "" : task.name,
        task.name == nullptr ? "" : "\"",
        task.spawn_site.file == nullptr ? "?" : task.spawn_site.file, task.spawn_site.line,
        task.spawn_site.function == nullptr ? "?" : task.spawn_site.function,
        static_cast<unsigned long long>(task.parent));
    if (length > 0) {
      write_all({text, std::min(static_cast<std::size_t>(length), sizeof text - 1)});
    }
  }
  sigaction(signal, signal == SIGSEGV ? &previous().segv : &previous().bus, nullptr);
}

}  // namespace

void panic(const char* message) { throw Panic(message); }

void fatal(const std::string& message) {
  claim_the_last_word();
  const std::vector<debug::Frame> frames = debug::readable_frames(debug::capture_stack());
  const Worker* worker = current_worker();
  if (worker != nullptr && worker->current() != nullptr) {
    const debug::TaskInfo info = task_info(*worker->current());
    write_all(debug::running_report("fatal error: " + message, &info, frames));
  } else {
    write_all(debug::running_report("fatal error: " + message, nullptr, frames));
  }
  std::_Exit(2);
}

void die(const std::string& report) {
  claim_the_last_word();
  write_all(report);
  std::_Exit(2);
}

FailureHandlers::FailureHandlers() {
  previous().terminate = std::set_terminate(on_terminate);
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous().segv);
  sigaction(SIGBUS, &action, &previous().bus);
}

FailureHandlers::~FailureHandlers() {
  std::set_terminate(previous().terminate);
  sigaction(SIGSEGV, &previous().segv, nullptr);
  sigaction(SIGBUS, &previous().bus, nullptr);
}

}  // namespace taskscope::sched
