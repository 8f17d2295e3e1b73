#include "runtime/net/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "runtime/base/os_error.h"

namespace taskscope::net {

NewSocket make_socket(int family) {
  NewSocket result{
      .fd = base::UniqueFd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))};
  if (!result.fd) result.error = base::os_error();
  return result;
}

void prepare_connected(int fd, int family) {
  if (family == AF_UNIX) return;
  const int one = 1;
  // Best effort: without it the connection works, only later.
  static_cast<void>(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
}

Address local_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return {&address, size};
}

Address remote_address_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return {&address, size};
}

Address address_of(const DescriptorRef& descriptor, Address (*end_of)(int fd)) {
  Address address;
  if (!descriptor) return address;
  descriptor->with_fd([&address, end_of](int fd) {
    address = end_of(fd);
    return 0;
  });
  return address;
}

std::string connection_name(const Address& local, const Address& remote) {
  std::string name(local.size() != 0 ? local.network() : remote.network());
  const std::string from = local.to_string();
  const std::string to = remote.to_string();
  name.append(" ").append(from);
  if (!from.empty() && !to.empty()) name += "->";
  return name + to;
}

DescriptorRef adopt_connection(base::UniqueFd fd, const Address& remote,
                               const base::Site& made_at) {
  const Address local = local_address_of(fd.get());
  prepare_connected(fd.get(), local.family());
  return DescriptorRef(
      Descriptor::make(std::move(fd), connection_name(local, remote), {}, made_at));
}

}  // namespace taskscope::net
