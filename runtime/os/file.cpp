#include "runtime/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "runtime/base/os_error.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/blocking.h"

namespace taskscope::os {
namespace {

constexpr std::size_t kFirstRead = 4096;
// Of one call, if a context may end what goes on for longer.
constexpr std::size_t kPiece = std::size_t{1} << 20;

// Who operates on what.
struct Caller {
  const Context& context;
  const Site& site;
  const char* verb;
  std::string_view path;

  // The size of the next piece of what has `size` bytes.
  std::size_t piece(std::size_t size) const {
    return context.done_core() == nullptr ? size : std::min(size, kPiece);
  }
};

// Makes a system call until it is not interrupted by a signal. What it returned.
template <class Call>
Result<std::int64_t> call(const Caller& caller, Call system_call) {
  int error = 0;  // errno, read on the thread that made the call
  const auto make = [&]() -> std::int64_t {
    for (;;) {
      const auto value = static_cast<std::int64_t>(system_call());
      if (value >= 0) return value;
      error = base::os_error();
      if (error != EINTR) return -1;
    }
  };
  if (caller.context.err()) {
    Error given_up = caller.context.error();
    given_up.message =
        std::string(caller.verb).append(" ").append(caller.path) + ": " + given_up.message;
    return given_up;
  }
  const std::int64_t value = blocking(make, caller.site);
  if (value < 0) return net::os_failure(error, caller.verb, caller.path);
  return value;
}

int flags_of(Access access) {
  switch (access) {
    case Access::Read:
      return O_RDONLY;
    case Access::Create:
      return O_WRONLY | O_CREAT | O_TRUNC;
    case Access::CreateNew:
      return O_WRONLY | O_CREAT | O_EXCL;
    case Access::Append:
      return O_WRONLY | O_CREAT | O_APPEND;
    case Access::ReadWrite:
      return O_RDWR | O_CREAT;
  }
  return O_RDONLY;
}

// Writes all of `bytes` by calls of `write_some(data, size, done)`.
template <class WriteSome>
Result<void> write_everything(const Caller& caller, Bytes bytes, WriteSome write_some) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const Result<std::int64_t> put = call(caller, [&] {
      return write_some(bytes.data() + done, caller.piece(bytes.size() - done), done);
    });
    if (!put) return put.error();
    done += static_cast<std::size_t>(*put);
  }
  return {};
}

}  // namespace

Result<File> File::open(const Context& context, std::string_view path, Access access, mode_t mode,
                        Site site) {
  const std::string name(path);
  const Result<std::int64_t> opened = call({context, site, "open", path}, [&] {
    return ::open(name.c_str(), flags_of(access) | O_CLOEXEC, mode);
  });
  if (!opened) return opened.error();
  return File(base::UniqueFd(static_cast<int>(*opened)), path);
}

Result<std::size_t> File::read(const Context& context, MutableBytes buffer, Site site) const {
  const Result<std::int64_t> got = call({context, site, "read", path_}, [&] {
    return ::read(fd_.get(), buffer.data(), buffer.size());
  });
  if (!got) return got.error();
  return static_cast<std::size_t>(*got);
}

Result<std::size_t> File::pread(const Context& context, MutableBytes buffer, std::uint64_t offset,
                                Site site) const {
  const Result<std::int64_t> got = call({context, site, "read", path_}, [&] {
    return ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  });
  if (!got) return got.error();
  return static_cast<std::size_t>(*got);
}

Result<void> File::write_all(const Context& context, Bytes bytes, Site site) const {
  return write_everything({context, site, "write", path_}, bytes,
                          [this](const std::byte* data, std::size_t size, std::size_t) {
                            return ::write(fd_.get(), data, size);
                          });
}

Result<void> File::pwrite_all(const Context& context, Bytes bytes, std::uint64_t offset,
                              Site site) const {
  return write_everything(
      {context, site, "write", path_}, bytes,
      [this, offset](const std::byte* data, std::size_t size, std::size_t done) {
        return ::pwrite(fd_.get(), data, size, static_cast<off_t>(offset + done));
      });
}

Result<std::uint64_t> File::size(Site site) const {
  struct stat info {};
  const Result<std::int64_t> got =
      call({Context(), site, "look at", path_}, [&] { return ::fstat(fd_.get(), &info); });
  if (!got) return got.error();
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> File::sync(const Context& context, Site site) const {
  const Result<std::int64_t> synced =
      call({context, site, "sync", path_}, [&] { return ::fsync(fd_.get()); });
  if (!synced) return synced.error();
  return {};
}

Result<void> File::close(Site site) {
  const int fd = fd_.release();
  // Not again after EINTR: Linux has closed it then.
  const int error = blocking(
      [fd] { return ::close(fd) == 0 || base::os_error() == EINTR ? 0 : base::os_error(); }, site);
  if (error != 0) return net::os_failure(error, "close", path_);
  return {};
}

Result<std::string> read_file(const Context& context, std::string_view path, Site site) {
  const Result<File> file = File::open(context, path, Access::Read, 0, site);
  if (!file) return file.error();
  const Result<std::uint64_t> size = file->size(site);
  if (!size) return size.error();
  const Caller caller{context, site, "read", path};
  // One byte more than there is said to be, so that the end shows at once; files of /proc say 0.
  std::string text(std::max(static_cast<std::size_t>(*size) + 1, kFirstRead), '\0');
  std::size_t done = 0;
  for (;;) {
    const std::size_t piece = caller.piece(text.size() - done);
    const Result<std::size_t> got = file->read(context, {text.data() + done, piece}, site);
    if (!got) return got.error();
    if (*got == 0) break;
    done += *got;
    if (done == text.size()) text.resize(2 * text.size());
  }
  text.resize(done);
  return text;
}

Result<void> write_file(const Context& context, std::string_view path, Bytes bytes, mode_t mode,
                        Site site) {
  Result<File> file = File::open(context, path, Access::Create, mode, site);
  if (!file) return file.error();
  if (Result<void> put = file->write_all(context, bytes, site); !put) return put;
  return file->close(site);
}

}  // namespace taskscope::os
