// What the environment says of the collector; read once.
//
//   TASKSCOPE_GC=verify   before anything is freed all of the program's memory is looked through
//                         for handles that the collector does not know, and who has them is named
//   TASKSCOPE_GC=poison   what is freed is filled with 0xDB, so that who still uses it fails soon
//   TASKSCOPE_GC=recheck  when everything is marked, all tasks are held and it is marked once more:
//                         what handles outside of stacks reach must have been marked
//   TASKSCOPE_GOGC=100    how much may be allocated until the next collection, in per cent of what
//                         lives; `off`: nothing is collected but by ts::gc()
//   TASKSCOPE_GCTRACE=1   a line on standard error for each collection
//
// Words of TASKSCOPE_GC may be joined by commas.
#pragma once

#include <cstdint>

namespace taskscope::memory {

inline constexpr int kPoison = 0xdb;

// What tests leave out, to see that it is needed.
enum class Broken : std::uint8_t {
  Nothing,
  Overwritten,  // what is overwritten is not kept alive
  Taken,        // nor is what is taken from channels
  Resumed,      // tasks run before their stacks are shown
  Born,         // new objects are not marked
  Recycled,     // blocks of scopes are used again while objects are marked
  Weak,         // what is locked through a weak handle is not kept alive
};

struct Settings {
  bool verify = false;
  bool poison = false;
  bool recheck = false;
  Broken broken = Broken::Nothing;
  // For tests: is called by the collector when tasks run beside its marking.
  void (*marking_has_begun)() = nullptr;
  bool trace = false;
  int percent = 100;  // below 0: off
};
const Settings& settings();
// For tests.
void set_settings(const Settings& settings);

}  // namespace taskscope::memory
