// DropPlaces: where in the program handles of channels were given up, for reports of leaks.
//
// Any thread. A place that is asked for the first time takes milliseconds.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "runtime/base/lock.h"
#include "runtime/base/thread_annotations.h"
#include "runtime/debug/symbolizer.h"
#include "runtime/sched/traced_channel.h"

namespace taskscope::sched {

class DropPlaces {
 public:
  // The program's innermost function among the calls, into which it is compiled what gives a handle
  // up; its name is short. Empty if there is none that has a source line.
  debug::Frame find(const HandleDrop& drop);

 private:
  // Guarded by lock_, which is held while names are looked up.
  base::Lock lock_;
  std::unique_ptr<debug::Symbolizer> symbolizer_ TASKSCOPE_GUARDED_BY(lock_);
  std::map<HandleDrop::Calls, debug::Frame> known_ TASKSCOPE_GUARDED_BY(lock_);
};

// "FILE:LINE"; empty without a file.
std::string line_of(const debug::Frame& place);

// "the last other handle was given up by task 4 at FILE:LINE (FUNCTION)"; empty if none was.
std::string describe_drop(const HandleDrop& drop, const debug::Frame& place);

}  // namespace taskscope::sched
