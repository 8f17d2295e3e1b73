#include "runtime/net/dial.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/os_error.h"
#include "runtime/net/resolve.h"
#include "runtime/net/socket.h"
#include "runtime/sched/timer.h"

namespace taskscope::net {
namespace {

constexpr std::int64_t kNoDeadline = sched::PollDesc::kNoDeadline;
// An address that does not answer may be slow only: as in Go, it gets this long if there is time.
constexpr std::int64_t kShareAtLeastNs = 2'000'000'000;

// Starts to connect at the first call, then asks how it went. 0, or -1 and errno; EAGAIN: under
// way.
class Connecting {
 public:
  explicit Connecting(const Address& address) : address_(address) {}

  int operator()(int fd) {
    if (!std::exchange(started_, true)) {
      if (::connect(fd, address_.raw(), address_.size()) == 0) return 0;
      // A Unix socket says EAGAIN when the listener's queue is full, and never more than that.
      if (base::os_error() == EAGAIN) base::set_os_error(EBUSY);
      if (base::os_error() == EINPROGRESS || base::os_error() == EINTR) base::set_os_error(EAGAIN);
      return -1;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -1;
    if (error == 0) {
      // Woken without an error and without a connection: not yet.
      sockaddr_storage peer{};
      socklen_t peer_size = sizeof peer;
      if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) return 0;
      error = EAGAIN;
    }
    base::set_os_error(error);
    return -1;
  }

 private:
  const Address& address_;
  bool started_ = false;
};

Result<Conn> connect_to(const Address& address, std::int64_t deadline_ns, const Caller& caller) {
  const std::string name = std::string(address.network()) + " " + address.to_string();
  NewSocket socket = make_socket(address.family());
  if (!socket.fd) return os_failure(socket.error, "dial", name);
  const DescriptorRef pending(Descriptor::make(std::move(socket.fd), name, {}, caller.site));
  if (deadline_ns != kNoDeadline) pending->set_deadline(PollMode::Write, deadline_ns);
  const Attempt attempt = pending->perform(PollMode::Write, caller, Connecting(address));
  if (!attempt.ok()) {
    Error error = to_error(attempt, "dial", name);
    if (error.os_error == ECONNREFUSED) error.message += "; is the server running there?";
    return error;
  }
  return Conn(adopt_connection(pending->take_fd(), address, caller.site));
}

Result<Conn> dial_all(const std::vector<Address>& addresses, std::string_view text,
                      std::int64_t deadline_ns, const Caller& caller) {
  Result<Conn> result = Error{.message = "dial " + std::string(text) + ": the name has no address"};
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    std::int64_t until = deadline_ns;
    if (deadline_ns != kNoDeadline) {
      const std::int64_t now = sched::now_ns();
      const std::int64_t left = deadline_ns - now;
      const auto others = static_cast<std::int64_t>(addresses.size() - i);
      until = now + std::min(left, std::max(left / others, kShareAtLeastNs));
    }
    Result<Conn> conn = connect_to(addresses[i], until, caller);
    // Nobody wants the other addresses any more.
    if (conn || (caller.done != nullptr && caller.done->closed())) return conn;
    // The first address is the one that people mean.
    if (i == 0) result = std::move(conn);
    if (deadline_ns != kNoDeadline && sched::now_ns() >= deadline_ns) break;
  }
  return result;
}

std::int64_t deadline_of(const DialOptions& options) {
  return options.timeout.count() > 0 ? sched::deadline_after(options.timeout.count()) : kNoDeadline;
}

Result<Conn> dial_tcp_for(const Context& context, std::string_view address,
                          const DialOptions& options, const Site& site) {
  const std::int64_t deadline_ns = deadline_of(options);
  const Result<std::vector<Address>> found = resolve_until(context, deadline_ns, address, site);
  if (!found) return found.error();
  return dial_all(*found, address, deadline_ns, {site, &context});
}

Result<Conn> dial_unix_for(const Caller& caller, std::string_view path,
                           const DialOptions& options) {
  const Result<Address> address = Address::unix_path(path);
  if (!address) return address.error();
  return dial_all({*address}, path, deadline_of(options), caller);
}

}  // namespace

Result<Conn> dial_tcp(std::string_view address, DialOptions options, Site site) {
  return dial_tcp_for(background(), address, options, site);
}

Result<Conn> dial_tcp(const Context& context, std::string_view address, DialOptions options,
                      Site site) {
  return dial_tcp_for(context, address, options, site);
}

Result<Conn> dial_unix(std::string_view path, DialOptions options, Site site) {
  return dial_unix_for({site}, path, options);
}

Result<Conn> dial_unix(const Context& context, std::string_view path, DialOptions options,
                       Site site) {
  return dial_unix_for({site, &context}, path, options);
}

}  // namespace taskscope::net
