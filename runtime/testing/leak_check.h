// LeakCheck: finds the tasks that a part of a test leaves behind.
//
//   ts::run([] {
//     ts::testing::LeakCheck check;
//     Server server;
//     server.start();
//     server.stop();
//   });  // a task that the server has forgotten is reported where `check` ends
//
// From then on the tasks that the calling task starts, and those that these start, stand under an
// inherited mark that nobody else sees (runtime/sched/task_mark.h). So checks in tasks that run at
// the same time do not see each other's tasks; what timers (ts::after_func) and threads start
// belongs to no task and so to no check, but to that of a whole run (run_checks.h). Tasks with
// ts::daemon() are left out. A task that stands under marks costs two atomic additions more for
// each.
//
// Not part of runtime/taskscope.h: for tests.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "runtime/base/site.h"
#include "runtime/sched/task_mark.h"
#include "runtime/trace_format/event.h"

namespace taskscope::testing {

// What a check has found.
struct LeakReport {
  std::size_t tasks = 0;
  Site site;         // of the check
  std::string text;  // how many, and groups with state, stack and spawn site as in ts::dump_tasks
};

using LeakHandler = void (*)(const LeakReport& report);
// What is done with a report unless its check says otherwise: at first it is printed to standard
// error. LeakListener (gtest_leak_listener.h) lets the test fail. Returns what was there. Any
// thread; tasks may call the handler at the same time.
LeakHandler set_leak_handler(LeakHandler handler);

struct LeakOptions {
  // Real time that tasks have to end by themselves; those that have or wait for a worker when it is
  // over have ten times as much.
  std::chrono::nanoseconds grace = std::chrono::milliseconds(400);
  // Null: what set_leak_handler() said. Called by the checking task.
  std::function<void(const LeakReport& report)> on_leak;
};

class LeakCheck {
 public:
  // On a thread that runs no task this ends the program with a sentence.
  explicit LeakCheck(LeakOptions options = {}, Site site = Site::here());
  // Waits for the grace time, or until there are none; reports those that are left. REQUIRES: the
  // task that made it.
  ~LeakCheck();
  LeakCheck(const LeakCheck&) = delete;
  LeakCheck& operator=(const LeakCheck&) = delete;

  // The rest is for the task that made it, too.

  // How many there are now. Those that are just ending count.
  std::size_t tasks() const;
  // Lets others run until there are none, for at most `timeout` of real time; false if some are
  // left. By a manual clock time stands still meanwhile.
  bool wait_for_none(std::chrono::nanoseconds timeout) const;
  // What there are now, with stacks, which takes a second or two to find out.
  LeakReport report() const;
  // Lets the check end without a word.
  void dismiss() { dismissed_ = true; }

 private:
  bool only_waiting_are_left() const;

  const LeakOptions options_;
  const Site site_;
  const trace_format::TaskId task_;
  const std::shared_ptr<sched::TaskMark> mark_;  // shared: with the label sets of tasks under it
  bool dismissed_ = false;
};

}  // namespace taskscope::testing
