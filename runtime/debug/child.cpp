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

// Another thread may have held a lock when the process was copied, which nobody opens in the copy;
// a second copy is hardly made at such a moment too.
constexpr unsigned kSecondsMax[] = {5, 15};

struct Call {
  void (*function)(void*);
  void* argument;
  unsigned seconds_max;
};

// The child must die of what goes wrong in it, quietly, whatever handlers the program has.
void forget_handlers() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGALRM, SIGQUIT}) {
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
  alarm(call.seconds_max);
  call.function(call.argument);
  _exit(0);
}

}  // namespace

Child::Child()
    : stack_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0)) {
#if TASKSCOPE_ASAN
  // It may remember an earlier mapping there.
  if (stack_ != MAP_FAILED) __asan_unpoison_memory_region(stack_, kStackBytes);
#endif
}

Child::~Child() {
  if (stack_ != MAP_FAILED) munmap(stack_, kStackBytes);
}

void Child::start(void (*function)(void*), void* argument, unsigned seconds_max) {
  if (stack_ == MAP_FAILED) return;
  Call call{function, argument, seconds_max};
  // Not fork(): it waits for malloc's locks, one of which the failed code may hold. Without a
  // signal at its end, so that nobody who waits for children of the program sees it.
  pid_ = clone(child_main, static_cast<char*>(stack_) + kStackBytes, 0, &call);
}

Child::End Child::wait() {
  if (pid_ <= 0) return End::Failed;
  int status = 0;
  while (waitpid(pid_, &status, __WALL) < 0) {
    if (errno != EINTR) return End::Failed;
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return End::TimedOut;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? End::Done : End::Failed;
}

bool run_in_child(void (*function)(void* argument), void* argument) {
  Child child;
  Child::End end = Child::End::TimedOut;
  for (const unsigned seconds_max : kSecondsMax) {
    child.start(function, argument, seconds_max);
    end = child.wait();
    if (end != Child::End::TimedOut) break;
  }
  return end == Child::End::Done;
}

}  // namespace taskscope::debug
