// graceful_pool: a pool of workers that finishes what it has accepted before it ends.
//
//   signal ──▶ no more jobs are accepted ──▶ `jobs` is closed ──▶ workers drain it ──▶ the end
//
// Use it for servers and queue workers that are told to stop (SIGTERM) while they hold other
// people's work: new work is refused, accepted work is done, and all of it within a grace period,
// after which the rest is given up. Two contexts say these two things: `accepting` ends with the
// signal, `working` only with the grace period. (worker_pool.cpp shows the other kind of end: as
// soon as there are enough results, everybody drops what is in hand.)
//
// This program sends itself the signal when it is in full swing.
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>

#include "runtime/taskscope.h"

namespace {

constexpr int kWorkers = 4;
constexpr int kJobsBeforeTheSignal = 50;
constexpr std::chrono::milliseconds kJob{1};
constexpr std::chrono::seconds kGrace{10};

// Takes jobs from the outside world until `accepting` is done; how many it took.
int accept_jobs(const ts::Context& accepting, const ts::Sender<int>& jobs) {
  int accepted = 0;
  while (jobs.send(accepting, accepted)) {
    if (++accepted == kJobsBeforeTheSignal) kill(getpid(), SIGTERM);
  }
  jobs.close();
  return accepted;
}

struct Outcome {
  int accepted = 0;
  std::atomic<int> finished{0};
};

void serve(Outcome& outcome) {
  const auto jobs = ts::make_chan<int>("jobs", 8);
  auto accepting = ts::with_cancel(ts::background());
  auto working = ts::with_cancel(ts::background());

  ts::WaitGroup workers("workers");
  for (int i = 1; i <= kWorkers; ++i) {
    workers.go("worker " + std::to_string(i), [&outcome, jobs, ctx = working.ctx] {
      for (const int job : ts::or_done(ctx, jobs)) {
        static_cast<void>(job);
        if (!ts::sleep(ctx, kJob)) return;  // the work
        ++outcome.finished;
      }
    });
  }

  const ts::Receiver<int> signals = ts::signals({SIGTERM, SIGINT});
  ts::WaitGroup watching;
  watching.go("shutdown", [&] {
    signals.recv();
    accepting.cancel();
  });
  outcome.accepted = accept_jobs(accepting.ctx, jobs);
  watching.wait();
  ts::stop_signals(signals);

  const auto grace = ts::with_timeout(ts::background(), kGrace);
  if (!workers.wait(grace.ctx)) working.cancel();  // the rest is given up
  workers.wait();
}

}  // namespace

int main() {
  Outcome outcome;
  return ts::run([&outcome] {
    serve(outcome);
    const bool right =
        outcome.accepted >= kJobsBeforeTheSignal && outcome.finished == outcome.accepted;
    std::printf("%s\n", right ? "every accepted job was finished" : "jobs were lost");
    return right ? 0 : 1;
  });
}
