// LeakListener: lets a GoogleTest fail that leaves tasks behind.
//
//   int main(int argc, char** argv) {
//     testing::InitGoogleTest(&argc, argv);
//     testing::UnitTest::GetInstance()->listeners().Append(new ts::testing::LeakListener);
//     return RUN_ALL_TESTS();
//   }
//
// While one lives, a test in which a ts::run returns with tasks that still exist fails and says
// where they wait and where they were started (run_checks.h), and so does one with a LeakCheck that
// finds some. A test that means to leave some calls ts::testing::allow_leaks(); a task that means
// to stay, ts::daemon(). Made by main before RUN_ALL_TESTS; GoogleTest deletes it.
#pragma once

#include <gtest/gtest.h>

#include "runtime/testing/leak_check.h"
#include "runtime/testing/run_checks.h"

namespace taskscope::testing {

// For set_leak_handler(), or as LeakOptions::on_leak without a listener. Any thread.
inline void fail_test(const LeakReport& report) {
  ADD_FAILURE_AT(report.site.file, static_cast<int>(report.site.line)) << report.text;
}

class LeakListener : public ::testing::EmptyTestEventListener {
 public:
  LeakListener() : before_(set_leak_handler(fail_test)) {}
  ~LeakListener() override { set_leak_handler(before_); }
  LeakListener(const LeakListener&) = delete;
  LeakListener& operator=(const LeakListener&) = delete;

  void OnTestStart(const ::testing::TestInfo& /*test*/) override { runs_.begin_test(); }

 private:
  RunChecks runs_;
  const LeakHandler before_;
};

}  // namespace taskscope::testing
