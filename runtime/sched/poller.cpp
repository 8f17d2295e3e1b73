#include "runtime/sched/poller.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {
namespace {

// Events taken from the kernel at once, as in Go.
constexpr int kEventsAtOnce = 128;

// What an event carries: the address (user space ends below 2^48 on x86-64 and aarch64) and a
// generation above it. Zero is the eventfd.
constexpr int kAddressBits = 48;

std::uint64_t to_tag(PollDesc& desc, std::uint16_t generation) {
  const auto address = reinterpret_cast<std::uintptr_t>(&desc);
  TASKSCOPE_CHECK(address >> kAddressBits == 0);
  return address | std::uint64_t{generation} << kAddressBits;
}

}  // namespace

Poller::~Poller() {
  for (const int fd : {epoll_.load(), event_.load()}) {
    if (fd >= 0) ::close(fd);
  }
}

PollDesc* Poller::acquire(int fd) {
  PollDesc* desc = nullptr;
  {
    const base::LockGuard guard(lock_);
    if (free_ == nullptr) {
      chunks_.push_back(std::make_unique<PollDesc[]>(kChunk));
      for (std::size_t i = kChunk; i-- > 0;) {
        chunks_.back()[i].next_free_ = free_;
        free_ = &chunks_.back()[i];
      }
    }
    desc = free_;
    free_ = desc->next_free_;
  }
  const base::LockGuard guard(desc->lock_);
  desc->poller_ = this;
  desc->fd_ = fd;
  for (PollDesc::Slot& slot : desc->slots_) {
    slot.desc = desc;
    slot.deadline_ns = PollDesc::kNoDeadline;
    slot.state.store(0, std::memory_order_relaxed);
  }
  desc->registered_ = false;
  desc->closed_ = false;
  desc->failed_.store(0, std::memory_order_relaxed);
  return desc;
}

void Poller::retire(PollDesc* desc) {
  {
    const base::LockGuard guard(desc->deadline_lock_);
    for (PollDesc::Slot& slot : desc->slots_) {
      if (std::exchange(slot.timed, false)) stop_timer(slot);
    }
  }
  bool registered = false;
  int fd = -1;
  {
    const base::LockGuard guard(desc->lock_);
    TASKSCOPE_CHECK(desc->slots_[0].queue.empty() && desc->slots_[1].queue.empty());
    registered = desc->registered_ && desc->failure() == 0;
    fd = desc->fd_;
    desc->closed_ = true;
    ++desc->generation_;
  }
  // Not left to close(): a child between fork and exec may have a copy of the descriptor, and the
  // kernel watches as long as one is open.
  if (registered) epoll_ctl(epoll_.load(std::memory_order_acquire), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::release(PollDesc* desc) {
  const base::LockGuard guard(lock_);
  desc->next_free_ = free_;
  free_ = desc;
}

int Poller::open() {
  const base::LockGuard guard(lock_);
  if (epoll_.load(std::memory_order_relaxed) >= 0) return 0;
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return errno;
  const int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  // Level-triggered: only the thread that waits takes it, others pass it by.
  epoll_event interest{.events = EPOLLIN, .data = {.u64 = 0}};
  if (event < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event, &interest) != 0) {
    const int error = errno;
    if (event >= 0) ::close(event);
    ::close(epoll);
    return error;
  }
  event_.store(event, std::memory_order_release);
  base::annotate_release(&epoll_);
  // Release pairs with the acquire in add() and poll().
  epoll_.store(epoll, std::memory_order_release);
  return 0;
}

int Poller::add(int fd, PollDesc& desc, std::uint16_t generation) {
  if (epoll_.load(std::memory_order_acquire) < 0) {
    if (const int error = open(); error != 0) return error;
  }
  epoll_event interest{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                       .data = {.u64 = to_tag(desc, generation)}};
  const int epoll = epoll_.load(std::memory_order_acquire);
  base::annotate_acquire(&epoll_);
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) == 0 ? 0 : errno;
}

int Poller::wait_for_events(epoll_event* events, int room, std::int64_t timeout_ns) {
  const int epoll = epoll_.load(std::memory_order_acquire);
  if (epoll < 0) return 0;
  base::annotate_acquire(&epoll_);
  if (timeout_ns <= 0) return epoll_wait(epoll, events, room, 0);
  if (timeout_ns == kForEver) return epoll_wait(epoll, events, room, -1);
  const timespec timeout{.tv_sec = timeout_ns / 1'000'000'000,
                         .tv_nsec = timeout_ns % 1'000'000'000};
  const int count = epoll_pwait2(epoll, events, room, &timeout, nullptr);
  if (count >= 0 || errno != ENOSYS) return count;
  // Kernels before 5.11 know milliseconds only: rounded up, a timer must not be early.
  constexpr std::int64_t kLongestMs = std::numeric_limits<int>::max();
  const std::int64_t timeout_ms = (timeout_ns + 999'999) / 1'000'000;
  return epoll_wait(epoll, events, room, static_cast<int>(std::min(timeout_ms, kLongestMs)));
}

PolledTasks Poller::poll(std::int64_t timeout_ns) {
  epoll_event events[kEventsAtOnce];
  const int count = wait_for_events(events, kEventsAtOnce, timeout_ns);
  PolledTasks tasks;
  Task** end = &tasks.first;
  for (int i = 0; i < count; ++i) {  // -1: a signal; the caller comes again
    if (events[i].data.u64 != 0) {
      handle(events[i], tasks, &end);
    } else if (timeout_ns > 0) {
      std::uint64_t value = 0;
      static_cast<void>(!read(event_.load(std::memory_order_acquire), &value, sizeof value));
      // After the read: an interrupt() that comes before it is served by this return.
      interrupted_.store(false, std::memory_order_seq_cst);
    }
  }
  *end = nullptr;
  return tasks;
}

void Poller::handle(const epoll_event& event, PolledTasks& tasks, Task*** end) {
  const std::uint64_t tag = event.data.u64;
  constexpr std::uint64_t kAddressMask = (std::uint64_t{1} << kAddressBits) - 1;
  PollDesc& desc = *reinterpret_cast<PollDesc*>(static_cast<std::uintptr_t>(tag & kAddressMask));
  // Hang-ups and errors end both directions: the next try of each says what happened.
  const bool both = (event.events & (EPOLLHUP | EPOLLERR)) != 0;
  const bool readable = both || (event.events & (EPOLLIN | EPOLLRDHUP)) != 0;
  const bool writable = both || (event.events & EPOLLOUT) != 0;
  Task* woken[2] = {};
  {
    const base::LockGuard guard(desc.lock_);
    if (desc.generation_ != tag >> kAddressBits) return;
    if (readable) woken[0] = desc.take_for_edge(PollMode::Read);
    if (writable) woken[1] = desc.take_for_edge(PollMode::Write);
  }
  for (Task* task : woken) {
    if (task == nullptr) continue;
    **end = task;
    *end = &task->link;
    ++tasks.count;
  }
}

Poller& current_poller() {
  static_cast<void>(current_task_for("opening a descriptor"));
  return current_thread()->scheduler().poller();
}

void Poller::interrupt() {
  if (interrupted_.exchange(true, std::memory_order_seq_cst)) return;
  const std::uint64_t one = 1;
  const int event = event_.load(std::memory_order_acquire);
  base::annotate_acquire(&epoll_);
  static_cast<void>(!write(event, &one, sizeof one));
}

}  // namespace taskscope::sched
