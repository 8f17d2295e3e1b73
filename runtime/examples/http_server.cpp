// http_server: a server that is told to stop, answers what it has begun, and then ends.
//
// Use this shape for whatever serves: one task accepts, one task per connection reads requests and
// answers, and the end has an order. First the listener is closed, so nobody new comes in. Then
// connections that wait for a next request are ended, and those that work on one finish it. Only
// what has not finished within a grace period is cut off. Nobody's answer is lost in between, and
// when serve() returns, no task of it is left.
//
// Here clients ask over loopback, and the stop comes while the slowest request is being worked on;
// its client gets the answer all the same.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kGrace{10};

// What is there of a connection's next request up to the empty line; none: the end.
std::optional<std::string> read_head(const ts::Context& ctx, const ts::net::Conn& conn) {
  std::string head;
  std::array<char, 512> buffer{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    const auto got = conn.read(ctx, buffer);
    if (!got) return std::nullopt;
    head.append(buffer.data(), *got);
  }
  return head;
}

class Server {
 public:
  explicit Server(ts::net::Listener listener) : listener_(std::move(listener)) {}

  // Serves until `stop` is done and everyone has been answered, or the grace period is over.
  void serve(const ts::Context& stop) {
    const auto at_work = ts::with_cancel(ts::background());
    ts::Scope connections(at_work.ctx, {.name = "connections"});
    while (auto conn = listener_.accept(stop)) {
      connections.go("connection", [this, &stop, conn = *std::move(conn)](const ts::Context& work) {
        converse(stop, work, conn);
      });
    }
    static_cast<void>(listener_.close());
    const auto grace = ts::with_timeout(ts::background(), kGrace);
    if (!connections.wait(grace.ctx)) connections.cancel();
  }
  // Says when a slow request is being worked on.
  ts::Receiver<ts::Unit> busy() const { return busy_; }

 private:
  // Waits for requests until `stop`, and works on them until `work` is done.
  void converse(const ts::Context& stop, const ts::Context& work, const ts::net::Conn& conn) {
    while (const std::optional<std::string> head = read_head(stop, conn)) {
      const std::string path = head->substr(4, head->find(' ', 4) - 4);
      std::string body = "you asked for " + path;
      if (path == "/slow") {
        busy_.try_send({});
        if (!ts::sleep(work, milliseconds(30))) body = "sorry, we close";
      }
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      if (!conn.write_all(work, answer)) return;
    }
  }

  const ts::net::Listener listener_;
  const ts::Chan<ts::Unit> busy_ = ts::make_chan<ts::Unit>("busy", 1);
};

// The answers to requests for `path`, one after another on one connection, up to `count`.
int ask(const std::string& address, const std::string& path, int count) {
  const auto conn = ts::net::dial_tcp(address);
  int answers = 0;
  std::array<char, 512> buffer{};
  const std::string expected = "you asked for " + path;
  while (conn && answers < count) {
    if (!conn->write_all("GET " + path + " HTTP/1.1\r\nHost: here\r\n\r\n")) break;
    std::string answer;
    while (answer.find(expected) == std::string::npos) {
      const auto got = conn->read(buffer);
      if (!got) return answers;
      answer.append(buffer.data(), *got);
    }
    ++answers;
  }
  return answers;
}

}  // namespace

int main() {
  return ts::run([] {
    const auto listener = ts::net::listen_tcp("127.0.0.1:0");
    if (!listener) {
      std::fprintf(stderr, "http_server: %s\n", listener.error().message.c_str());
      return 1;
    }
    const std::string address = listener->address().to_string();
    Server server(*listener);
    auto stop = ts::with_cancel(ts::background());
    ts::Scope program;
    program.go("server", [&] { server.serve(stop.ctx); });

    std::atomic<int> quick{0};
    std::atomic<int> slow{0};
    {
      ts::Scope clients;
      for (int i = 1; i <= 4; ++i) {
        clients.go("client " + std::to_string(i), [&] { quick += ask(address, "/quick", 5); });
      }
    }
    program.go("slow client", [&] { slow = ask(address, "/slow", 1); });
    server.busy().recv();
    stop.cancel();  // a program that lives longer has SIGTERM do that: graceful_pool.cpp
    program.wait();
    std::printf("%d quick answers and %d slow one, and the server has ended\n", quick.load(),
                slow.load());
    return quick == 20 && slow == 1 ? 0 : 1;
  });
}
