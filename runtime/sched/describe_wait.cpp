#include "runtime/sched/describe_wait.h"

#include "runtime/instrument/traced_lock.h"

namespace taskscope::sched {

std::string describe_holder(const Task& task, const FindTask& find, std::int64_t now_ns) {
  using trace_format::ObjectKind;
  const instrument::TracedObject* const object = task.wait.object;
  if (object == nullptr ||
      (object->kind() != ObjectKind::Mutex && object->kind() != ObjectKind::RwMutex)) {
    return {};
  }
  using instrument::TracedLock;
  const auto& lock = static_cast<const TracedLock&>(*object);
  const std::uint32_t state = lock.state.load(std::memory_order_relaxed);
  if ((state & TracedLock::kLocked) == 0) {
    const std::uint32_t readers = state / TracedLock::kReader;
    if (readers == 0) return {};
    return readers == 1 ? "a reader has it" : std::to_string(readers) + " readers have it";
  }
  const TaskId holder = lock.holder_task();
  if (holder == 0) return "a thread that is no task's has it";
  if (holder == task.id) return "it has that already";
  const Task* const found = find(holder);
  if (found == nullptr) return "task " + std::to_string(holder) + " had it when it ended";
  const std::string name = debug::format_task(task_info(*found));
  if (found->state.load(std::memory_order_relaxed) != TaskState::Blocked) return name + " has it";
  // It took it before it began to wait itself.
  const std::int64_t seconds =
      (now_ns - found->wait_since_ns.load(std::memory_order_relaxed)) / 1'000'000'000;
  if (seconds == 0) return name + " has it";
  return name + " has had it for at least " + std::to_string(seconds) + " s";
}

std::string name_of(const instrument::TracedObject* object) {
  return object == nullptr || object->name() == nullptr ? "" : object->name();
}

std::vector<debug::BlockedTask::Arm> describe_arms(const Task& task) {
  std::vector<debug::BlockedTask::Arm> arms;
  each_arm(task.wait, [&](const WaitArm& arm) {
    if (arm.object == nullptr) return;  // a time: then it is no deadlock
    arms.push_back({.operation = trace_format::to_text(arm.operation),
                    .kind = trace_format::to_text(arm.object->kind()),
                    .object = name_of(arm.object),
                    .made_at = arm.object->made_at()});
  });
  return arms;
}

}  // namespace taskscope::sched
