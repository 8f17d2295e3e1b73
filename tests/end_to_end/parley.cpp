// parley: a server and its clients, each a program of its own, that talk over a Unix socket.
//
//   parley server PATH CLIENTS         serves until CLIENTS clients have gone
//   parley client PATH QUESTIONS       asks, one after another, and checks the answers
//
// The server has one task per client, "serves"; the client one that asks, "asks".
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

using Message = std::array<char, 32>;

void serve(const ts::net::Conn& conn) {
  Message message{};
  while (conn.read_full(message)) {
    for (char& letter : message) ++letter;
    if (!conn.write_all(message)) return;
  }
}

int be_server(const std::string& path, int clients) {
  const auto listener = ts::net::listen_unix(path);
  if (!listener) {
    std::fprintf(stderr, "parley: %s\n", listener.error().message.c_str());
    return 1;
  }
  ts::WaitGroup serving;
  for (int i = 0; i < clients; ++i) {
    auto conn = listener->accept();
    if (!conn) return 1;
    serving.go("serves", [conn = *std::move(conn)] { serve(conn); });
  }
  serving.wait();
  return 0;
}

ts::net::Conn dial(const std::string& path) {
  for (;;) {
    if (auto conn = ts::net::dial_unix(ts::background(), path)) return *std::move(conn);
    ts::sleep(std::chrono::milliseconds(1));  // the server is not there yet
  }
}

int ask(const std::string& path, int questions) {
  const ts::net::Conn conn = dial(path);
  for (int i = 0; i < questions; ++i) {
    Message question{};
    question.fill(static_cast<char>('a' + i % 20));
    Message answer{};
    if (!conn.write_all(question) || !conn.read_full(answer)) return 1;
    if (answer[0] != question[0] + 1) return 1;
  }
  return 0;
}

int be_client(const std::string& path, int questions) {
  int status = 1;
  ts::WaitGroup asking;
  asking.go("asks", [&] { status = ask(path, questions); });
  asking.wait();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string_view role = argv[1];
  int number = 0;
  std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), number);
  return ts::run(
      [&] { return role == "server" ? be_server(argv[2], number) : be_client(argv[2], number); });
}
