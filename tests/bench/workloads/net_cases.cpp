// What a request over the network costs.
#include <algorithm>
#include <array>
#include <cstddef>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/taskscope.h"
#include "tests/bench/workloads/frame.h"

namespace taskscope::bench {
namespace {

constexpr std::size_t kConnections = 64;

using Buffer = std::array<std::byte, 64>;

void echo(const ts::net::Conn& conn) {
  Buffer buffer{};
  while (conn.read_full(buffer) && conn.write_all(buffer)) {
  }
}

// 64 connections on loopback, each sending 64 bytes and waiting for their echo; per request.
void echo64(std::int64_t requests, Run& run) {
  const auto listener = ts::net::listen_tcp("127.0.0.1:0").value();
  ts::WaitGroup served;
  served.go([&] {
    while (auto conn = listener.accept()) {
      served.go([conn = std::move(conn).value()] { echo(conn); });
    }
  });
  std::array<ts::net::Conn, kConnections> clients;
  for (auto& client : clients) client = ts::net::dial_tcp(listener.address().to_string()).value();
  const std::int64_t share = requests / static_cast<std::int64_t>(kConnections);
  std::vector<std::int64_t> latency(static_cast<std::size_t>(share) * kConnections);
  ts::WaitGroup asked;
  run.start();
  for (std::size_t k = 0; k < kConnections; ++k) {
    asked.go([&, k] {
      Buffer buffer{};
      for (std::int64_t i = 0; i < share; ++i) {
        const std::int64_t start = base::monotonic_ns();
        TASKSCOPE_CHECK(clients[k].write_all(buffer).has_value());
        TASKSCOPE_CHECK(clients[k].read_full(buffer).has_value());
        latency[k * static_cast<std::size_t>(share) + static_cast<std::size_t>(i)] =
            base::monotonic_ns() - start;
      }
    });
  }
  asked.wait();
  run.stop();
  run.set_percentiles("latency", std::move(latency));
  for (auto& client : clients) TASKSCOPE_CHECK(client.close().has_value());
  TASKSCOPE_CHECK(listener.close().has_value());
  served.wait();
}

}  // namespace

std::vector<Case> net_cases() { return {{"echo64", 1280, kByTime, echo64}}; }

}  // namespace taskscope::bench
