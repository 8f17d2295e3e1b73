// Selection: waits for the first of several channel operations. What ts::select and the operations
// with a context are made of.
//
// After Go's selectgo: all channels are locked in the order of their addresses; if some arms are
// ready one of them is carried out, each with the same chance; else the task enters the queues of
// all channels and parks, and whoever takes its claim carries out one arm. Lives on the stack of
// the task that waits, in room that the caller provides, so that nothing is allocated.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/channel/chan_core.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::channel {

enum class Direction : std::uint8_t { Send, Recv };

// One operation of a selection.
struct Arm {
  ChanCore* chan = nullptr;  // null: disabled
  void* slot = nullptr;  // the value to send, or room for the one to receive; null if none comes
  Direction direction = Direction::Recv;
  bool success = false;    // of the chosen arm: false if its channel is closed
  sched::Waiter waiter{};  // the selection's
};

// `count` arms and room for the selection's own lists.
struct SelectionRoom {
  Arm* arms;
  Arm** order;         // `count` places
  base::Lock** locks;  // `count` + 1 places; the first is for a deadline's
  std::size_t count;
};

class Selection {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  explicit Selection(const SelectionRoom& room);

  // The index of the arm that was carried out; kNone if none is ready.
  std::size_t try_now();
  // The index of the arm that was carried out, after a wait if need be.
  std::size_t wait(const sched::WaitSpec& wait);
  // The same, or kNone when the run's clock shows `deadline_ns` first.
  std::size_t wait_until(const sched::WaitSpec& wait, std::int64_t deadline_ns);

 private:
  void lock_all();
  void unlock_all();
  // Carries out one of the ready arms. REQUIRES: all channels are locked; they stay so.
  std::size_t take_ready(sched::Task*& woken);
  static bool ready(const Arm& arm);
  static bool carry_out(Arm& arm, sched::Task*& woken);
  std::uint32_t random(std::uint32_t below);
  // The two halves of a wait, around park(). REQUIRES: all channels are locked.
  void enter_queues(sched::Claim& claim);
  std::size_t leave_queues(const sched::Claim& claim);
  std::size_t index_of(const Arm& arm) const { return static_cast<std::size_t>(&arm - arms_); }
  // What a trace tells of the wait, if that is for no object of its own: WaitArms::next.
  static std::size_t next_arm(const void* select, std::size_t from, sched::WaitArm& arm);
  static std::size_t next_arm_or_timeout(const void* select, std::size_t from, sched::WaitArm& arm);
  static sched::WaitArm told_as(const Arm& arm);
  // Tells a trace what has ended the wait; returns it.
  std::size_t tell(std::size_t chosen) const;

  Arm* arms_;
  Arm** order_;  // the enabled arms, by address of their channels
  base::Lock** locks_;
  std::size_t count_;
  std::size_t enabled_ = 0;
  std::size_t channels_ = 0;  // different ones: the locks in locks_, from the second place on
};

// A wait that a closed channel ends, too: see park_unless.
class DoneWait {
 public:
  explicit DoneWait(ChanCore& done) : done_(done) {}
  bool park(const sched::WaitSpec& wait, base::Lock& lock, sched::WaitQueue& queue,
            sched::Waiter& self);

 private:
  // As WaitArms::next.
  static std::size_t next_arm(const void* wait, std::size_t from, sched::WaitArm& arm);

  ChanCore& done_;
};

// For other objects that wait and give up with a context. Parks until the object ends the wait of
// `self`, or `done` is closed. REQUIRES: `lock` is held, and guards `queue`, in which `self` is.
// True: the object has ended it, `lock` is not held. False: it is over for `done`, or the task is
// unwound; `lock` is held again and `self` is in no queue. The caller gives up what it has begun
// and then calls sched::throw_if_unwound().
[[nodiscard]] bool park_unless(DoneChannel done, const sched::WaitSpec& wait, base::Lock& lock,
                               sched::WaitQueue& queue, sched::Waiter& self);

}  // namespace taskscope::channel
