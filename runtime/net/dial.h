// ts::net::dial_tcp and dial_unix: make a connection.
//
// Names are looked up by the system's resolver, off the worker; of several addresses each is tried
// in turn until one answers. Tasks only.
//
//   ts::Result<ts::net::Conn> conn = ts::net::dial_tcp(ctx, "example.org:80");
//   ts::Result<ts::net::Conn> soon = ts::net::dial_tcp("example.org:80", {.timeout = 2s});
//   ts::Result<ts::net::Conn> local = ts::net::dial_unix(ctx, "/run/service.socket");
#pragma once

#include <chrono>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/net/conn.h"

namespace taskscope::net {

struct DialOptions {
  // For the name and all its addresses together; each address gets an equal share of what is left,
  // but at least two seconds if there are as many. Zero: as long as the system tries.
  std::chrono::nanoseconds timeout{0};
};

// Connects to "127.0.0.1:80", "[::1]:80" or "example.org:80".
Result<Conn> dial_tcp(std::string_view address, DialOptions options = {}, Site site = Site::here());

// Connects to the Unix socket at a path (or "@name").
Result<Conn> dial_unix(std::string_view path, DialOptions options = {}, Site site = Site::here());

// The same, but given up, with an error of context.error()'s kind, if `context` is done first, or
// already.
Result<Conn> dial_tcp(const Context& context, std::string_view address, DialOptions options = {},
                      Site site = Site::here());
Result<Conn> dial_unix(const Context& context, std::string_view path, DialOptions options = {},
                       Site site = Site::here());

}  // namespace taskscope::net
