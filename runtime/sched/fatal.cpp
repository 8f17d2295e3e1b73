#include "runtime/sched/fatal.h"

#include <cxxabi.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string_view>
#include <typeinfo>

#include "runtime/debug/child.h"
#include "runtime/debug/report.h"
#include "runtime/debug/stack_trace.h"
#include "runtime/instrument/trace_file.h"
#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/unwinding.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_to_stderr(std::string_view text) { write_all(STDERR_FILENO, text); }

bool claim_the_last_word() {
  static std::atomic<pid_t> speaker{0};
  pid_t nobody = 0;
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  if (speaker.compare_exchange_strong(nobody, self)) return true;
  if (nobody == self) return false;
  for (;;) ::pause();
}

void end_program() {
  instrument::TraceFile::save_before_death();
  std::_Exit(2);
}

namespace {

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
  } catch (const Unwinding& unwinding) {
    return "task " + std::to_string(unwinding.task()) + ' ' + unwinding.what();
  } catch (const std::exception& exception) {
    return std::string(exception.what()) + " (" + name + ')';
  } catch (...) {
    return name;
  }
}

// The last events of a task that has panicked, in the ring that says what it does now.
void trace_panic(Thread& thread, Task& task, const std::string& message) {
  Worker* const worker = thread.worker();
  const auto write = [&](instrument::Lane& lane) {
    if (worker == nullptr) Tracing::introduce_outside(lane, task);
    if (worker != nullptr) Tracing::introduce(lane, task);
    lane.panic(task.id, message);
    if (worker == nullptr) lane.by(task.id, task.seq);
    lane.exit(lane.now(), task.id);
  };
  if (worker == nullptr) return thread.scheduler().tracing().outside(write);
  if (worker->lane() != nullptr) write(*worker->lane());
}

// What can be said of a stack when its names cannot be had. Async-signal-safe.
void write_addresses(const debug::CapturedStack& stack) {
  char text[2048];
  write_to_stderr("its stack, as addresses (their names could not be found out):\n");
  write_to_stderr({text, debug::format_addresses(stack, text, sizeof text)});
  write_to_stderr("\n");
}

// `headline` and whose stack it happened on, without allocating.
void write_plain_report(std::string_view headline, const Task& task) {
  const bool named = task.name != nullptr && *task.name != '\0';
  char text[1024];
  const auto write = [&text](int length) {
    if (length > 0) write_to_stderr({text, std::min<std::size_t>(length, sizeof text - 1)});
  };
  const auto write_site = [&](const char* what, const base::Site& site) {
    write(std::snprintf(text, sizeof text, "%s %s:%u (%s)", what,
                        site.file == nullptr ? "?" : site.file, site.line,
                        site.function == nullptr ? "?" : site.function));
  };
  write_to_stderr(headline);
  write(std::snprintf(text, sizeof text, "\n\ntask %llu%s%s%s [running]:\n",
                      static_cast<unsigned long long>(task.id), named ? " \"" : "",
                      named ? task.name : "", named ? "\"" : ""));
  write_site("spawned at", task.spawn_site());
  write(std::snprintf(text, sizeof text, " by task %llu\n",
                      static_cast<unsigned long long>(task.parent)));
  const SpawnPath* path = task.spawn_path->parent;
  for (; path != nullptr && path->length > 0 && !path->is_main; path = path->parent) {
    write_site("which was spawned at", path->site);
    write_to_stderr(path->parent->is_main ? " by task 1\n" : "\n");
  }
}

// Of the calling task's run, in a copy of the process.
const Task* find_task(TaskId id) {
  const Task* found = nullptr;
  current_thread()->scheduler().tasks().for_each_live([&](const Task& task) {
    if (task.id == id) found = &task;
  });
  return found;
}

// Names are found in a child process: the stack that failed may be nearly full, and what failed may
// hold any lock.
void write_report(const std::string& headline, const Task* task,
                  const debug::CapturedStack& stack) {
  const bool named = debug::run_in_child([&] {
    debug::TaskInfo info;
    if (task != nullptr) info = task_info(*task, find_task);
    const debug::TaskInfo* const shown = task == nullptr ? nullptr : &info;
    write_to_stderr(debug::running_report(headline, shown, debug::readable_stack(stack)));
  });
  if (named) return;
  if (task != nullptr) {
    write_plain_report(headline, *task);
  } else {
    write_to_stderr(headline + "\n\n");
  }
  write_addresses(stack);
}

