// Who is at the other end of a Unix socket, as the kernel knows it.
//
// Any thread.
#pragma once

#include <sys/types.h>

#include <optional>

namespace taskscope::base {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;

  // Whether it may be talked to: a process of the user that this one acts for.
  bool is_own_user() const;
};

// None if `socket` is no connection over which that can be asked.
std::optional<Peer> peer_of(int socket);

}  // namespace taskscope::base
