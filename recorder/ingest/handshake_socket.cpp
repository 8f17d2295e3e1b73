#include "recorder/ingest/handshake_socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace taskscope::ingest {

using trace_format::Hello;
using trace_format::MessageHeader;
using trace_format::MessageType;
using trace_format::RingOffer;

namespace {

constexpr std::size_t kDescriptorsMax = 4;  // one is right; more are closed

struct Packet {
  std::array<std::byte, sizeof(Hello) + 1> bytes;
  std::size_t size = 0;
  bool cut = false;
  base::UniqueFd descriptor;  // the first
};

void take_descriptors(msghdr& header, Packet& packet) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
      base::UniqueFd owned(fd);
      if (!packet.descriptor) packet.descriptor = std::move(owned);
    }
  }
}

// False if nothing waits; a closed socket gives an empty packet.
bool read_packet(int socket, Packet& packet) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control;
  iovec data{packet.bytes.data(), packet.bytes.size()};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t size;
  do {
    size = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno != EAGAIN && errno != EWOULDBLOCK;
  packet.size = static_cast<std::size_t>(size);
  packet.cut = header.msg_flags & (MSG_TRUNC | MSG_CTRUNC);
  take_descriptors(header, packet);
  return true;
}

std::string wrong_version(const std::string& program, unsigned theirs, unsigned ours) {
  return program + " speaks trace format " + std::to_string(theirs) + ", this taskscope reads " +
         std::to_string(ours) + ": " +
         (theirs > ours ? "update taskscope." : "build the program anew with this version.");
}

template <class T>
bool read_as(std::span<const std::byte> packet, T& out) {
  if (packet.size() != sizeof(T)) return false;
  std::memcpy(static_cast<void*>(&out), packet.data(), sizeof(T));
  return true;
}

}  // namespace

HandshakeSocket::Received HandshakeSocket::receive(Message& out, std::string& why) {
  if (!socket_) return Received::Nothing;
  Packet packet;
  if (!read_packet(socket_.get(), packet)) return Received::Nothing;
  if (packet.size == 0 && !packet.descriptor) {
    close();
    return Received::Closed;
  }
  const std::span<const std::byte> bytes(packet.bytes);
  const Received received = parse_message(bytes.first(packet.cut ? 0 : packet.size), out, why);
  // A descriptor that came with anything else is closed.
  if (received == Received::Message && out.type == MessageType::RingOffer) {
    out.memory = std::move(packet.descriptor);
  }
  return received;
}

HandshakeSocket::Received parse_message(std::span<const std::byte> packet, Message& out,
                                        std::string& why) {
  using Received = HandshakeSocket::Received;
  why = "The program sent something that is no message of the trace protocol; it was skipped.";
  MessageHeader header;
  if (packet.size() < sizeof header) return Received::Junk;
  std::memcpy(static_cast<void*>(&header), packet.data(), sizeof header);
  if (header.magic != trace_format::kHandshakeMagic) return Received::Junk;
  if (header.version != trace_format::kProtocolVersion) {
    why = wrong_version("The program", header.version, trace_format::kProtocolVersion);
    return Received::WrongVersion;
  }
  out.type = header.type;
  switch (header.type) {
    case MessageType::Hello: {
      if (!read_as(packet, out.hello)) return Received::Junk;
      out.hello.program[sizeof out.hello.program - 1] = 0;
      const unsigned major = out.hello.format_major;
      if (major != trace_format::kFormatMajor) {
        why = wrong_version(out.hello.program, major, trace_format::kFormatMajor);
        return Received::WrongVersion;
      }
      const auto source = out.hello.tick_source;
      const bool known =
          source == base::TickSource::Hardware || source == base::TickSource::MonotonicNs;
      return known ? Received::Message : Received::Junk;
    }
    case MessageType::RingOffer:
      return read_as(packet, out.offer) ? Received::Message : Received::Junk;
    case MessageType::Bye:
      return read_as(packet, out.bye) ? Received::Message : Received::Junk;
    case MessageType::Refused: {
      trace_format::Refused refused;
      if (!read_as(packet, refused)) return Received::Junk;
      refused.reason[sizeof refused.reason - 1] = 0;
      out.refusal = refused.reason;
      return Received::Message;
    }
    case MessageType::Request:
    case MessageType::Info:
    case MessageType::Detach:
      break;
  }
  return Received::Junk;
}

bool HandshakeSocket::send_detach() {
  const trace_format::Detach detach;
  return ::send(socket_.get(), &detach, sizeof detach, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         sizeof detach;
}

}  // namespace taskscope::ingest
