// What the environment says of the collector; read once.
//
//   TASKSCOPE_GC=verify   before anything is freed all of the program's memory is looked through
//                         for handles that the collector does not know, and who has them is named
//   TASKSCOPE_GC=poison   what is freed is filled with 0xDB, so that who still uses it fails soon
//   TASKSCOPE_GOGC=100    how much may be allocated until the next collection, in per cent of what
//                         lives; `off`: nothing is collected but by ts::gc()
//   TASKSCOPE_GCTRACE=1   a line on standard error for each collection
//
// Words of TASKSCOPE_GC may be joined by commas.
#pragma once

namespace taskscope::memory {

inline constexpr int kPoison = 0xdb;

struct Settings {
  bool verify = false;
  bool poison = false;
  bool trace = false;
  int percent = 100;  // below 0: off
};
const Settings& settings();
// For tests.
void set_settings(const Settings& settings);

}  // namespace taskscope::memory
