// Plays the socket of a recorder: programs find it in the environment while it lives. One thread at
// a time.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "runtime/base/check.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/handshake.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::tests {

class ListeningSocket {
 public:
  ListeningSocket() : path_(folder_.file("recorder.sock")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    TASKSCOPE_CHECK(path_.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    socket_.reset(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    TASKSCOPE_CHECK(
        bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    TASKSCOPE_CHECK(listen(socket_.get(), 16) == 0);
    // setenv() would keep each of its values for ever, and tests of leaks would see it.
    static std::array<char, 256> variable;
    const std::string value = std::string(trace_format::kRecorderVariable) + '=' + path_;
    TASKSCOPE_CHECK(value.size() < variable.size());
    std::memcpy(variable.data(), value.c_str(), value.size() + 1);
    putenv(variable.data());
  }
  ~ListeningSocket() { unsetenv(trace_format::kRecorderVariable); }
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;

  // The next connection; none if nobody waits.
  base::UniqueFd accept() const {
    return base::UniqueFd(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  }
  // The recorder has gone, and the environment does not know.
  void close() { socket_.reset(); }

  const std::string& path() const { return path_; }

 private:
  TemporaryFolder folder_;
  std::string path_;
  base::UniqueFd socket_;
};

}  // namespace taskscope::tests
