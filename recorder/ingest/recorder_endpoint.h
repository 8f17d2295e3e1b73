// RecorderEndpoint: where the programs that are to be recorded say hello, a listening socket in the
// user's own folder (attach_place.h), whose path they find in their environment.
//
// Only processes of the same user are let in, and a connection of theirs is still a stranger's
// until it has said hello. Owned by the Recorder; its thread.
#pragma once

#include <sys/types.h>

#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::ingest {

class RecorderEndpoint {
 public:
  // Takes away on its way what killed recorders left behind. Fails if the user has no such folder.
  static Result<RecorderEndpoint> open();

  RecorderEndpoint(RecorderEndpoint&& other) noexcept;
  RecorderEndpoint& operator=(RecorderEndpoint&&) = delete;
  // Closes it.
  ~RecorderEndpoint() { close(); }

  struct Caller {
    base::UniqueFd socket;
    pid_t pid = 0;  // of the process that connected
  };
  // Connection: `out` is one of this user's. Stranger: somebody else's was refused. Full: this
  // process has no descriptor left, and the connection goes on waiting. Does not wait.
  enum class Accepted { Connection, Nothing, Stranger, Full };
  Accepted accept(Caller& out) const;
  // Nobody is let in any more.
  void close();

  const std::string& path() const { return path_; }
  int fd() const { return socket_.get(); }

 private:
  RecorderEndpoint(base::UniqueFd socket, std::string path)
      : socket_(std::move(socket)), path_(std::move(path)) {}

  base::UniqueFd socket_;
  std::string path_;
};

}  // namespace taskscope::ingest
