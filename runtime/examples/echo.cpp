// echo: a server and its clients in one program, to see what waiting for the network looks like.
//
//   taskscope record -o echo.tscope -- echo [--clients N] [--rounds N]
//
// Every client asks over a connection of its own, waits for the answer, thinks for a moment and
// asks again; the server has one task per connection. When the clients have finished, the listener
// is closed under the task that accepts, which ends with that. An interrupt (Ctrl-C) ends the
// clients through their context.
#include <signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <span>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using Message = std::array<char, 64>;

// Answers until the other end has nothing more to say.
void serve(const ts::net::Conn& conn) {
  Message message{};
  for (;;) {
    const auto got = conn.read(message);
    if (!got) return;
    if (!conn.write_all(std::span(message).first(*got))) return;
  }
}

void accept_all(const ts::net::Listener& listener) {
  while (auto conn = listener.accept()) {
    ts::go("connection", [conn = *std::move(conn)] { serve(conn); });
  }
}

// Asks `rounds` times; how many answers were right.
int ask(const ts::Context& context, const std::string& address, int client, int rounds) {
  const auto conn = ts::net::dial_tcp(context, address);
  if (!conn) {
    std::fprintf(stderr, "echo: %s\n", conn.error().message.c_str());
    return 0;
  }
  int right = 0;
  Message question{};
  Message answer{};
  for (int round = 0; round < rounds; ++round) {
    question.fill(static_cast<char>('a' + (client + round) % 26));
    if (!conn->write_all(context, question) || !conn->read_full(context, answer)) break;
    if (question == answer) ++right;
    if (!ts::sleep(context, std::chrono::microseconds(200))) break;
  }
  return right;
}

struct Options {
  int clients = 8;
  int rounds = 50;
};

// All clients at once, until they have finished or an interrupt comes; how many answers were right.
int ask_all(const Options& options, const std::string& address) {
  auto [context, cancel] = ts::with_cancel(ts::background());
  const ts::Receiver<int> interrupts = ts::signals({SIGINT});
  ts::WaitGroup watching;
  watching.go("interrupt", [interrupts, cancel = std::move(cancel)] {
    if (interrupts.recv()) cancel();
  });
  std::atomic<int> right{0};
  ts::WaitGroup asking;
  for (int client = 0; client < options.clients; ++client) {
    asking.go("client " + std::to_string(client),
              [&, client, &ctx = context] { right += ask(ctx, address, client, options.rounds); });
  }
  asking.wait();
  ts::stop_signals(interrupts);
  watching.wait();
  return right;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!examples::parse_options(argc, argv,
                               {{.name = "--clients", .number = &options.clients},
                                {.name = "--rounds", .number = &options.rounds}}))
    return 2;
  return ts::run([&] {
    const auto listener = ts::net::listen_tcp("127.0.0.1:0");
    if (!listener) {
      std::fprintf(stderr, "echo: %s\n", listener.error().message.c_str());
      return 1;
    }
    ts::go("accept", [listener = *listener] { accept_all(listener); });
    const int right = ask_all(options, listener->address().to_string());
    static_cast<void>(listener->close());
    std::printf("%d of %d answers were right\n", right, options.clients * options.rounds);
    return right == options.clients * options.rounds ? 0 : 1;
  });
}
