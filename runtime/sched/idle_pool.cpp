#include "runtime/sched/idle_pool.h"

#include <algorithm>
#include <new>

#include "runtime/base/check.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

bool IdlePool::add(Thread& thread, Worker& worker) {
  const base::LockGuard guard(lock_);
  if (!push_worker(worker)) return false;
  push_thread(thread);
  return true;
}

bool IdlePool::add(Worker& worker) {
  const base::LockGuard guard(lock_);
  return push_worker(worker);
}

void IdlePool::add(Thread& thread) {
  const base::LockGuard guard(lock_);
  push_thread(thread);
}

bool IdlePool::push_worker(Worker& worker) {
  if ((worker.attention() & Worker::kRetire) != 0) return false;
  worker.set_status(WorkerStatus::Idle);
  workers_.push_back(&worker);
  publish();
  return true;
}

void IdlePool::push_thread(Thread& thread) {
  TASKSCOPE_DCHECK(!thread.pooled_);
  thread.pooled_ = true;
  threads_.push_back(&thread);
}

IdlePool::Pair IdlePool::take_pair() {
  const base::LockGuard guard(lock_);
  Pair pair{.worker = pop_worker()};
  if (pair.worker == nullptr || threads_.empty()) return pair;
  Thread* const last = pair.worker->thread();
  pair.thread = last != nullptr && last->pooled_ ? last : threads_.back();
  erase(*pair.thread);
  return pair;
}

Worker* IdlePool::take_worker() {
  const base::LockGuard guard(lock_);
  return pop_worker();
}

Thread* IdlePool::take_thread() {
  const base::LockGuard guard(lock_);
  if (threads_.empty()) return nullptr;
  Thread* const thread = threads_.back();
  erase(*thread);
  return thread;
}

bool IdlePool::is_pooled(const Thread& thread) { return thread.pooled_; }

Worker* IdlePool::pull_back(Thread& thread) {
  const auto own = std::find_if(workers_.begin(), workers_.end(),
                                [&](const Worker* worker) { return worker->thread() == &thread; });
  if (own != workers_.end()) std::iter_swap(own, workers_.end() - 1);
  Worker* const worker = pop_worker();
  erase(thread);
  return worker;
}

bool IdlePool::remove(Worker& worker) {
  const base::LockGuard guard(lock_);
  const auto at = std::find(workers_.begin(), workers_.end(), &worker);
  if (at == workers_.end()) return false;
  workers_.erase(at);
  publish();
  return true;
}

bool IdlePool::remove(Thread& thread) {
  const base::LockGuard guard(lock_);
  if (!thread.pooled_) return false;
  erase(thread);
  return true;
}

void IdlePool::forget() TASKSCOPE_NO_ANALYSIS {
  new (&lock_) base::Lock;  // another thread, which is not here, may have held it
  workers_.clear();
  threads_.clear();
  publish();
}

Worker* IdlePool::pop_worker() {
  if (workers_.empty()) return nullptr;
  Worker* const worker = workers_.back();
  workers_.pop_back();
  publish();
  return worker;
}

void IdlePool::erase(Thread& thread) {
  // Almost always the last.
  const auto at = std::find(threads_.rbegin(), threads_.rend(), &thread);
  threads_.erase(std::next(at).base());
  thread.pooled_ = false;
}

void IdlePool::publish() {
  const std::uint64_t changes = (version_.load(std::memory_order_relaxed) >> 32) + 1;
  version_.store(changes << 32 | workers_.size(), std::memory_order_seq_cst);
}

}  // namespace taskscope::sched
