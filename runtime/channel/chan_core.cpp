#include "runtime/channel/chan_core.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "runtime/base/check.h"
#include "runtime/channel/selection.h"
#include "runtime/memory/roots.h"
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

std::uint32_t traced_capacity(const ChanCore::Options& options) {
  if (options.kind == ObjectKind::Timer) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(options.capacity, std::numeric_limits<std::uint32_t>::max()));
}

// Where behind the buffer of values that hold handles it stands what shows them to the collector.
std::size_t range_at(std::size_t bytes) { return round_up(bytes, alignof(memory::RootRange)); }

}  // namespace

ChanCore* ChanCore::make(const ElementType& type, const Options& options, const base::Site& site) {
  const std::size_t header = round_up(sizeof(ChanCore), type.alignment);
  if (options.capacity > (std::numeric_limits<std::ptrdiff_t>::max() - header) / type.size) {
    sched::panic("make_chan: size out of range");
  }
  const bool shown = type.holds_handles && options.capacity != 0;
  const std::size_t bytes = header + options.capacity * type.size;
  const std::size_t all = shown ? range_at(bytes) + sizeof(memory::RootRange) : bytes;
  void* memory = ::operator new(all, block_alignment(type));
  auto* core = new (memory) ChanCore(type, options, site);
  core->buffer_ = static_cast<std::byte*>(memory) + header;
  if (shown) {
    std::memset(core->buffer_, 0, bytes - header);
    auto* const range = new (static_cast<std::byte*>(memory) + range_at(bytes)) memory::RootRange;
    range->add(core->buffer_, bytes - header);
  }
  return core;
}

sched::TracedChannel::Parts ChanCore::parts_of(const void* address) {
  const auto& core = *static_cast<const ChanCore*>(address);
  const auto header =
      static_cast<std::size_t>(core.buffer_ - static_cast<const std::byte*>(address));
  return {.first = &core,
          .header_bytes = header,
          .bytes = header + core.capacity_ * core.type_.size,
          .lock = &core.lock_,
          .receivers = &core.receivers_,
          .senders = &core.senders_};
}

ChanCore::ChanCore(const ElementType& type, const Options& options, const base::Site& site)
    : limit_(options.capacity),
      capacity_(options.capacity),
      type_(type),
      traced_(options.kind, site, traced_capacity(options), options.name, this, parts_of),
      random_(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(this) >> 4)) {
  // Who is about to close it has the core's address, and so is found (sched/leak_search.h).
  TASKSCOPE_DCHECK(static_cast<const void*>(&lock_) == this);
}

void ChanCore::destroy() TASKSCOPE_NO_ANALYSIS {
  sched::trace_object_end(traced_);
  if (type_.destroy != nullptr) {
    for (; count_ > 0; --count_) {
      type_.destroy(place(recv_at_));
      recv_at_ = next(recv_at_);
    }
  }
  const std::align_val_t alignment = block_alignment(type_);
  if (type_.holds_handles && capacity_ != 0) {
    const auto bytes = static_cast<std::size_t>(buffer_ - reinterpret_cast<std::byte*>(this)) +
                       capacity_ * type_.size;
    auto* const range = reinterpret_cast<std::byte*>(this) + range_at(bytes);
    std::launder(reinterpret_cast<memory::RootRange*>(range))->remove();
  }
  this->~ChanCore();
  ::operator delete(static_cast<void*>(this), alignment);
}

void ChanCore::move(void* to, void* from) const {
  if (type_.move != nullptr) return type_.move(to, from);
  // By far the most frequent sizes need no call.
  if (type_.size == sizeof(std::uint64_t)) {
    std::memcpy(to, from, sizeof(std::uint64_t));
  } else if (type_.size == sizeof(std::uint32_t)) {
    std::memcpy(to, from, sizeof(std::uint32_t));
  } else {
    std::memcpy(to, from, type_.size);
  }
}

// ---- Sending ---------------------------------------------------------------------------------

ChanCore::SendStatus ChanCore::send_now(void* value, sched::Task*& woken) {
  if (closed_.load(std::memory_order_relaxed)) return SendStatus::Closed;
  if (sched::Waiter* receiver = receivers_.pop()) {
    move(receiver->slot, value);
    receiver->success = true;
    woken = receiver->task;
    return SendStatus::Sent;
  }
  if (count_ == capacity_) return SendStatus::WouldWait;
  move(place(send_at_), value);
  send_at_ = next(send_at_);
  ++count_;
  return SendStatus::Sent;
}

bool ChanCore::try_send_slow(void* value) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  const SendStatus status = send_now(value, woken);
  lock_.unlock();
  if (woken != nullptr) sched::ready(woken);
  if (status == SendStatus::Closed) send_on_closed();
  return status == SendStatus::Sent;
}

// Not inlined, nor recv_slow: who looks for leaks takes its frame for the runtime's own.
[[gnu::noinline]] void ChanCore::send_slow(void* value, const char* file, const char* function,
                                           std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  const SendStatus status = send_now(value, woken);
  if (status == SendStatus::WouldWait) {
    sched::Waiter self{.task = sched::current_task_for("chan send"), .slot = value};
    senders_.push(self);
    sched::park(
        {.reason = BlockReason::ChanSend, .object = &traced_, .site = {file, function, line}},
        lock_);
    if (!self.success) {
      leave_if_unwound(senders_, self);
      send_on_closed();
    }
    return;
  }
  lock_.unlock();
  if (woken != nullptr) sched::ready(woken);
  if (status == SendStatus::Closed) send_on_closed();
}

