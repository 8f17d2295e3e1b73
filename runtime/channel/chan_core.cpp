#include "runtime/channel/chan_core.h"

#include <algorithm>
#include <limits>
#include <new>

#include "runtime/sched/fatal.h"

namespace taskscope::channel {
namespace {

using trace_format::BlockReason;
using trace_format::ObjectKind;

constexpr std::size_t round_up(std::size_t value, std::size_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

std::align_val_t block_alignment(const ElementType& type) {
  return std::align_val_t{std::max(type.alignment, alignof(ChanCore))};
}

std::uint32_t traced_capacity(std::size_t capacity) {
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(capacity, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

ChanCore* ChanCore::make(const ElementType& type, std::size_t capacity, const char* name,
                         const base::Site& site) {
  const std::size_t header = round_up(sizeof(ChanCore), type.alignment);
  if (capacity > (std::numeric_limits<std::ptrdiff_t>::max() - header) / type.size) {
    sched::panic("make_chan: size out of range");
  }
  void* memory = ::operator new(header + capacity * type.size, block_alignment(type));
  auto* core = new (memory) ChanCore(type, capacity, name, site);
  core->buffer_ = static_cast<std::byte*>(memory) + header;
  return core;
}

ChanCore::ChanCore(const ElementType& type, std::size_t capacity, const char* name,
                   const base::Site& site)
    : type_(type),
      capacity_(capacity),
      traced_(ObjectKind::Channel, site, traced_capacity(capacity), name) {}

void ChanCore::destroy() TASKSCOPE_NO_ANALYSIS {
  sched::trace_object_end(traced_);
  for (; count_ > 0; --count_) {
    type_.destroy(place(first_));
    first_ = next(first_);
  }
  const std::align_val_t alignment = block_alignment(type_);
  this->~ChanCore();
  ::operator delete(static_cast<void*>(this), alignment);
}

bool ChanCore::send_now(void* value) TASKSCOPE_NO_ANALYSIS {
  if (closed_) {
    lock_.unlock();
    sched::panic("send on closed channel");
  }
  if (sched::Waiter* receiver = receivers_.pop()) {
    type_.move(receiver->slot, value);
    receiver->success = true;
    sched::Task* const task = receiver->task;
    lock_.unlock();
    sched::ready(task);
    return true;
  }
  if (count_ == capacity_) return false;
  std::size_t at = first_ + count_;
  if (at >= capacity_) at -= capacity_;
  type_.move(place(at), value);
  ++count_;
  lock_.unlock();
  return true;
}

void ChanCore::send(void* value, const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (send_now(value)) return;
  sched::Waiter self{.task = sched::current_task_for("chan send"), .slot = value};
  senders_.push(self);
  sched::park({.reason = BlockReason::ChanSend, .object = &traced_, .site = site}, lock_);
  if (!self.success) sched::panic("send on closed channel");
}

bool ChanCore::try_send(void* value) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (send_now(value)) return true;
  lock_.unlock();
  return false;
}

bool ChanCore::recv_now(void* value, RecvStatus& status) TASKSCOPE_NO_ANALYSIS {
  if (count_ == 0) {
    if (sched::Waiter* sender = senders_.pop()) {  // unbuffered: straight from the sender's stack
      type_.move(value, sender->slot);
      sender->success = true;
      sched::Task* const task = sender->task;
      lock_.unlock();
      sched::ready(task);
      status = RecvStatus::Value;
      return true;
    }
    if (!closed_) return false;
    lock_.unlock();
    status = RecvStatus::Closed;
    return true;
  }
  std::byte* const oldest = place(first_);
  type_.move(value, oldest);
  type_.destroy(oldest);
  first_ = next(first_);
  sched::Task* task = nullptr;
  if (sched::Waiter* sender = senders_.pop()) {
    // The buffer was full: the place that became free is the last one.
    type_.move(oldest, sender->slot);
    sender->success = true;
    task = sender->task;
  } else {
    --count_;
  }
  lock_.unlock();
  if (task != nullptr) sched::ready(task);
  status = RecvStatus::Value;
  return true;
}

RecvStatus ChanCore::recv(void* value, const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  RecvStatus status = RecvStatus::Closed;
  lock_.lock();
  if (recv_now(value, status)) return status;
  sched::Waiter self{.task = sched::current_task_for("chan recv"), .slot = value};
  receivers_.push(self);
  sched::park({.reason = BlockReason::ChanRecv, .object = &traced_, .site = site}, lock_);
  return self.success ? RecvStatus::Value : RecvStatus::Closed;
}

RecvStatus ChanCore::try_recv(void* value) TASKSCOPE_NO_ANALYSIS {
  RecvStatus status = RecvStatus::WouldWait;
  lock_.lock();
  if (!recv_now(value, status)) lock_.unlock();
  return status;
}

void ChanCore::close(const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (closed_) {
    lock_.unlock();
    sched::panic("close of closed channel");
  }
  closed_ = true;
  sched::trace_close(traced_, site);
  sched::Waiter* const receivers = receivers_.pop_all();
  sched::Waiter* const senders = senders_.pop_all();
  lock_.unlock();
  sched::ready_all(receivers);
  sched::ready_all(senders);
}

std::size_t ChanCore::length() const {
  const base::LockGuard guard(lock_);
  return count_;
}

void nil_send(const base::Site& site) {
  sched::current_task_for("chan send");
  sched::park_for_ever({.reason = BlockReason::NilChanSend, .object = nullptr, .site = site});
}

void nil_recv(const base::Site& site) {
  sched::current_task_for("chan recv");
  sched::park_for_ever({.reason = BlockReason::NilChanRecv, .object = nullptr, .site = site});
}

void nil_close() { sched::panic("close of nil channel"); }

}  // namespace taskscope::channel
