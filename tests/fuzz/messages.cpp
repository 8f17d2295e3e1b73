// What a stranger says at the recorder's socket before the recorder knows it: packets of any length
// in any order. They are refused with a sentence or understood; who is let in has said hello in
// this version, and its name ends.
//
// Input: packets, each after its length in two bytes.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "recorder/ingest/visitors.h"
#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"

namespace {

using namespace taskscope;

// Calls `use` with each packet of the input.
template <class Use>
void for_each_packet(std::span<const std::byte> rest, Use use) {
  while (rest.size() >= 2) {
    std::uint16_t length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    rest = rest.subspan(2);
    const std::size_t bytes = std::min<std::size_t>(length, rest.size());
    use(rest.first(bytes));
    rest = rest.subspan(bytes);
  }
}

void check_hello(const trace_format::Hello& hello) {
  TASKSCOPE_CHECK(hello.header.version == trace_format::kProtocolVersion);
  TASKSCOPE_CHECK(hello.format_major == trace_format::kFormatMajor);
  TASKSCOPE_CHECK(std::memchr(hello.program, 0, sizeof hello.program) != nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  for_each_packet(input, [](std::span<const std::byte> packet) {
    ingest::Message message;
    std::string why;
    const auto received = ingest::parse_message(packet, message, why);
    if (received != ingest::HandshakeSocket::Received::Message) TASKSCOPE_CHECK(!why.empty());
  });

  std::array<int, 2> ends{};
  TASKSCOPE_CHECK(
      socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
  base::UniqueFd stranger(ends[0]);
  ingest::Visitors visitors;
  visitors.expect(base::UniqueFd(ends[1]));
  for_each_packet(input, [&](std::span<const std::byte> packet) {
    // What finds no room was not said.
    static_cast<void>(send(stranger.get(), packet.data(), packet.size(), MSG_NOSIGNAL));
    for (const auto& arrival : visitors.hear(0)) check_hello(arrival.hello);
  });
  stranger.reset();
  for (const auto& arrival : visitors.hear(0)) check_hello(arrival.hello);
  for (const auto& refusal : visitors.take_refusals()) TASKSCOPE_CHECK(!refusal.why.empty());
  TASKSCOPE_CHECK(visitors.size() == 0);
  return 0;
}
