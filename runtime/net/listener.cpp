#include "runtime/net/listener.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/os_error.h"
#include "runtime/net/resolve.h"
#include "runtime/net/socket.h"

namespace taskscope::net {
namespace {

Error not_listening(std::string_view verb) {
  return {.message = std::string(verb) + ": not listening", .kind = ErrorKind::Closed};
}

// The host is missing: an IPv6 socket that takes IPv4, too; IPv4 alone where there is no IPv6.
Address any_ipv4(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  return {&address, sizeof address};
}

Result<Listener> listen_at(const Address& address, const ListenOptions& options, bool dual_stack,
                           const Site& site) {
  const std::string name = std::string(address.network()) + " " + address.to_string();
  NewSocket socket = make_socket(address.family());
  if (!socket.fd) return os_failure(socket.error, "listen on", name);
  const int fd = socket.fd.get();
  const int one = 1;
  const int only_ipv6 = dual_stack ? 0 : 1;
  bool ok = true;
  if (address.family() == AF_INET6) {
    ok = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6) == 0;
  }
  if (address.family() != AF_UNIX) {
    // A port that was in use a moment ago may be used again at once.
    ok = ok && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0;
  }
  ok = ok && ::bind(fd, address.raw(), address.size()) == 0;
  if (!ok || ::listen(fd, options.backlog) != 0) {
    const int error = base::os_error();
    Error failure = os_failure(error, "listen on", name);
    if (error == EADDRINUSE && address.family() == AF_UNIX) {
      failure.message += "; remove the file if no program listens there";
    }
    return failure;
  }
  const Address bound = local_address_of(fd);
  return Listener(DescriptorRef(Descriptor::make(
      std::move(socket.fd), std::string(bound.network()) + " " + bound.to_string(), {}, site)));
}

Result<Listener> listen_at_any_of(const Result<std::vector<Address>>& found,
                                  std::string_view address, ListenOptions options,
                                  const Site& site) {
  if (!found) return found.error();
  const bool any = !address.empty() && address[0] == ':';
  Result<Listener> listener =
      Error{.message = "listen on " + std::string(address) + ": the name has no address"};
  for (const Address& candidate : *found) {
    listener = listen_at(candidate, options, any, site);
    if (listener) return listener;
  }
  if (any && listener.error().os_error == EAFNOSUPPORT) {
    return listen_at(any_ipv4((*found)[0].port()), options, false, site);
  }
  return listener;
}

}  // namespace

Result<Conn> Listener::accept_for(const Caller& caller) const {
  if (!descriptor_) return not_listening("accept");
  sockaddr_storage remote{};
  socklen_t size = 0;
  const Attempt got = descriptor_->perform(PollMode::Read, caller, [&remote, &size](int listener) {
    for (;;) {
      size = sizeof remote;
      const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&remote), &size,
                               SOCK_NONBLOCK | SOCK_CLOEXEC);
      // Somebody came and left before we looked: the next one, please.
      if (fd < 0 && base::os_error() == ECONNABORTED) continue;
      return fd;
    }
  });
  if (!got.ok()) return to_error(got, "accept on", name());
  base::UniqueFd fd(static_cast<int>(got.value));
  return Conn(adopt_connection(std::move(fd), Address(&remote, size), caller.site));
}

Result<void> Listener::close(Site site) const {
  if (!descriptor_) return not_listening("close");
  const Address where = address();
  if (!descriptor_->close(site)) return to_error({.result = PollResult::Closed}, "close", name());
  const std::string path = where.network() == "unix" ? where.to_string() : "";
  if (!path.empty() && path[0] != '@') ::unlink(path.c_str());
  return {};
}

void Listener::set_deadline(TimePoint deadline) const {
  if (!descriptor_) return;
  descriptor_->set_deadline(PollMode::Read, deadline.time_since_epoch().count());
}

Address Listener::address() const { return address_of(descriptor_, local_address_of); }

std::string_view Listener::name() const {
  return descriptor_ ? std::string_view(descriptor_->name()) : "not listening";
}

Result<Listener> listen_tcp(std::string_view address, ListenOptions options, Site site) {
  return listen_at_any_of(resolve(address, site), address, options, site);
}

Result<Listener> listen_tcp(const Context& context, std::string_view address, ListenOptions options,
                            Site site) {
  return listen_at_any_of(resolve(context, address, site), address, options, site);
}

Result<Listener> listen_unix(std::string_view path, ListenOptions options, Site site) {
  const Result<Address> address = Address::unix_path(path);
  if (!address) return address.error();
  return listen_at(*address, options, false, site);
}

}  // namespace taskscope::net
