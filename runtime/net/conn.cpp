#include "runtime/net/conn.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "runtime/net/socket.h"

namespace taskscope::net {
namespace {

// Parts handed to the kernel at once (its own limit, IOV_MAX, is 1,024).
constexpr std::size_t kPartsAtOnce = 64;

Error no_connection(std::string_view verb) {
  return {.message = std::string(verb) + ": no connection", .kind = ErrorKind::Closed};
}

Error end_of_stream(std::string_view verb, std::string_view name, const std::string& where) {
  Error error{.kind = ErrorKind::EndOfFile};
  error.message.append(verb).append(" ").append(name).append(": end of stream").append(where);
  return error;
}

// Walks over the parts of a writev, of which some bytes may have been written.
class PartCursor {
 public:
  explicit PartCursor(std::span<const Bytes> parts) : parts_(parts) { skip_empty(); }

  bool done() const { return parts_.empty(); }

  // The next parts as the kernel takes them; how many.
  std::size_t fill(std::array<iovec, kPartsAtOnce>& out) const {
    const std::size_t count = std::min(parts_.size(), out.size());
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes part = i == 0 ? parts_[0].from(offset_) : parts_[i];
      // The kernel's structure serves reading, too, and so has no const.
      out[i] = {.iov_base = const_cast<std::byte*>(part.data()), .iov_len = part.size()};
    }
    return count;
  }

  void advance(std::size_t bytes) {
    while (bytes > 0) {
      const std::size_t step = std::min(bytes, parts_[0].size() - offset_);
      bytes -= step;
      offset_ += step;
      if (offset_ == parts_[0].size()) next();
    }
    skip_empty();
  }

 private:
  void next() {
    parts_ = parts_.subspan(1);
    offset_ = 0;
  }
  void skip_empty() {
    while (!parts_.empty() && offset_ == 0 && parts_[0].empty()) next();
  }

  std::span<const Bytes> parts_;
  std::size_t offset_ = 0;  // in the first part
};

}  // namespace

// ---- Reading -----------------------------------------------------------------------------------

Result<std::size_t> Conn::read_for(const Caller& caller, MutableBytes buffer) const {
  if (!descriptor_) return no_connection("read");
  const Attempt got = descriptor_->perform(PollMode::Read, caller, [buffer](int fd) {
    return ::recv(fd, buffer.data(), buffer.size(), 0);
  });
  if (!got.ok()) [[unlikely]]
    return to_error(got, "read", name());
  if (got.value == 0 && !buffer.empty()) return end_of_stream("read", name(), "");
  return static_cast<std::size_t>(got.value);
}

Result<void> Conn::read_full_for(const Caller& caller, MutableBytes buffer) const {
  if (!descriptor_) return no_connection("read");
  std::size_t done = 0;
  const Attempt got = descriptor_->perform(PollMode::Read, caller, [buffer, &done](int fd) {
    while (done < buffer.size()) {
      const ssize_t count = ::recv(fd, buffer.data() + done, buffer.size() - done, 0);
      if (count <= 0) return count;
      done += static_cast<std::size_t>(count);
    }
    return ssize_t{1};
  });
  if (!got.ok()) [[unlikely]]
    return to_error(got, "read", name());
  if (got.value == 0) {
    return end_of_stream(
        "read", name(),
        " after " + std::to_string(done) + " of " + std::to_string(buffer.size()) + " bytes");
  }
  return {};
}

// ---- Writing -----------------------------------------------------------------------------------

Result<std::size_t> Conn::write_for(const Caller& caller, Bytes bytes) const {
  if (!descriptor_) return no_connection("write");
  const Attempt put = descriptor_->perform(PollMode::Write, caller, [bytes](int fd) {
    return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  });
  if (!put.ok()) [[unlikely]]
    return to_error(put, "write", name());
  return static_cast<std::size_t>(put.value);
}

Result<void> Conn::write_all_for(const Caller& caller, Bytes bytes) const {
  if (!descriptor_) return no_connection("write");
  std::size_t done = 0;
  const Attempt put = descriptor_->perform(PollMode::Write, caller, [bytes, &done](int fd) {
    while (done < bytes.size()) {
      const ssize_t count = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (count < 0) return count;
      done += static_cast<std::size_t>(count);
    }
    return ssize_t{0};
  });
  if (!put.ok()) [[unlikely]]
    return to_error(put, "write", name());
  return {};
}

Result<void> Conn::writev_for(const Caller& caller, std::span<const Bytes> parts) const {
  if (!descriptor_) return no_connection("write");
  PartCursor cursor(parts);
  const Attempt put = descriptor_->perform(PollMode::Write, caller, [&cursor](int fd) {
    while (!cursor.done()) {
      std::array<iovec, kPartsAtOnce> vectors;
      msghdr message{};
      message.msg_iov = vectors.data();
      message.msg_iovlen = cursor.fill(vectors);
      const ssize_t count = ::sendmsg(fd, &message, MSG_NOSIGNAL);
      if (count < 0) return count;
      cursor.advance(static_cast<std::size_t>(count));
    }
    return ssize_t{0};
  });
  if (!put.ok()) [[unlikely]]
    return to_error(put, "write", name());
  return {};
}

// ---- The connection itself ---------------------------------------------------------------------

Result<void> Conn::close_write() const {
  if (!descriptor_) return no_connection("close");
  const Attempt result = descriptor_->with_fd([](int fd) { return ::shutdown(fd, SHUT_WR); });
  if (!result.ok()) return to_error(result, "close for writing", name());
  return {};
}

Result<void> Conn::close(Site site) const {
  if (!descriptor_) return no_connection("close");
  if (!descriptor_->close(site)) return to_error({.result = PollResult::Closed}, "close", name());
  return {};
}

void Conn::set_deadline(TimePoint deadline) const {
  set_read_deadline(deadline);
  set_write_deadline(deadline);
}

void Conn::set_read_deadline(TimePoint deadline) const {
  if (!descriptor_) return;
  descriptor_->set_deadline(PollMode::Read, deadline.time_since_epoch().count());
}

void Conn::set_write_deadline(TimePoint deadline) const {
  if (!descriptor_) return;
  descriptor_->set_deadline(PollMode::Write, deadline.time_since_epoch().count());
}

Result<void> Conn::set_no_delay(bool no_delay) const {
  if (!descriptor_) return no_connection("set no-delay");
  const Attempt result = descriptor_->with_fd([no_delay](int fd) {
    const int value = no_delay ? 1 : 0;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
  });
  if (!result.ok()) return to_error(result, "set no-delay", name());
  return {};
}

Address Conn::local_address() const { return address_of(descriptor_, local_address_of); }

Address Conn::remote_address() const { return address_of(descriptor_, remote_address_of); }

std::string_view Conn::name() const {
  return descriptor_ ? std::string_view(descriptor_->name()) : "no connection";
}

}  // namespace taskscope::net
