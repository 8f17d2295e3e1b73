#include "runtime/sched/preempt.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/sched/halt.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {
namespace {

struct sigaction& previous() {
  static struct sigaction action {};
  return action;
}

void on_signal(int signal, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (info->si_code == SI_TKILL && info->si_pid == getpid()) {
    if (Thread* thread = current_thread()) {
      thread->lose_worker_if_asked();
      halt_if_asked(*thread, context);
    }
  } else if ((previous().sa_flags & SA_SIGINFO) != 0) {
    previous().sa_sigaction(signal, info, context);
  } else if (previous().sa_handler != SIG_DFL && previous().sa_handler != SIG_IGN) {
    previous().sa_handler(signal);
  }
  errno = saved_errno;
}

}  // namespace

PreemptSignal::PreemptSignal() {
  struct sigaction action {};
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(kPreemptSignal, &action, &previous());
}

PreemptSignal::~PreemptSignal() { sigaction(kPreemptSignal, &previous(), nullptr); }

void send_preempt_signal(int os_thread) {
  syscall(SYS_tgkill, getpid(), os_thread, kPreemptSignal);
}

}  // namespace taskscope::sched
