// AttachEndpoint: the door at which recorders knock: a listening socket where attach_place.h says,
// with a small JSON file beside it.
//
// Only processes of the same user are let in. Owned by one thread, which also closes it.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::instrument {

class AttachEndpoint {
 public:
  // An error says why this program cannot be attached to; nobody needs to hear it but who asks.
  static Result<AttachEndpoint> open(std::int64_t run_started_ns);

  AttachEndpoint(AttachEndpoint&&) noexcept = default;
  AttachEndpoint& operator=(AttachEndpoint&&) = delete;
  // Takes the files away.
  ~AttachEndpoint();

  int fd() const { return socket_.get(); }
  // The next connection of this user, and whose process it is; none if nobody waits, or if it was a
  // stranger's.
  struct Caller {
    base::UniqueFd socket;
    std::int64_t pid = 0;
  };
  Caller accept() const;

  // In the child of a fork: the files are the parent's.
  void forget() { socket_.reset(); }

 private:
  AttachEndpoint() = default;

  base::UniqueFd socket_;
  std::string socket_path_;
  std::string info_path_;
};

}  // namespace taskscope::instrument
