#include "recorder/ingest/visitors.h"

#include <algorithm>

#include "runtime/base/peer.h"

namespace taskscope::ingest {
namespace {

constexpr std::size_t kNotesMax = 20;
constexpr int kMessagesMax = 64;       // before a hello
constexpr std::size_t kPerRound = 64;  // a storm must not keep the rings from being read

}  // namespace

// Each sentence once: a storm says the same again and again.
void Visitors::note(std::string sentence) {
  const bool known = std::find(notes_.begin(), notes_.end(), sentence) != notes_.end();
  if (!known && notes_.size() < kNotesMax) notes_.push_back(std::move(sentence));
}

void Visitors::expect(base::UniqueFd socket) {
  const auto peer = base::peer_of(socket.get());
  visitors_.push_back({.socket = HandshakeSocket(std::move(socket)),
                       .pid = peer ? peer->pid : 0,
                       .expected = true});
}

Visitors::Door Visitors::let_in(const RecorderEndpoint& door, std::size_t room,
                                std::int64_t now_ns) {
  for (std::size_t i = 0; i < kPerRound; ++i) {
    if (i == room) return Door::NoRoom;
    RecorderEndpoint::Caller caller;
    switch (door.accept(caller)) {
      case RecorderEndpoint::Accepted::Connection:
        break;
      case RecorderEndpoint::Accepted::Nothing:
        return Door::Empty;
      case RecorderEndpoint::Accepted::Stranger:
        note("A process of another user wanted to be recorded; it was refused.");
        continue;
      case RecorderEndpoint::Accepted::Full:
        note("A program waited to be recorded until the recorder had a file descriptor for it.");
        return Door::NoRoom;
    }
    visitors_.push_back({.socket = HandshakeSocket(std::move(caller.socket)),
                         .pid = caller.pid,
                         .since_ns = now_ns});
  }
  return Door::MayBeMore;
}

bool Visitors::hear(Visitor& visitor, std::vector<Arrival>& arrivals) {
  for (;;) {
    Message message;
    std::string why;
    switch (visitor.socket.receive(message, why)) {
      case HandshakeSocket::Received::Nothing:
        return false;
      case HandshakeSocket::Received::Closed:
        return true;
      case HandshakeSocket::Received::WrongVersion:
        refusals_.push_back({std::move(why), visitor.pid});
        return true;
      case HandshakeSocket::Received::Junk:
        note(std::move(why));
        break;
      case HandshakeSocket::Received::Message:
        if (message.type == trace_format::MessageType::Hello) {
          arrivals.push_back({std::move(visitor.socket), message.hello, visitor.pid});
          return true;
        }
        if (message.type == trace_format::MessageType::Refused) {
          refusals_.push_back({"Cannot attach: " + message.refusal, visitor.pid});
          return true;
        }
        if (message.type == trace_format::MessageType::Bye) return true;
        note("A ring was offered before the program said hello; it was skipped.");
        break;
    }
    if (++visitor.messages < kMessagesMax) continue;
    note("Somebody had much to say and no hello among it; that connection was closed.");
    return true;
  }
}

std::vector<Visitors::Arrival> Visitors::hear(std::int64_t now_ns) {
  std::vector<Arrival> arrivals;
  std::erase_if(visitors_, [&](Visitor& visitor) { return hear(visitor, arrivals); });
  const std::int64_t patience_ns = visitors_.size() > kCrowd ? kCrowdedPatienceNs : kPatienceNs;
  const std::size_t silent = std::erase_if(visitors_, [&](const Visitor& visitor) {
    return !visitor.expected && now_ns - visitor.since_ns >= patience_ns;
  });
  if (silent > 0) note("Somebody connected and said nothing; that connection was closed.");
  return arrivals;
}

void Visitors::leave() {
  for (Visitor& visitor : visitors_) {
    // Who does not take it has gone.
    static_cast<void>(visitor.socket.send_detach());
  }
}

std::vector<int> Visitors::descriptors() const {
  std::vector<int> descriptors;
  for (const Visitor& visitor : visitors_) descriptors.push_back(visitor.socket.fd());
  return descriptors;
}

}  // namespace taskscope::ingest
