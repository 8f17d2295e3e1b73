// ts::os::Pipe: one end of a pipe to or from a child process.
//
// A shared handle with the rules of net::Conn: several tasks may use it, they take turns, close()
// ends the others' calls, errors name the pipe. No SIGPIPE: writing to a child that does not read
// any more is an error, EPIPE.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/net/bytes.h"
#include "runtime/net/descriptor.h"

namespace taskscope::os {

class Pipe {
 public:
  Pipe() = default;  // no pipe: every call fails with Closed
  explicit Pipe(net::DescriptorRef descriptor) : descriptor_(std::move(descriptor)) {}

  // At least one byte; EndOfFile when the other end is closed.
  Result<std::size_t> read(net::MutableBytes buffer, Site site = Site::here()) const {
    return read_for({site}, buffer);
  }
  // Everything up to the end.
  Result<std::string> read_all(Site site = Site::here()) const { return read_all_for({site}); }
  Result<void> write_all(net::Bytes bytes, Site site = Site::here()) const {
    return write_all_for({site}, bytes);
  }

  // The same, but given up, with an error of context.error()'s kind, if `context` is done first, or
  // already. What read_all had read is lost; of what write_all had to write, some may have been.
  Result<std::size_t> read(const Context& context, net::MutableBytes buffer,
                           Site site = Site::here()) const {
    return read_for({site, &context}, buffer);
  }
  Result<std::string> read_all(const Context& context, Site site = Site::here()) const {
    return read_all_for({site, &context});
  }
  Result<void> write_all(const Context& context, net::Bytes bytes, Site site = Site::here()) const {
    return write_all_for({site, &context}, bytes);
  }

  Result<void> close(Site site = Site::here()) const;

  explicit operator bool() const { return static_cast<bool>(descriptor_); }

 private:
  Result<std::size_t> read_for(const net::Caller& caller, net::MutableBytes buffer) const;
  Result<std::string> read_all_for(const net::Caller& caller) const;
  Result<void> write_all_for(const net::Caller& caller, net::Bytes bytes) const;

  net::DescriptorRef descriptor_;  // shared: with the tasks at work on it
};

}  // namespace taskscope::os
