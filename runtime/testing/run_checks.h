// RunChecks: a LeakCheck around the main task of every ts::run, for a test framework.
//
//   ts::testing::RunChecks checks;  // while it lives
//   ts::run(main_of_a_test);        // reports what main leaves behind, before it is abandoned
//   ts::testing::allow_leaks();     // not in this test
//   checks.begin_test();            // the next one
//
// What the main task starts, and what timers and threads start during the run, counts; tasks with
// ts::daemon() do not. What a LeakCheck in the run has reported is not reported again.
#pragma once

#include "runtime/sched/run.h"

namespace taskscope::testing {

// The runs of the test that has begun last may leave tasks behind. Any thread, also before the run;
// at the latest when its main task returns.
void allow_leaks();

// Process-wide; made before the runs that it is for, one at a time.
class RunChecks {
 public:
  RunChecks();
  ~RunChecks();
  RunChecks(const RunChecks&) = delete;
  RunChecks& operator=(const RunChecks&) = delete;

  // Runs that end from now on may not leave tasks behind.
  void begin_test();

 private:
  const sched::AroundMain before_;
};

}  // namespace taskscope::testing
