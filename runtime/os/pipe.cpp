#include "runtime/os/pipe.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

#include "runtime/base/os_error.h"

namespace taskscope::os {
namespace {

constexpr std::size_t kReadAtOnce = std::size_t{16} * 1024;

Error no_pipe(std::string_view verb) {
  return {.message = std::string(verb) + ": no pipe", .kind = ErrorKind::Closed};
}

// write() without SIGPIPE, which pipes, unlike sockets, cannot be told to leave out: the thread
// holds it back, and takes back the one that the write has caused.
ssize_t write_quietly(int fd, const void* data, std::size_t size) {
  sigset_t pipe_signal;
  sigemptyset(&pipe_signal);
  sigaddset(&pipe_signal, SIGPIPE);
  sigset_t pending;
  sigpending(&pending);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
  const ssize_t written = ::write(fd, data, size);
  const int error = base::os_error();
  if (written < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) == 0) {
    const timespec at_once{};
    while (sigtimedwait(&pipe_signal, nullptr, &at_once) < 0 && base::os_error() == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  base::set_os_error(error);
  return written;
}

}  // namespace

Result<std::size_t> Pipe::read_for(const net::Caller& caller, net::MutableBytes buffer) const {
  if (!descriptor_) return no_pipe("read");
  const net::Attempt got = descriptor_->perform(net::PollMode::Read, caller, [buffer](int fd) {
    return ::read(fd, buffer.data(), buffer.size());
  });
  if (!got.ok()) return to_error(got, "read", descriptor_->name());
  if (got.value == 0 && !buffer.empty()) {
    return Error{.message = "read " + descriptor_->name() + ": end of stream",
                 .kind = ErrorKind::EndOfFile};
  }
  return static_cast<std::size_t>(got.value);
}

Result<std::string> Pipe::read_all_for(const net::Caller& caller) const {
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + kReadAtOnce);
    const Result<std::size_t> got = read_for(caller, {text.data() + before, kReadAtOnce});
    text.resize(before + (got ? *got : 0));
    if (got) continue;
    if (got.error().kind == ErrorKind::EndOfFile) return text;
    return got.error();
  }
}

Result<void> Pipe::write_all_for(const net::Caller& caller, net::Bytes bytes) const {
  if (!descriptor_) return no_pipe("write");
  std::size_t done = 0;
  const net::Attempt put =
      descriptor_->perform(net::PollMode::Write, caller, [bytes, &done](int fd) {
        while (done < bytes.size()) {
          const ssize_t count = write_quietly(fd, bytes.data() + done, bytes.size() - done);
          if (count < 0) return count;
          done += static_cast<std::size_t>(count);
        }
        return ssize_t{0};
      });
  if (!put.ok()) return to_error(put, "write", descriptor_->name());
  return {};
}

Result<void> Pipe::close(Site site) const {
  if (!descriptor_) return no_pipe("close");
  if (!descriptor_->close(site)) {
    return net::to_error({.result = net::PollResult::Closed}, "close", descriptor_->name());
  }
  return {};
}

}  // namespace taskscope::os
