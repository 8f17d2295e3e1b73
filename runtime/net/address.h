// Address: where a socket is or what it talks to: IPv4 or IPv6 address with a port, or the path of
// a Unix socket. A plain value; any thread.
//
//   ts::Result<ts::net::Address> address = ts::net::Address::parse("127.0.0.1:80");
//   if (address) log(address->to_string());
//   if (address && address->network() == "tcp") log(std::to_string(address->port()));
//   ts::Result<ts::net::Address> at = ts::net::Address::unix_path("/run/service.socket");
//   ts::Result<ts::net::HostAndPort> parts = ts::net::split_host_port("example.org:http");
//   if (parts) log(parts->host + " at port " + parts->port);
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace taskscope::net {

class Address {
 public:
  Address() = default;
  Address(const void* address, std::size_t size);

  // "127.0.0.1:80" or "[::1]:80": numbers only. A missing host means all interfaces.
  static Result<Address> parse(std::string_view text);
  // The path of a Unix socket; "@name" is in Linux's abstract namespace. At most 107 bytes.
  static Result<Address> unix_path(std::string_view path);

  // As parse() and unix_path() take it; "" if there is none.
  std::string to_string() const;
  // 0 for Unix sockets.
  std::uint16_t port() const;

  // "tcp" or "unix".
  std::string_view network() const;
  friend bool operator==(const Address& a, const Address& b) {
    return a.to_string() == b.to_string();
  }

  // For the system.
  int family() const { return raw()->sa_family; }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(storage_); }
  socklen_t size() const { return size_; }

 private:
  // A sockaddr of any family that is supported; sockaddr_un is the largest.
  alignas(sockaddr_un) unsigned char storage_[sizeof(sockaddr_un)] = {};
  socklen_t size_ = 0;
};

// "host:port" and "[host]:port" in two parts; the host may be empty.
struct HostAndPort {
  std::string host;
  std::string port;
};
Result<HostAndPort> split_host_port(std::string_view text);

}  // namespace taskscope::net
