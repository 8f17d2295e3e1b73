#include "runtime/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace taskscope::net {
namespace {

bool parse_port(std::string_view text, std::uint16_t& port) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc() && stop == end && !text.empty();
}

Address ipv4(const in_addr& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr = host;
  return {&address, sizeof address};
}

Address ipv6(const in6_addr& host, std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = host;
  return {&address, sizeof address};
}

std::string unix_name(const sockaddr_un& address, std::size_t size) {
  const std::size_t length = size - std::min(size, offsetof(sockaddr_un, sun_path));
  if (length == 0) return "";
  if (address.sun_path[0] == '\0') return "@" + std::string(address.sun_path + 1, length - 1);
  return {address.sun_path, strnlen(address.sun_path, length)};
}

}  // namespace

Address::Address(const void* address, std::size_t size)
    : size_(static_cast<socklen_t>(std::min(size, sizeof storage_))) {
  std::memcpy(storage_, address, size_);
}

Result<Address> Address::parse(std::string_view text) {
  Result<HostAndPort> parts = split_host_port(text);
  if (!parts) return parts.error();
  std::uint16_t port = 0;
  in_addr v4{};
  in6_addr v6 = in6addr_any;
  if (parse_port(parts->port, port)) {
    const char* const host = parts->host.c_str();
    if (inet_pton(AF_INET, host, &v4) == 1) return ipv4(v4, port);
    if (*host == '\0' || inet_pton(AF_INET6, host, &v6) == 1) return ipv6(v6, port);
  }
  return Error{
      .message = "address " + std::string(text) + ": not of the form 127.0.0.1:80 or [::1]:80",
      .os_error = EINVAL};
}

Result<Address> Address::unix_path(std::string_view path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The zero at the end of a path counts; abstract names have none, but one at their beginning.
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return Error{.message = "unix socket " + std::string(path) + ": a path has 1 to " +
                            std::to_string(sizeof address.sun_path - 1) + " bytes, this one " +
                            std::to_string(path.size()),
                 .os_error = ENAMETOOLONG};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool abstract = path[0] == '@';
  if (abstract) address.sun_path[0] = '\0';
  return Address(&address, offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1));
}

std::string Address::to_string() const {
  if (size_ < sizeof(sa_family_t)) return "";
  char text[INET6_ADDRSTRLEN] = {};
  switch (family()) {
    case AF_INET: {
      const auto& address = *reinterpret_cast<const sockaddr_in*>(storage_);
      inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
      return std::string(text) + ":" + std::to_string(port());
    }
    case AF_INET6: {
      const auto& address = *reinterpret_cast<const sockaddr_in6*>(storage_);
      inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
      return "[" + std::string(text) + "]:" + std::to_string(port());
    }
    case AF_UNIX:
      return unix_name(*reinterpret_cast<const sockaddr_un*>(storage_), size_);
    default:
      return "";
  }
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(storage_)->sin_port);
  if (family() == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(storage_)->sin6_port);
  }
  return 0;
}

std::string_view Address::network() const { return family() == AF_UNIX ? "unix" : "tcp"; }

Result<HostAndPort> split_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool bracketed = text.size() > 1 && text[0] == '[';
  const std::size_t bracket = text.find(']');
  const bool well_formed = colon != std::string_view::npos &&
                           (bracketed ? bracket != std::string_view::npos && bracket + 1 == colon
                                      : text.find(':') == colon);
  if (!well_formed) {
    return Error{.message = "address " + std::string(text) +
                            ": expected host:port, and brackets around an IPv6 address",
                 .os_error = EINVAL};
  }
  const std::string_view host = bracketed ? text.substr(1, bracket - 1) : text.substr(0, colon);
  return HostAndPort{.host = std::string(host), .port = std::string(text.substr(colon + 1))};
}

}  // namespace taskscope::net
