#include "runtime/patterns/parallel_for.h"

#include <algorithm>

#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"
#include "runtime/sync/wait_group.h"

namespace taskscope::patterns {
namespace {

constexpr std::size_t kRoundsPerTask = 16;

std::size_t worker_count() {
  sched::current_task_for("ts::parallel_for");
  return sched::current_thread()->scheduler().worker_count();
}

}  // namespace

ParallelRun::ParallelRun(const Context& context, std::size_t count, const ParallelOptions& options)
    : context_(context),
      count_(count),
      tasks_(options.tasks_max != 0 ? options.tasks_max : worker_count()),
      chunk_(options.chunk) {
  if (chunk_ == 0) chunk_ = std::max<std::size_t>(1, count / tasks_ / kRoundsPerTask);
  tasks_ = std::min(tasks_, count / chunk_ + (count % chunk_ != 0));
}

bool ParallelRun::run(Call call, void* body, const base::Site& site) {
  if (count_ == 0) return true;
  if (!go_on()) return false;
  WaitGroup others("parallel_for", site);
  for (std::size_t i = 1; i < tasks_; ++i) {
    others.go(
        "parallel_for", [this, call, body] { work(call, body); }, site);
  }
  work(call, body);
  others.wait(site);
  if (failed_.load(std::memory_order_relaxed)) throw_failure();
  return done_.load(std::memory_order_relaxed) == count_;
}

void ParallelRun::work(Call call, void* body) {
  try {
    for (;;) {
      const std::size_t begin = next_.fetch_add(chunk_, std::memory_order_relaxed);
      if (begin >= count_) return;
      const std::size_t end = begin + std::min(chunk_, count_ - begin);
      if (!call(body, *this, begin, end)) return;
      done_.fetch_add(end - begin, std::memory_order_relaxed);
      sched::yield();  // others' turn, among them those who may end the context
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

void ParallelRun::throw_failure() {
  const base::LockGuard guard(lock_);
  std::rethrow_exception(failure_);
}

void ParallelRun::fail(std::exception_ptr failure) {
  {
    const base::LockGuard guard(lock_);
    if (failure_ != nullptr) return;
    failure_ = std::move(failure);
  }
  failed_.store(true, std::memory_order_relaxed);
  if (under_) under_->cancel();
}

}  // namespace taskscope::patterns
