#include "runtime/sched/dump.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>

#include "runtime/base/unique_fd.h"
#include "runtime/debug/child.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/halt.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_groups.h"
#include "runtime/sched/task_selection.h"

namespace taskscope {
namespace sched {
namespace {

// Naming takes a second or two; a copy in which some lock stays closed for ever is given up.
constexpr unsigned kSecondsMax[] = {20, 60};

constexpr std::string_view kFailed =
    "taskscope: the stacks of the tasks could not be found out: the copy of the process that looks "
    "for them failed.\n";

struct Work {
  enum class Writes : std::uint8_t { Text, Numbers };

  Scheduler* scheduler = nullptr;
  const Halt* halt = nullptr;
  std::string_view headline;
  int output;
  Writes writes = Writes::Text;
  TaskSelection selection;
};

// In the copy.
void look_and_write(void* argument) {
  const Work& work = *static_cast<const Work*>(argument);
  if (work.writes == Work::Writes::Numbers) {
    const TaskNumbers numbers = count_tasks(*work.scheduler, work.selection);
    write_all(work.output, {reinterpret_cast<const char*>(&numbers), sizeof numbers});
    return;
  }
  write_all(work.output,
            dump_text(*work.scheduler, work.halt->notes(), work.selection, work.headline));
}

// Copies the process while nobody runs. `context` as in Halt.
void start(debug::Child& child, Work& work, void* context, unsigned seconds_max) {
  const Halt halt(*work.scheduler, context);
  work.halt = &halt;
  child.start(look_and_write, &work, seconds_max);
}

std::string read_whole(int file) {
  struct stat status {};
  if (fstat(file, &status) != 0) return {};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  const ssize_t got = pread(file, text.data(), text.size(), 0);
  text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return text;
}

// The dump of the active run, or of the calling task's, which is then in a blocking call.
bool dump_into(Work work) {
  for (const unsigned seconds_max : kSecondsMax) {
    debug::Child child;
    if (const Thread* const thread = current_thread()) {
      work.scheduler = &thread->scheduler();
      start(child, work, nullptr, seconds_max);
    } else {
      const ActiveRun active;
      work.scheduler = active.scheduler();
      if (work.scheduler == nullptr) {
        write_all(work.output, "no tasks: no ts::run is active\n");
        return true;
      }
      start(child, work, nullptr, seconds_max);
    }
    if (blocking_long([&] { return child.wait(); }) == debug::Child::End::Done) return true;
  }
  return false;
}

base::UniqueFd make_file() { return base::UniqueFd(memfd_create("taskscope-dump", MFD_CLOEXEC)); }

// Atomic: whose tasks are printed. Set while the handler is installed.
constinit std::atomic<Scheduler*> g_scheduler{nullptr};

void on_quit(int, siginfo_t*, void* context) {
  Scheduler* const scheduler = g_scheduler.load();
  if (scheduler == nullptr || !claim_the_last_word()) end_program();
  Work work{.scheduler = scheduler,
            .halt = nullptr,
            .headline = "SIGQUIT: quit\n\n",
            .output = STDERR_FILENO,
            .selection = {}};
  for (const unsigned seconds_max : kSecondsMax) {
    debug::Child child;
    start(child, work, context, seconds_max);
    if (child.wait() == debug::Child::End::Done) end_program();
  }
  write_to_stderr(kFailed);
  end_program();
}

}  // namespace

QuitSignal::QuitSignal(Scheduler& scheduler) {
  struct sigaction previous {};
  sigaction(SIGQUIT, nullptr, &previous);
  if ((previous.sa_flags & SA_SIGINFO) != 0 || previous.sa_handler != SIG_DFL) return;
  g_scheduler.store(&scheduler);
  struct sigaction action {};
  action.sa_sigaction = on_quit;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  installed_ = sigaction(SIGQUIT, &action, nullptr) == 0;
}

QuitSignal::~QuitSignal() {
  if (!installed_) return;
  struct sigaction now {};
  sigaction(SIGQUIT, nullptr, &now);
  // The program may have set another meanwhile.
  if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_quit) signal(SIGQUIT, SIG_DFL);
  g_scheduler.store(nullptr);
}

std::string dump_some_tasks(const TaskSelection& selection) {
  const base::UniqueFd file = make_file();
  const bool done = file && dump_into({.headline = {},
                                       .output = file.get(),
                                       .writes = Work::Writes::Text,
                                       .selection = selection});
  return done ? read_whole(file.get()) : std::string(kFailed);
}

std::optional<TaskNumbers> count_some_tasks(const TaskSelection& selection) {
  TaskNumbers numbers;
  const base::UniqueFd file = make_file();
  const bool done = file && dump_into({.headline = {},
                                       .output = file.get(),
                                       .writes = Work::Writes::Numbers,
                                       .selection = selection});
  if (!done || pread(file.get(), &numbers, sizeof numbers, 0) != sizeof numbers) return {};
  return numbers;
}

}  // namespace sched

std::string dump_tasks() { return sched::dump_some_tasks({}); }

}  // namespace taskscope
