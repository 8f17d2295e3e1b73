#include "viewer/model/state_class.h"

#include "runtime/base/check.h"

namespace taskscope::viewer {

StateClass classify(store::TaskState state, store::BlockReason reason) {
  switch (state) {
    case store::TaskState::Running:
      return StateClass::Running;
    case store::TaskState::Runnable:
      return StateClass::Runnable;
    case store::TaskState::Syscall:
      return StateClass::Io;
    case store::TaskState::Sleeping:
      return StateClass::Sleep;
    case store::TaskState::Blocked:
      break;
    case store::TaskState::Done:
    case store::TaskState::Panicked:
      return StateClass::Sleep;
  }
  switch (trace_format::reason_class(reason)) {
    case trace_format::ReasonClass::Lock:
      return StateClass::Lock;
    case trace_format::ReasonClass::Sleep:
      return StateClass::Sleep;
    case trace_format::ReasonClass::Io:
      return StateClass::Io;
    case trace_format::ReasonClass::Channel:
    case trace_format::ReasonClass::None:
      break;
  }
  return StateClass::Channel;
}

ClassTimes approximate_class_times(const store::StateTimes& state_ns) {
  ClassTimes times{};
  for (std::size_t state = 0; state < store::kSpanStates; ++state) {
    const auto state_class =
        classify(static_cast<store::TaskState>(state), store::BlockReason::None);
    times[index_of(state_class)] += state_ns[state];
  }
  return times;
}

std::string_view to_text(StateClass state_class) {
  switch (state_class) {
    case StateClass::Running:
      return "running";
    case StateClass::Runnable:
      return "waiting for a worker";
    case StateClass::Channel:
      return "blocked on a channel";
    case StateClass::Lock:
      return "blocked on a lock";
    case StateClass::Io:
      return "I/O or system call";
    case StateClass::Sleep:
      return "sleeping";
    case StateClass::Gc:
      return "garbage collection";
    case StateClass::Leaked:
      return "stuck: never woken";
  }
  TASKSCOPE_CHECK(false);
}

std::string_view to_short_text(StateClass state_class) {
  switch (state_class) {
    case StateClass::Running:
      return "running";
    case StateClass::Runnable:
      return "runnable";
    case StateClass::Channel:
      return "channel";
    case StateClass::Lock:
      return "lock";
    case StateClass::Io:
      return "I/O";
    case StateClass::Sleep:
      return "sleep";
    case StateClass::Gc:
      return "GC";
    case StateClass::Leaked:
      return "stuck";
  }
  TASKSCOPE_CHECK(false);
}

std::int64_t total(const ClassTimes& times) {
  std::int64_t sum = 0;
  for (const std::int64_t ns : times) sum += ns;
  return sum;
}

}  // namespace taskscope::viewer
