// ts::go: starts a task. The template part only moves the closure into the task; the rest is in
// go.cpp.
//
//   ts::go([] { load_tables(); });
//   ts::go("reader 1", [] { load_tables(); });  // with a name for traces and reports
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

// A task to be filled by a worker's thread, or null on a thread that is no worker.
Task* begin_task();
void submit_task(Task* task, std::string_view name);
void abort_task(Task* task);
// On a thread that is no worker. Ends the program with a sentence if no ts::run is active.
void submit_foreign_task(TaskBody body, void* closure, std::string_view name,
                         const base::Site& site);

// Looks at the closure of a task that one with an open arena starts (memory/scoped.h). Set before
// the first arena is opened.
using ClosureHook = void (*)(const Task& task);
void set_closure_hook(ClosureHook hook);

// Stands after a closure's call so that it is no tail call: its frame belongs into panic reports.
inline void keep_frame() { asm volatile(""); }

// A body that runs a closure in place and destroys it. There is no handler in it: an exception that
// escapes must find the end of the stack, so that std::terminate sees the stack of the throw.
template <class Closure>
void run_inline(void* memory) {
  struct Destroyer {
    ~Destroyer() { closure.~Closure(); }
    Closure& closure;
  };
  const Destroyer destroyer{*std::launder(static_cast<Closure*>(memory))};
  static_cast<void>(destroyer.closure());
  keep_frame();
}

template <class Closure>
void run_heap(void* memory) {
  const std::unique_ptr<Closure> closure(*static_cast<Closure**>(memory));
  static_cast<void>((*closure)());
  keep_frame();
}

template <class Closure>
inline constexpr bool kFitsInline =
    // NOLINTNEXTLINE(misc-redundant-expression): not for every closure
    sizeof(Closure) <= Task::kInlineClosureBytes && alignof(Closure) <= alignof(std::max_align_t);

template <class F>
void spawn(std::string_view name, F&& function, const base::Site& site) {
  using Closure = std::decay_t<F>;
  Task* task = begin_task();
  if (task == nullptr) {
    auto closure = std::make_unique<Closure>(std::forward<F>(function));
    submit_foreign_task(run_heap<Closure>, closure.get(), name, site);
    static_cast<void>(closure.release());  // it is the task's now
    return;
  }
  try {
    if constexpr (kFitsInline<Closure>) {
      new (task->closure_memory) Closure(std::forward<F>(function));
      task->closure_bytes = 0;
      task->body = run_inline<Closure>;
    } else {
      task->set_closure_address(new Closure(std::forward<F>(function)), sizeof(Closure));
      task->body = run_heap<Closure>;
    }
  } catch (...) {
    abort_task(task);
    throw;
  }
  task->set_spawn_site(site);
  submit_task(task, name);
  // Until then the closure is nowhere that a look at all tasks would find: handles in it must still
  // be in the caller's frame.
  if constexpr (sizeof(Closure) >= sizeof(void*)) asm volatile("" : : "m"(function));
}

}  // namespace taskscope::sched

namespace taskscope {

// Starts `function` as a task of its own, with the same right to run as all others. Its result is
// ignored; an exception that escapes it ends the program. The closure may be move-only.
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) void go(F&& function, Site site = Site::here()) {
  sched::spawn({}, std::forward<F>(function), site);
}

// The same with a name for people to find it by.
template <class F>
requires(std::is_invocable_v<std::decay_t<F>&>) void go(std::string_view name, F&& function,
                                                        Site site = Site::here()) {
  sched::spawn(name, std::forward<F>(function), site);
}

}  // namespace taskscope
