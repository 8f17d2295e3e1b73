// What connections and listeners have in common: making sockets and naming them. Internal to this
// folder; any task.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/net/address.h"
#include "runtime/net/descriptor.h"

namespace taskscope::net {

// A stream socket that does not block and that children do not inherit; errno without one.
struct NewSocket {
  base::UniqueFd fd;
  int error = 0;
};
NewSocket make_socket(int family);

// TCP is quick to answer by default, as in Go: no waiting for more to send.
void prepare_connected(int fd, int family);

Address local_address_of(int fd);
Address remote_address_of(int fd);
// The same of a descriptor that may be closed or none at all: an empty address then.
Address address_of(const DescriptorRef& descriptor, Address (*end_of)(int fd));

// "tcp 127.0.0.1:80->127.0.0.1:4242"; one address alone where the other end has none.
std::string connection_name(const Address& local, const Address& remote);

// An open connection as a descriptor. REQUIRES: called by a task.
DescriptorRef adopt_connection(base::UniqueFd fd, const Address& remote, const base::Site& made_at);

}  // namespace taskscope::net