bool ChanCore::send_unless_slow(DoneChannel done, void* value,
                                const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  if (done == nullptr) {
    send_slow(value, site.file, site.function, site.line);
    return true;
  }
  if (try_send_slow(value)) return true;
  Arm arms[2] = {{.chan = this, .slot = value, .direction = Direction::Send},
                 {.chan = done, .direction = Direction::Recv}};
  Arm* order[2];
  base::Lock* locks[3];
  Selection selection({arms, order, locks, 2});
  if (selection.wait({.reason = BlockReason::ChanSend, .object = &traced_, .site = site}) == 1) {
    return false;
  }
  if (!arms[0].success) send_on_closed();
  return true;
}

// ---- Receiving -------------------------------------------------------------------------------

RecvStatus ChanCore::recv_now(void* slot, sched::Task*& woken) {
  if (count_ == 0) {
    if (sched::Waiter* sender = senders_.pop()) {  // unbuffered: straight from the sender's stack
      move(slot, sender->slot);
      sender->success = true;
      woken = sender->task;
      return RecvStatus::Value;
    }
    return closed_.load(std::memory_order_relaxed) ? RecvStatus::Closed : RecvStatus::WouldWait;
  }
  std::byte* const oldest = place(recv_at_);
  move(slot, oldest);
  if (type_.destroy != nullptr) type_.destroy(oldest);
  recv_at_ = next(recv_at_);
  if (sched::Waiter* sender = senders_.pop()) {
    // The buffer was full: the place that became free is the last one.
    move(oldest, sender->slot);
    send_at_ = recv_at_;
    sender->success = true;
    woken = sender->task;
  } else {
    --count_;
  }
  return RecvStatus::Value;
}

[[gnu::noinline]] RecvStatus ChanCore::recv_slow(void* slot, const char* file, const char* function,
                                                 std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  const RecvStatus status = recv_now(slot, woken);
  if (status == RecvStatus::WouldWait) {
    sched::Waiter self{.task = sched::current_task_for("chan recv"), .slot = slot};
    receivers_.push(self);
    sched::park(
        {.reason = BlockReason::ChanRecv, .object = &traced_, .site = {file, function, line}},
        lock_);
    if (self.success) return RecvStatus::Value;
    leave_if_unwound(receivers_, self);
    return RecvStatus::Closed;
  }
  lock_.unlock();
  if (woken != nullptr) sched::ready(woken);
  return status;
}

RecvStatus ChanCore::try_recv_slow(void* slot) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  const RecvStatus status = recv_now(slot, woken);
  lock_.unlock();
  if (woken != nullptr) sched::ready(woken);
  return status;
}

RecvStatus ChanCore::recv_unless_slow(DoneChannel done, void* slot,
                                      const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  if (done == nullptr) return recv_slow(slot, site.file, site.function, site.line);
  const RecvStatus status = try_recv_slow(slot);
  if (status != RecvStatus::WouldWait) return status;
  Arm arms[2] = {{.chan = this, .slot = slot, .direction = Direction::Recv},
                 {.chan = done, .direction = Direction::Recv}};
  Arm* order[2];
  base::Lock* locks[3];
  Selection selection({arms, order, locks, 2});
  if (selection.wait({.reason = BlockReason::ChanRecv, .object = &traced_, .site = site}) == 1) {
    return RecvStatus::WouldWait;
  }
  return arms[0].success ? RecvStatus::Value : RecvStatus::Closed;
}

void ChanCore::leave_if_unwound(sched::WaitQueue& queue, sched::Waiter& self) {
  if (!sched::is_unwound()) return;
  {
    const base::LockGuard guard(lock_);
    queue.remove(self);
  }
  sched::throw_unwinding();
}

// ---- Closing, asking ---------------------------------------------------------------------------

void ChanCore::close(const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (closed_.load(std::memory_order_relaxed)) {
    lock_.unlock();
    sched::panic("close of closed channel", traced_);
  }
  // Release pairs with the acquire in closed().
  closed_.store(true, std::memory_order_release);
  limit_ = 0;
  sched::trace_close(traced_, site);
  sched::Waiter* const receivers = receivers_.pop_all();
  sched::Waiter* const senders = senders_.pop_all();
  lock_.unlock();
  sched::ready_all(receivers);
  sched::ready_all(senders);
}

std::size_t ChanCore::length() const {
  if (is_timers()) return 0;
  const base::LockGuard guard(lock_);
  return count_;
}

void nil_send(base::Site site) {
  sched::current_task_for("chan send");
  sched::park_for_ever({.reason = BlockReason::NilChanSend, .object = nullptr, .site = site});
}

void nil_recv(base::Site site) {
  sched::current_task_for("chan recv");
  sched::park_for_ever({.reason = BlockReason::NilChanRecv, .object = nullptr, .site = site});
}

namespace {

void wait_for_done(DoneChannel done, BlockReason reason, const base::Site& site) {
  Arm arm{.chan = done, .direction = Direction::Recv};
  Arm* order[1];
  base::Lock* locks[2];
  Selection({&arm, order, locks, 1}).wait({.reason = reason, .object = nullptr, .site = site});
}

}  // namespace

void nil_send_unless(DoneChannel done, const base::Site& site) {
  if (done == nullptr) nil_send(site);
  wait_for_done(done, BlockReason::NilChanSend, site);
}

void nil_recv_unless(DoneChannel done, const base::Site& site) {
  if (done == nullptr) nil_recv(site);
  wait_for_done(done, BlockReason::NilChanRecv, site);
}

void select_nothing(const base::Site& site) {
  sched::current_task_for("select");
  sched::park_for_ever({.reason = BlockReason::SelectNoCases, .object = nullptr, .site = site});
}

void ChanCore::send_on_closed() const { sched::panic("send on closed channel", traced_); }

void nil_close() { sched::panic("close of nil channel"); }

}  // namespace taskscope::channel
