#include "runtime/net/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "runtime/base/os_error.h"
#include "runtime/channel/chan.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/blocking.h"
#include "runtime/sched/go.h"
#include "runtime/sched/poll_desc.h"

namespace taskscope::net {
namespace {

using Addresses = Result<std::vector<Address>>;

Error failure(std::string_view text, std::string_view why, ErrorKind kind, int os_error = 0) {
  Error error{.message = "look up ", .kind = kind, .os_error = os_error};
  error.message.append(text).append(": ").append(why);
  return error;
}

// REQUIRES: `context` is done.
Error given_up(const Context& context, std::string_view text) {
  return to_error({.result = PollResult::Cancelled, .context = &context}, "look up", text);
}

Addresses look_up(const HostAndPort& parts, std::string_view text, const Site& site) {
  const addrinfo hints{.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  int status = 0;
  int error = 0;
  blocking_long(
      [&] {
        status = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &list);
        error = base::os_error();
      },
      site);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned(list, [](addrinfo* first) {
    if (first != nullptr) freeaddrinfo(first);
  });
  if (status == EAI_SYSTEM) {
    return failure(text, std::generic_category().message(error), ErrorKind::Other, error);
  }
  if (status != 0) return failure(text, gai_strerror(status), ErrorKind::Other);
  std::vector<Address> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    addresses.emplace_back(entry->ai_addr, entry->ai_addrlen);
  }
  return addresses;
}

// Calls `find(parts)` unless the text is numbers already.
template <class F>
Addresses with_parts(std::string_view text, F find) {
  Result<HostAndPort> parts = split_host_port(text);
  if (!parts) return parts.error();
  if (Result<Address> numbers = Address::parse(text)) return std::vector<Address>{*numbers};
  return find(std::move(*parts));
}

// The resolver cannot be stopped: where the caller may give up, a task of its own waits for it.
Addresses look_up_for(const Context& context, HostAndPort parts, std::string_view text,
                      const Site& site) {
  if (context.done_core() == nullptr) return look_up(parts, text, site);
  if (context.err()) return given_up(context, text);
  auto answer = make_chan<Addresses>(1, site);
  go(
      "look up",
      [answer, site, parts = std::move(parts), asked = std::string(text)] {
        answer.send(look_up(parts, asked, site), site);
      },
      site);
  Result<Addresses> found = answer.recv(context, site);
  if (!found) return given_up(context, text);
  return std::move(*found);
}

}  // namespace

Addresses resolve(std::string_view text, Site site) { return resolve(background(), text, site); }

Addresses resolve(const Context& context, std::string_view text, Site site) {
  return with_parts(
      text, [&](HostAndPort parts) { return look_up_for(context, std::move(parts), text, site); });
}

Addresses resolve_until(const Context& context, std::int64_t deadline_ns, std::string_view text,
                        const Site& site) {
  if (deadline_ns == sched::PollDesc::kNoDeadline) return resolve(context, text, site);
  return with_parts(text, [&](HostAndPort parts) -> Addresses {
    const auto [timed, cancel] =
        with_deadline(context, TimePoint(std::chrono::nanoseconds(deadline_ns)), site);
    Addresses found = look_up_for(timed, std::move(parts), text, site);
    // The resolver's own failures are of another kind.
    if (found || found.error().kind != ErrorKind::Timeout) return found;
    if (context.err()) return given_up(context, text);
    return failure(text, "the deadline has passed", ErrorKind::Timeout);
  });
}

}  // namespace taskscope::net
