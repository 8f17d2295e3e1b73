// The recorder's end of the socket over which a program says hello and hands over its rings.
//
// Messages are checked for size, magic and version before anything in them is believed; descriptors
// that come with them are owned at once, so that junk cannot leak any. Never blocks. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {

struct Message {
  trace_format::MessageType type{};
  trace_format::Hello hello;
  trace_format::RingOffer offer;
  base::UniqueFd memory;  // of an offered ring
  trace_format::Bye bye;
  std::string refusal;  // a sentence
};

class HandshakeSocket {
 public:
  HandshakeSocket() = default;
  // `socket` is a connected SOCK_SEQPACKET socket.
  explicit HandshakeSocket(base::UniqueFd socket) : socket_(std::move(socket)) {}

  // Nothing: no message waits. Closed: nobody holds the other end. Junk: skipped, `why` says what
  // it was. WrongVersion: program and recorder cannot talk, `why` is a sentence for the person.
  enum class Received : std::uint8_t { Message, Nothing, Closed, Junk, WrongVersion };
  Received receive(Message& out, std::string& why);

  // Asks the program to end the recording; its answer is Bye. False if it does not take it.
  bool send_detach();

  int fd() const { return socket_.get(); }
  void close() { socket_.reset(); }

 private:
  base::UniqueFd socket_;
};

// What a packet says, however it came. `out.memory` is left alone.
HandshakeSocket::Received parse_message(std::span<const std::byte> packet, Message& out,
                                        std::string& why);

}  // namespace taskscope::ingest