[[noreturn]] void report_panic(Thread& thread) {
  thread.enter_runtime();
  if (!claim_the_last_word()) end_program();
  const debug::CapturedStack stack = debug::capture_stack();
  const std::string message = describe_exception();
  Task& task = *thread.task();
  trace_panic(thread, task, message);
  const debug::TaskInfo origin =
      thread.scheduler().passed_on_errors().origin_of(std::current_exception());
  std::string headline = "panic: " + message;
  if (origin.id != 0 && origin.id != task.id) headline += '\n' + debug::format_origin(origin);
  write_report(headline, &task, stack);
  end_program();
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
  Thread* thread = current_thread();
  if (thread != nullptr && thread->task() != nullptr) report_panic(*thread);
  instrument::TraceFile::save_before_death();
  if (previous().terminate != nullptr) previous().terminate();
  std::abort();
}

struct sigaction& previous_action(int signal) {
  return signal == SIGSEGV ? previous().segv : previous().bus;
}

// Where it happened. The report that stands already says the rest.
void report_stack(void* context) {
  const debug::CapturedStack stack = debug::capture_interrupted_stack(context);
  write_to_stderr("\n");
  const bool named = debug::run_in_child(
      [&] { write_to_stderr("its stack:\n" + debug::stack_lines(debug::readable_stack(stack))); });
  if (!named) write_addresses(stack);
}

// Says which task it was that faulted, if it was one, and where.
void name_the_task(int signal, const siginfo_t& info, void* context) {
  const Thread* thread = current_thread();
  if (thread == nullptr || thread->task() == nullptr) return;
  char headline[128];
  if (thread->scheduler().stacks().is_guard(info.si_addr)) {
    std::snprintf(headline, sizeof headline,
                  "fatal error: stack overflow (a task has %zu KiB; %s gives more)",
                  thread->scheduler().stacks().stack_bytes() >> 10,
                  thread->scheduler().stack_setting());
  } else {
    // A program's own handler may mend the fault (a garbage collector's, say). A sanitizer's does
    // not.
    const struct sigaction& next = previous_action(signal);
    const bool fatal = (next.sa_flags & SA_SIGINFO) == 0 &&
                       (next.sa_handler == SIG_DFL || next.sa_handler == SIG_IGN);
    if (!fatal && !TASKSCOPE_ASAN && !TASKSCOPE_TSAN) return;
    std::snprintf(headline, sizeof headline, "fatal error: %s at address %p",
                  signal == SIGSEGV ? "SIGSEGV" : "SIGBUS", info.si_addr);
  }
  if (!claim_the_last_word()) return;
  write_plain_report(headline, *thread->task());
  report_stack(context);
}

// Runs on the thread's alternate stack. A fault happens again after the return and then takes its
// ordinary way: a core dump, a sanitizer's report, the program's own handler. A signal that
// somebody sent (kill, raise) would be over with the return, so it is sent again.
void on_fault(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  const bool sent = info->si_code <= 0;
  if (!sent) name_the_task(signal, *info, context);
  instrument::TraceFile::save_before_death();
  sigaction(signal, &previous_action(signal), nullptr);
  // To this thread, with its sender's data; delivered when this handler returns.
  if (sent && syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), signal, info) != 0) {
    raise(signal);
  }
  errno = saved_errno;
}

}  // namespace

void panic(const char* message) { throw Panic(message); }

void panic(const char* message, const instrument::TracedObject& object) {
  if (object.name() != nullptr) throw Panic(std::string(message) + " \"" + object.name() + '"');
  throw Panic(std::string(message) + " made at " + debug::format_site(object.made_at()));
}

void fatal(const std::string& message) {
  if (!claim_the_last_word()) end_program();
  const debug::CapturedStack stack = debug::capture_stack();
  write_report("fatal error: " + message, current_task(), stack);
  end_program();
}

void die(const std::string& report) {
  if (!claim_the_last_word()) end_program();
  write_to_stderr(report);
  end_program();
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
