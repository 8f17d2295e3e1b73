#include "recorder/ingest/recorder_endpoint.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "runtime/base/peer.h"
#include "runtime/trace_format/attach_place.h"

namespace taskscope::ingest {
namespace {

// What a script may start at once; the kernel takes fewer if its own limit is lower.
constexpr int kBacklog = 4096;

// Tells the endpoints of one process apart.
std::uint32_t next_number() {
  static std::atomic<std::uint32_t> numbers{0};
  return numbers.fetch_add(1, std::memory_order_relaxed);
}

Result<base::UniqueFd> listen_at(const std::string& path) {
  const auto failed = [&] {
    return Error{"Programs cannot be recorded at " + path + ": " + std::strerror(errno) + "."};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return failed();
  }
  std::memcpy(address.sun_path, path.c_str(), path.size());
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed();
  unlink(path.c_str());
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed();
  }
  if (chmod(path.c_str(), 0600) != 0 || listen(socket.get(), kBacklog) != 0) {
    const Error error = failed();
    unlink(path.c_str());
    return error;
  }
  return socket;
}

}  // namespace

Result<RecorderEndpoint> RecorderEndpoint::open() {
  Result<base::UniqueFd> socket = base::UniqueFd();
  for (const std::string& folder : trace_format::attach_folders()) {
    if (auto made = trace_format::make_attach_folder(folder); !made) {
      socket = made.error();
      continue;
    }
    trace_format::remove_stale_recorders(folder);
    std::string path = trace_format::recorder_socket_path(folder, getpid(), next_number());
    socket = listen_at(path);
    if (socket) return RecorderEndpoint(std::move(*socket), std::move(path));
  }
  return socket.error();
}

RecorderEndpoint::RecorderEndpoint(RecorderEndpoint&& other) noexcept
    : socket_(std::move(other.socket_)), path_(std::exchange(other.path_, {})) {}

RecorderEndpoint::Accepted RecorderEndpoint::accept(Caller& out) const {
  if (!socket_) return Accepted::Nothing;
  base::UniqueFd socket;
  do {
    socket.reset(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  } while (!socket && (errno == EINTR || errno == ECONNABORTED));
  if (!socket) return errno == EMFILE || errno == ENFILE ? Accepted::Full : Accepted::Nothing;
  const auto peer = base::peer_of(socket.get());
  if (!peer || !peer->is_own_user()) return Accepted::Stranger;
  out = {.socket = std::move(socket), .pid = peer->pid};
  return Accepted::Connection;
}

void RecorderEndpoint::close() {
  socket_.reset();
  if (!path_.empty()) unlink(path_.c_str());
  path_.clear();
}

}  // namespace taskscope::ingest
