#include "runtime/debug/child.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

#include "runtime/base/sanitizer.h"

#if TASKSCOPE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace taskscope::debug {
namespace {

constexpr std::size_t kStackBytes = std::size_t{8} << 20;
constexpr unsigned kSecondsMax = 20;

struct Call {
  void (*function)(void*);
  void* argument;
};

// The child must die of what goes wrong in it, quietly, whatever handlers the program has.
void forget_handlers() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGALRM}) {
    struct sigaction action {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_UNBLOCK, &all, nullptr);
  const rlimit no_core{};
  setrlimit(RLIMIT_CORE, &no_core);
}

int child_main(void* memory) {
  const Call call = *static_cast<const Call*>(memory);
  forget_handlers();
  alarm(kSecondsMax);
  call.function(call.argument);
  _exit(0);
}

// Not fork(): it waits for malloc's locks, one of which the failed code may hold.
pid_t start(char* stack, Call& call) {
  // Without a signal at its end, so that nobody who waits for children of the program sees it.
  return clone(child_main, stack + kStackBytes, 0, &call);
}

bool wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, __WALL) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

bool run_in_child(void (*function)(void* argument), void* argument) {
  void* const stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return false;
#if TASKSCOPE_ASAN
  __asan_unpoison_memory_region(stack, kStackBytes);  // it may remember an earlier mapping there
#endif
  Call call{function, argument};
  const pid_t child = start(static_cast<char*>(stack), call);
  const bool done = child > 0 && wait_for(child);
  munmap(stack, kStackBytes);
  return done;
}

}  // namespace taskscope::debug
