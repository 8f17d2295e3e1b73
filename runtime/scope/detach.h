// ts::detach: a task that nobody waits for.
//
// Tasks belong into a ts::Scope, or to a ts::Future, and end before those do. One that has to
// outlive the block that starts it is the exception, and has a name to be found by. ts::go is the
// same with Go's ease: use it where a WaitGroup or a channel shows the end of the task.
//
//   ts::detach("statistics", [] { load_tables(); });
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/go.h"

namespace taskscope {

// Starts `function` as a task of its own. An exception that escapes it ends the program. Panics if
// `name` is empty.
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) void detach(std::string_view name, F&& function,
                                                            Site site = Site::here()) {
  if (name.empty()) sched::panic("detach of a task without a name");
  sched::spawn(name, std::forward<F>(function), site);
}

}  // namespace taskscope
