// epoll_echo: the floor for the echo workload, without tasks or a scheduler.
//
// 64 connections on loopback, each sending 64 bytes and waiting for their echo, driven by bare
// epoll loops: one that serves and one that asks, on one thread for both or on a thread each.
// Prints a JSON object a repetition: nanoseconds per request.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/unique_fd.h"

namespace {

using taskscope::base::UniqueFd;

constexpr std::uint32_t kConnections = 64;
constexpr std::int64_t kRequests = 128'000;
constexpr std::size_t kBytes = 64;
constexpr int kEvents = 128;

void no_delay(const UniqueFd& socket) {
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void watch(const UniqueFd& epoll, const UniqueFd& socket, std::uint32_t id) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = id;
  TASKSCOPE_CHECK(epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket.get(), &event) == 0);
}

struct Pairs {
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> servers;
};

Pairs connect_pairs() {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  TASKSCOPE_CHECK(bind(listener.get(), generic, size) == 0);
  TASKSCOPE_CHECK(listen(listener.get(), kConnections) == 0);
  getsockname(listener.get(), generic, &size);
  Pairs pairs;
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    pairs.clients.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    TASKSCOPE_CHECK(connect(pairs.clients.back().get(), generic, size) == 0);
    pairs.servers.emplace_back(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    no_delay(pairs.clients.back());
    no_delay(pairs.servers.back());
  }
  return pairs;
}

using Buffer = std::array<char, kBytes>;

void serve(const UniqueFd& socket) {
  Buffer buffer;
  if (read(socket.get(), buffer.data(), kBytes) != static_cast<ssize_t>(kBytes)) return;
  TASKSCOPE_CHECK(write(socket.get(), buffer.data(), kBytes) == static_cast<ssize_t>(kBytes));
}

void serve_until(const UniqueFd& epoll, const Pairs& pairs, const std::atomic<bool>& over) {
  epoll_event events[kEvents];
  while (!over.load(std::memory_order_relaxed)) {
    const int count = epoll_wait(epoll.get(), events, kEvents, 100);
    for (int i = 0; i < count; ++i) serve(pairs.servers[events[i].data.u32 - kConnections]);
  }
}

// Clients have ids below kConnections, servers the ones above.
double repeat(bool one_thread) {
  const Pairs pairs = connect_pairs();
  const UniqueFd clients(epoll_create1(EPOLL_CLOEXEC));
  const UniqueFd servers(epoll_create1(EPOLL_CLOEXEC));
  for (std::uint32_t i = 0; i < kConnections; ++i) {
    watch(clients, pairs.clients[i], i);
    watch(one_thread ? clients : servers, pairs.servers[i], i + kConnections);
  }
  std::atomic<bool> over{false};
  std::thread server;
  if (!one_thread) server = std::thread([&] { serve_until(servers, pairs, over); });

  std::array<std::int64_t, kConnections> left;
  left.fill(kRequests / kConnections);
  std::uint32_t open = kConnections;
  Buffer buffer{};
  const auto ask = [&](std::uint32_t id) {
    TASKSCOPE_CHECK(write(pairs.clients[id].get(), buffer.data(), kBytes) ==
                    static_cast<ssize_t>(kBytes));
  };
  const std::int64_t start = taskscope::base::monotonic_ns();
  for (std::uint32_t i = 0; i < kConnections; ++i) ask(i);
  epoll_event events[kEvents];
  while (open > 0) {
    const int count = epoll_wait(clients.get(), events, kEvents, -1);
    for (int i = 0; i < count; ++i) {
      const std::uint32_t id = events[i].data.u32;
      if (id >= kConnections) {
        serve(pairs.servers[id - kConnections]);
        continue;
      }
      if (read(pairs.clients[id].get(), buffer.data(), kBytes) <= 0) continue;
      if (--left[id] == 0) {
        --open;
      } else {
        ask(id);
      }
    }
  }
  const std::int64_t ns = taskscope::base::monotonic_ns() - start;
  over.store(true, std::memory_order_relaxed);
  if (server.joinable()) server.join();
  return static_cast<double>(ns) / static_cast<double>(kRequests);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view threads = argc == 2 ? argv[1] : "";
  if (threads != "1" && threads != "2") {
    std::fprintf(stderr, "usage: epoll_echo 1|2 (threads)\n");
    return 2;
  }
  repeat(threads == "1");
  std::printf("{\"ns_op\": %.1f}\n", repeat(threads == "1"));
  return 0;
}
