// ts::net::Listener: a place where connections arrive, TCP or Unix.
//
//   ts::Result<ts::net::Listener> listener = ts::net::listen_tcp("127.0.0.1:0");
//   if (!listener) return report(listener.error().message);
//   while (ts::Result<ts::net::Conn> conn = listener->accept()) {
//     ts::go("connection", [conn = *conn] { serve(conn); });
//   }
//
//   ts::Result<ts::net::Listener> local = ts::net::listen_unix("@service", {.backlog = 16});
//   if (!local) return report(local.error().message);
//   local->set_deadline(ts::now() + 1min);  // accept() fails with Timeout from then on
//   log(local->address().to_string());
//
// A cheap shared handle, as Conn. Several tasks may accept at once; they take turns.
#pragma once

#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/net/address.h"
#include "runtime/net/conn.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/clock.h"

namespace taskscope::net {

class Listener {
 public:
  Listener() = default;  // listens nowhere: every call fails with Closed

  // The next connection; waits for it. Closed once close() has been called. Out of descriptors
  // (os_error EMFILE or ENFILE) the connection stays where it is: close some, then try again.
  Result<Conn> accept(Site site = Site::here()) const { return accept_for({site}); }
  // The same, but given up, with an error of context.error()'s kind, if `context` is done first, or
  // already.
  Result<Conn> accept(const Context& context, Site site = Site::here()) const {
    return accept_for({site, &context});
  }

  // Ends it, also for tasks that wait in accept(). Connections that nobody has accepted are reset.
  // The path of a Unix socket is removed.
  Result<void> close(Site site = Site::here()) const;

  // accept() fails with Timeout from then on; Conn::kNoDeadline: never.
  void set_deadline(TimePoint deadline) const;

  // Where it listens, with the port that the system has chosen for ":0". Empty once it is closed.
  Address address() const;
  // For messages: "tcp 127.0.0.1:80".
  std::string_view name() const;
  explicit operator bool() const { return static_cast<bool>(descriptor_); }

  // For the functions that make listeners.
  explicit Listener(DescriptorRef descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Result<Conn> accept_for(const Caller& caller) const;

  DescriptorRef descriptor_;  // shared: with the tasks that accept
};

struct ListenOptions {
  // Connections that wait to be accepted; the system has a limit of its own
  // (net.core.somaxconn).
  int backlog = 4096;
};

// Listens on "127.0.0.1:8080", "[::1]:8080", "localhost:8080" or, on all interfaces, ":8080". Port
// 0 lets the system choose. Of a name with several addresses the first that works is taken.
Result<Listener> listen_tcp(std::string_view address, ListenOptions options = {},
                            Site site = Site::here());
// The same, but given up, with an error of context.error()'s kind, if `context` is done before a
// name has been looked up.
Result<Listener> listen_tcp(const Context& context, std::string_view address,
                            ListenOptions options = {}, Site site = Site::here());

// Listens at a path (or "@name"). A socket that a dead program has left there must be removed
// first: this function does not guess whether somebody still uses it.
Result<Listener> listen_unix(std::string_view path, ListenOptions options = {},
                             Site site = Site::here());

}  // namespace taskscope::net
