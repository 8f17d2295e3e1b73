// What the network's tests share: a listener on this machine, pairs of connected ends, and waiting
// for conditions that only the kernel brings about.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {

// REQUIRE: called by a task.
inline net::Listener listen_here() {
  Result<net::Listener> listener = net::listen_tcp("127.0.0.1:0");
  EXPECT_TRUE(listener) << (listener ? "" : listener.error().message);
  return listener ? *listener : net::Listener();
}

inline net::Conn dial_here(const net::Listener& listener) {
  Result<net::Conn> conn = net::dial_tcp(listener.address().to_string());
  EXPECT_TRUE(conn) << (conn ? "" : conn.error().message);
  return conn ? *conn : net::Conn();
}

// The two ends of a connection.
struct Ends {
  net::Conn server;
  net::Conn client;
};
inline Ends connect_here() {
  const net::Listener listener = listen_here();
  Ends ends;
  ends.client = dial_here(listener);
  Result<net::Conn> server = listener.accept();
  EXPECT_TRUE(server) << (server ? "" : server.error().message);
  if (server) ends.server = *server;
  return ends;
}

template <class T>
ErrorKind kind_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? ErrorKind::Other : result.error().kind;
}

template <class T>
std::string message_of(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? "" : result.error().message;
}

inline TimePoint soon() { return now() + std::chrono::milliseconds(5); }

}  // namespace taskscope::test
