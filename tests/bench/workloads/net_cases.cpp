// What the network costs.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/taskscope.h"
#include "tests/bench/workloads/frame.h"

namespace taskscope::bench {
namespace {

constexpr std::size_t kMessage = 64;

void must(bool ok) {
  if (!ok) std::abort();
}

void echo(const net::Conn& conn) {
  std::array<std::byte, kMessage> buffer;
  while (conn.read_full(buffer)) must(conn.write_all(buffer).has_value());
}

// 64 connections on loopback, each sending 64 bytes and waiting for their echo; per request.
void echo64(std::int64_t requests, Run& run) {
  constexpr std::int64_t kConnections = 64;
  const Result<net::Listener> listener = net::listen_tcp("127.0.0.1:0");
  must(listener.has_value());
  ts::WaitGroup servers;
  servers.go([&] {
    while (Result<net::Conn> conn = listener->accept()) {
      servers.go([conn = *std::move(conn)] { echo(conn); });
    }
  });
  std::vector<net::Conn> conns;
  for (std::int64_t i = 0; i < kConnections; ++i) {
    Result<net::Conn> conn = net::dial_tcp(listener->address().to_string());
    must(conn.has_value());
    conns.push_back(*std::move(conn));
  }
  const std::int64_t each = requests / kConnections;
  std::vector<std::int64_t> latency_ns(static_cast<std::size_t>(each * kConnections));
  run.start();
  ts::WaitGroup clients;
  for (std::int64_t c = 0; c < kConnections; ++c) {
    clients.go([&, c] {
      std::array<std::byte, kMessage> buffer{};
      const net::Conn& conn = conns[static_cast<std::size_t>(c)];
      for (std::int64_t i = 0; i < each; ++i) {
        const std::int64_t sent_ns = base::monotonic_ns();
        must(conn.write_all(buffer).has_value());
        must(conn.read_full(buffer).has_value());
        latency_ns[static_cast<std::size_t>(c * each + i)] = base::monotonic_ns() - sent_ns;
      }
    });
  }
  clients.wait();
  run.stop();
  run.set_operations(static_cast<double>(each * kConnections));
  run.set_percentiles("latency", std::move(latency_ns));
  conns.clear();
  must(listener->close().has_value());
  servers.wait();
}

}  // namespace

std::vector<Case> net_cases() { return {{"echo64", 128'000, echo64}}; }

}  // namespace taskscope::bench
