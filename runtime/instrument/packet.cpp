#include "runtime/instrument/packet.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace taskscope::instrument {
namespace {

Error send_failed(int code) {
  return Error{std::string("The recorder does not take this program's trace (") +
               std::strerror(code) + "), so it runs unrecorded."};
}

}  // namespace

Result<void> send_packet(int socket, const void* data, std::size_t bytes, int fd) {
  iovec part{.iov_base = const_cast<void*>(data), .iov_len = bytes};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  }
  ssize_t sent = 0;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent != static_cast<ssize_t>(bytes)) return send_failed(errno);
  return {};
}

Received receive_packet(int socket, std::span<std::byte> room, std::size_t& bytes,
                        base::UniqueFd* descriptor) {
  iovec part{.iov_base = room.data(), .iov_len = room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  // Without room for control data the kernel drops descriptors that come along.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor != nullptr) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
  }
  ssize_t size = 0;
  do {
    size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::Nothing;
  if (size <= 0) return Received::Closed;
  bytes = static_cast<std::size_t>(size);
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (descriptor != nullptr && header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
    descriptor->reset(fd);
  }
  return Received::Packet;
}

void program_name(std::span<char> out) {
  const ssize_t length = readlink("/proc/self/exe", out.data(), out.size() - 1);
  out[length > 0 ? static_cast<std::size_t>(length) : 0] = '\0';
}

}  // namespace taskscope::instrument
