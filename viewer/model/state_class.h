// What a stretch of time counts as on screen: the eight classes that have a colour.
//
// A class is a task's state with the reason folded in (a wait for a channel looks different from a
// wait for a lock). Pure functions, usable from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "recorder/store/rows.h"

namespace taskscope::viewer {

enum class StateClass : std::uint8_t { Running, Runnable, Channel, Lock, Io, Sleep, Gc, Leaked };
inline constexpr std::size_t kStateClasses = 8;

using ClassTimes = std::array<std::int64_t, kStateClasses>;  // ns, indexed by StateClass

// Most severe first: the order in which merged columns are stacked, from the floor up.
inline constexpr std::array<StateClass, kStateClasses> kBySeverity = {
    StateClass::Leaked,   StateClass::Lock, StateClass::Channel, StateClass::Io,
    StateClass::Runnable, StateClass::Gc,   StateClass::Running, StateClass::Sleep};

constexpr std::size_t index_of(StateClass state_class) {
  return static_cast<std::size_t>(state_class);
}

// Severe classes stay visible in merged columns however small their share.
constexpr bool is_severe(StateClass state_class) {
  return state_class == StateClass::Leaked || state_class == StateClass::Lock ||
         state_class == StateClass::Channel;
}

StateClass classify(store::TaskState state, store::BlockReason reason);

// The times of a TaskRow, whose blocked time is not split by reason: all of it counts as Channel.
ClassTimes approximate_class_times(const store::StateTimes& state_ns);

std::string_view to_text(StateClass state_class);        // "running", "blocked on lock", …
std::string_view to_short_text(StateClass state_class);  // as in legends: "lock"

std::int64_t total(const ClassTimes& times);

}  // namespace taskscope::viewer
