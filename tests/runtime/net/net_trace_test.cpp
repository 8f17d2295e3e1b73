// What a recording tells of the network.
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "tests/runtime/net/net_test_support.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

namespace tf = trace_format;

class NetTraceTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(NetTraceTest);

TEST_P(NetTraceTest, WaitsNameTheirConnectionAndNobodyWokeThem) {
  test::FakeRecorder recorder;
  std::set<std::string> names;
  run([&] {
    const test::Ends ends = test::connect_here();
    names = {std::string(ends.client.name()), std::string(ends.server.name())};
    WaitGroup group;
    group.go("echo", [&] {
      std::array<char, 8> buffer{};
      while (ends.server.read_full(buffer)) EXPECT_TRUE(ends.server.write_all(buffer));
    });
    std::array<char, 8> buffer{};
    for (int i = 0; i < 50; ++i) {
      test::wait_until_blocked(1);
      ASSERT_TRUE(ends.client.write_all(buffer));
      ASSERT_TRUE(ends.client.read_full(buffer));
    }
    ASSERT_TRUE(ends.client.close());
    group.wait();
  });
  recorder.receive();
  test::Rings rings;
  recorder.drain_into(rings);
  const test::TraceTotals totals = test::check_trace(rings);
  std::set<std::string> named;
  for (const auto& [id, name] : totals.object_names) {
    // Not the listener, which names its own address only.
    if (name.find("->") != std::string::npos) named.insert(name);
  }
  for (const std::string& name : named) EXPECT_EQ(names.count(name), 1u) << name;
  EXPECT_GE(named.size(), 1u);
  std::uint64_t network_waits = 0;
  std::uint64_t polled = 0;
  for (const auto& [worker, events] : rings) {
    for (const tf::TextEvent& event : events) {
      if (event.event.kind == tf::EventKind::PollWake) polled += event.event.id;
      if (event.event.kind == tf::EventKind::Block &&
          tf::aux_reason(event.event.aux) == tf::BlockReason::Network) {
        ++network_waits;
      }
    }
  }
  EXPECT_GE(network_waits, 50u);
  EXPECT_GE(polled, 50u);
  EXPECT_LE(polled, network_waits);
}

}  // namespace
}  // namespace taskscope
