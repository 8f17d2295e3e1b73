// The same as examples_test.cpp for the headers of runtime/testing.
#include <gtest/gtest.h>

#include "runtime/taskscope.h"
#include "runtime/testing/gtest_leak_listener.h"

namespace {

TEST(HeaderExamples, LeakCheck) {
  struct Server {
    void start() {
      serving.go([this] { stopping.recv(); });
    }
    void stop() {
      stopping.close();
      serving.wait();
    }
    ts::Chan<int> stopping = ts::make_chan<int>();
    ts::WaitGroup serving;
  };
  ts::run([] {
    ts::testing::LeakCheck check;
    Server server;
    server.start();
    server.stop();
  });  // a task that the server has forgotten is reported where `check` ends
}

TEST(HeaderExamples, RunChecks) {
  const auto main_of_a_test = [] {};
  ts::testing::RunChecks checks;  // while it lives
  ts::run(main_of_a_test);        // reports what main leaves behind, before it is abandoned
  ts::testing::allow_leaks();     // not in this test
  checks.begin_test();            // the next one
}

namespace suite {
[[maybe_unused]] int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new ts::testing::LeakListener);
  return RUN_ALL_TESTS();
}
}  // namespace suite

}  // namespace
