#include "runtime/base/peer.h"

#include <sys/socket.h>
#include <unistd.h>

namespace taskscope::base {

bool Peer::is_own_user() const { return uid == geteuid(); }

std::optional<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return std::nullopt;
  return Peer{.pid = credentials.pid, .uid = credentials.uid};
}

}  // namespace taskscope::base
