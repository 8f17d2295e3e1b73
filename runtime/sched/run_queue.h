// RunQueue: a worker's runnable tasks, a bounded lock-free ring after Go's runq.
//
// One owner pushes and pops, any thread may steal half. In front of the ring is the next-slot: the
// task made ready last, which runs first because what it needs is in this core's cache.
//
// Invariants:
//   1. head_ <= tail_ <= head_ + kCapacity (modulo 2^32); slots [head_, tail_) hold the tasks.
//   2. Only the owner moves tail_; whoever takes tasks moves head_ by CAS after it copied them.
//
// The kind of its atomics and its capacity are parameters for the test that explores every order of
// their steps (tests/runtime/sched/run_queue_model_test.cpp).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "runtime/base/check.h"

namespace taskscope::sched {

template <class T, template <class> class Atomic = std::atomic, std::uint32_t Capacity = 256>
class RunQueue {
 public:
  static constexpr std::uint32_t kCapacity = Capacity;

  // Owner. False if the ring is full: spill() then.
  bool push(T* task) {
    // Acquire pairs with the CAS of a thief: the slot it emptied may be written again.
    const std::uint32_t head = head_.load(std::memory_order_acquire);
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head >= kCapacity) return false;
    slots_[tail % kCapacity].store(task, std::memory_order_relaxed);
    // Release pairs with the acquire load of tail_ in grab(): the slot is written.
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Owner. The oldest task of the ring, or null.
  T* pop() {
    std::uint32_t head = head_.load(std::memory_order_acquire);
    for (;;) {
      const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
      if (head == tail) return nullptr;
      T* task = slots_[head % kCapacity].load(std::memory_order_relaxed);
      // Release: a thief that sees the new head must not see the slot's reading after it.
      if (head_.compare_exchange_weak(head, head + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        return task;
      }
    }
  }

  // Owner. What pop() may return after `ahead` other tasks, or has returned before.
  T* peek(std::uint32_t ahead) const {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    return slots_[(head + ahead) % kCapacity].load(std::memory_order_relaxed);
  }

  // Owner. Puts a task into the next-slot and returns the one that was there. This is the submit
  // step of the wake-up recipe (scheduler.h), hence seq_cst.
  T* exchange_next(T* task) { return next_.exchange(task, std::memory_order_seq_cst); }

  // Owner. Takes what is in the next-slot.
  T* take_next() {
    if (next_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    // Acquire pairs with nothing of another thread (only the owner fills the slot); the exchange
    // decides against a thief.
    return next_.exchange(nullptr, std::memory_order_acquire);
  }

  // Owner, when push() has refused `task`: calls `sink(tasks, count)` with the older half of the
  // ring and then `task`, in their order. If thieves have made room meanwhile, pushes it instead.
  template <class Sink>
  void spill(T* task, Sink sink) {
    T* tasks[kCapacity / 2 + 1];
    std::uint32_t count = grab(tasks);
    if (count == 0) {
      TASKSCOPE_CHECK(push(task));
      return;
    }
    tasks[count++] = task;
    sink(tasks, count);
  }

  // Thief. Takes half of the ring (rounded up) into `out` (kCapacity / 2 places). Returns how many.
  std::uint32_t grab(T** out) {
    for (;;) {
      std::uint32_t head = head_.load(std::memory_order_acquire);
      // Acquire pairs with the release in push().
      const std::uint32_t tail = tail_.load(std::memory_order_acquire);
      const std::uint32_t size = tail - head;
      const std::uint32_t count = size - size / 2;
      if (size == 0) return 0;
      if (size > kCapacity) continue;  // head and tail were read at different times
      for (std::uint32_t i = 0; i < count; ++i) {
        out[i] = slots_[(head + i) % kCapacity].load(std::memory_order_relaxed);
      }
      // Release pairs with the owner's acquire of head_ before it reuses the slots.
      if (head_.compare_exchange_weak(head, head + count, std::memory_order_acq_rel,
                                      std::memory_order_relaxed)) {
        return count;
      }
    }
  }

  // Thief. Takes `expected` out of the next-slot if it still lies there.
  bool steal_next(T* expected) {
    // Acquire pairs with the owner's exchange: the task is complete.
    return next_.compare_exchange_strong(expected, nullptr, std::memory_order_acq_rel,
                                         std::memory_order_relaxed);
  }

  // Anyone. Seq_cst: the look-again step of the wake-up recipe (scheduler.h).
  T* peek_next() const { return next_.load(std::memory_order_seq_cst); }
  std::uint32_t size() const {
    const std::uint32_t head = head_.load(std::memory_order_seq_cst);
    return tail_.load(std::memory_order_seq_cst) - head;
  }
  bool looks_empty() const { return size() == 0 && peek_next() == nullptr; }

 private:
  // Atomic: see the invariants. Thieves' and owner's words are on lines of their own.
  alignas(64) Atomic<std::uint32_t> head_{0};
  alignas(64) Atomic<std::uint32_t> tail_{0};
  Atomic<T*> next_{nullptr};
  std::array<Atomic<T*>, kCapacity> slots_{};
};

}  // namespace taskscope::sched
