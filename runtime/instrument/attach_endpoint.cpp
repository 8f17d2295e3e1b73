#include "runtime/instrument/attach_endpoint.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/base/peer.h"
#include "runtime/instrument/packet.h"
#include "runtime/trace_format/attach_place.h"
#include "runtime/trace_format/event.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::instrument {
namespace tf = trace_format;
namespace {

constexpr int kBacklog = 16;

Error failed(const std::string& path) {
  return Error{"Nobody can attach to this program: " + path + ": " + std::strerror(errno) + "."};
}

// Bytes that are no ASCII are left as they are: paths are UTF-8 nearly everywhere.
std::string json_string(const char* text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (; *text != '\0'; ++text) {
    const auto c = static_cast<unsigned char>(*text);
    if (c == '"' || c == '\\') out += '\\';
    if (c < 0x20) {
      out += std::string("\\u00") + kHex[c >> 4] + kHex[c & 15];
    } else {
      out += *text;
    }
  }
  return out + '"';
}

Result<void> write_info(const std::string& path, std::int64_t run_started_ns) {
  std::array<char, 256> program{};
  program_name(program);
  const std::string text =
      "{\"pid\": " + std::to_string(getpid()) + ", \"program\": " + json_string(program.data()) +
      ", \"started_ns\": " + std::to_string(run_started_ns) + ", \"format\": \"" +
      std::to_string(tf::kFormatMajor) + "." + std::to_string(tf::kFormatMinor) +
      "\", \"protocol\": " + std::to_string(tf::kProtocolVersion) + "}\n";
  unlink(path.c_str());
  const base::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failed(path);
  }
  return {};
}

}  // namespace

Result<AttachEndpoint> AttachEndpoint::open(std::int64_t run_started_ns) {
  const std::string folder = tf::attach_folders().front();
  if (auto made = tf::make_attach_folder(folder); !made) return made.error();
  tf::remove_stale_programs(folder);
  const std::string path = tf::attach_socket_path(folder, getpid());
  // Under its name only when it listens: one that refuses is taken for a dead program's.
  const std::string unborn = path + ".new";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (unborn.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return failed(path);
  }
  std::memcpy(address.sun_path, unborn.c_str(), unborn.size());
  base::UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return failed("socket");
  unlink(unborn.c_str());
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed(path);
  }
  AttachEndpoint endpoint;  // from here on the files are its own to remove
  endpoint.socket_path_ = unborn;
  endpoint.info_path_ = tf::attach_info_path(folder, getpid());
  endpoint.socket_ = std::move(socket);
  if (auto written = write_info(endpoint.info_path_, run_started_ns); !written) {
    return written.error();
  }
  if (chmod(unborn.c_str(), 0600) != 0 || listen(endpoint.socket_.get(), kBacklog) != 0 ||
      rename(unborn.c_str(), path.c_str()) != 0) {
    return failed(path);
  }
  endpoint.socket_path_ = path;
  return endpoint;
}

AttachEndpoint::~AttachEndpoint() {
  if (!socket_) return;
  unlink(socket_path_.c_str());
  unlink(info_path_.c_str());
}

AttachEndpoint::Caller AttachEndpoint::accept() const {
  base::UniqueFd socket(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return {};
  const auto peer = base::peer_of(socket.get());
  if (!peer || !peer->is_own_user()) return {};
  return {.socket = std::move(socket), .pid = peer->pid};
}

}  // namespace taskscope::instrument
