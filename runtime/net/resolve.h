// ts::net::resolve: the addresses that a name stands for.
//
//   ts::Result<std::vector<ts::net::Address>> found = ts::net::resolve(ctx, "example.org:https");
//
// The system's resolver does it: it blocks a thread, not the worker. Tasks only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/net/address.h"

namespace taskscope::net {

// The addresses of "localhost:80" or "example.org:https", in the order in which to try them; of
// numbers, that one.
Result<std::vector<Address>> resolve(std::string_view text, Site site = Site::here());

// The same, but given up, with an error of context.error()'s kind, if `context` is done first, or
// already. The resolver cannot be stopped: a task of its own, "look up", waits for it then.
Result<std::vector<Address>> resolve(const Context& context, std::string_view text,
                                     Site site = Site::here());

// The same, with an error of the kind Timeout once `deadline_ns` of the run's clock has passed.
Result<std::vector<Address>> resolve_until(const Context& context, std::int64_t deadline_ns,
                                           std::string_view text, const Site& site);

}  // namespace taskscope::net
