// NoSignals: for its lifetime no signal is handled on this thread, nor on those it starts.
//
// For the runtime's own threads, and for code that a program's handler must not interrupt.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace taskscope::base {

class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace taskscope::base
