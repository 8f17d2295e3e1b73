// ts::net::Conn: one end of a connection, TCP or Unix.
//
//   ts::Result<ts::net::Conn> conn = ts::net::dial_tcp("localhost:7");
//   if (!conn) return report(conn.error().message);
//   char answer[5];
//   if (auto sent = conn->write_all("hello"); !sent) return report(sent.error().message);
//   if (auto got = conn->read_full(answer); !got) return report(got.error().message);
//
//   void echo(const ts::Context& ctx, ts::net::Conn conn) {
//     log("from " + conn.remote_address().to_string() + " to " + conn.local_address().to_string());
//     static_cast<void>(conn.set_no_delay(false));
//     conn.set_read_deadline(ts::now() + 5s);
//     conn.set_write_deadline(ts::now() + 1s);
//     char buffer[4096];
//     ts::Result<std::size_t> got = conn.read(ctx, buffer);
//     if (!got) return report(got.error().message);
//     conn.set_deadline(ts::net::Conn::kNoDeadline);
//     const ts::net::Bytes parts[] = {"you said: ", {buffer, *got}};
//     if (auto sent = conn.writev(ctx, parts); !sent) return report(sent.error().message);
//     if (ts::Result<std::size_t> some = conn.write(ctx, "."); some) log("sent");
//     if (auto ended = conn.close_write(); !ended) report(ended.error().message);
//   }
//
// A Conn is a cheap shared handle; the connection ends with close() or with its last handle. Any
// number of tasks may use it at once: reads take turns among themselves, and so do writes, each
// call as a whole. A task that has to wait does not keep its worker.
//
// Errors name the connection and say what happened ("read tcp 127.0.0.1:80->127.0.0.1:4242:
// connection reset by peer"); their kind is what a program decides by:
//   EndOfFile  the other end will send no more      Closed     this program has closed it
//   Timeout    its deadline, or the context's, has passed
//   Cancelled  the context was cancelled
// No call ever raises SIGPIPE.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/net/address.h"
#include "runtime/net/bytes.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/clock.h"

namespace taskscope::net {

class Conn {
 public:
  Conn() = default;  // no connection: every call fails with Closed

  // What is there, at most `buffer`, at least one byte; waits for it. Never 0, unless the buffer is
  // empty: the end of the stream is an error, EndOfFile.
  Result<std::size_t> read(MutableBytes buffer, Site site = Site::here()) const {
    return read_for({site}, buffer);
  }
  // Exactly `buffer`. EndOfFile if the stream ends before.
  Result<void> read_full(MutableBytes buffer, Site site = Site::here()) const {
    return read_full_for({site}, buffer);
  }

  // As many of the bytes as find room now, at least one; waits for it.
  Result<std::size_t> write(Bytes bytes, Site site = Site::here()) const {
    return write_for({site}, bytes);
  }
  // All of them: waits as often as the other end falls behind.
  Result<void> write_all(Bytes bytes, Site site = Site::here()) const {
    return write_all_for({site}, bytes);
  }
  // All parts, one after another, in as few system calls as possible.
  Result<void> writev(std::span<const Bytes> parts, Site site = Site::here()) const {
    return writev_for({site}, parts);
  }

  // The same, but given up, with an error of context.error()'s kind, if `context` is done first, or
  // already. Of what write_all and writev had to write, some may have been.
  Result<std::size_t> read(const Context& context, MutableBytes buffer,
                           Site site = Site::here()) const {
    return read_for({site, &context}, buffer);
  }
  Result<void> read_full(const Context& context, MutableBytes buffer,
                         Site site = Site::here()) const {
    return read_full_for({site, &context}, buffer);
  }
  Result<std::size_t> write(const Context& context, Bytes bytes, Site site = Site::here()) const {
    return write_for({site, &context}, bytes);
  }
  Result<void> write_all(const Context& context, Bytes bytes, Site site = Site::here()) const {
    return write_all_for({site, &context}, bytes);
  }
  Result<void> writev(const Context& context, std::span<const Bytes> parts,
                      Site site = Site::here()) const {
    return writev_for({site, &context}, parts);
  }

  // No more will be written: the other end reads EndOfFile after what is under way.
  Result<void> close_write() const;
  // Ends the connection, also for tasks that wait in it: they get a Closed error. Returns when the
  // last of them has left. Closed if it was closed before.
  Result<void> close(Site site = Site::here()) const;

  // Reads, writes, or both fail with Timeout from `deadline` on, those that wait already included,
  // until another deadline is set.
  void set_deadline(TimePoint deadline) const;
  void set_read_deadline(TimePoint deadline) const;
  void set_write_deadline(TimePoint deadline) const;
  static constexpr TimePoint kNoDeadline = TimePoint::max();

  // TCP: false lets small writes wait to be sent together (Nagle). As in Go, it starts as true.
  Result<void> set_no_delay(bool no_delay) const;

  // Empty once it is closed.
  Address local_address() const;
  Address remote_address() const;
  // For messages: "tcp 127.0.0.1:80->127.0.0.1:4242".
  std::string_view name() const;
  explicit operator bool() const { return static_cast<bool>(descriptor_); }

  // For the functions that make connections.
  explicit Conn(DescriptorRef descriptor) : descriptor_(std::move(descriptor)) {}

 private:
  Result<std::size_t> read_for(const Caller& caller, MutableBytes buffer) const;
  Result<void> read_full_for(const Caller& caller, MutableBytes buffer) const;
  Result<std::size_t> write_for(const Caller& caller, Bytes bytes) const;
  Result<void> write_all_for(const Caller& caller, Bytes bytes) const;
  Result<void> writev_for(const Caller& caller, std::span<const Bytes> parts) const;

  DescriptorRef descriptor_;  // shared: with the tasks at work on the connection
};

}  // namespace taskscope::net
