#include "runtime/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "runtime/base/os_error.h"
#include "runtime/net/descriptor.h"
#include "runtime/sched/blocking.h"

namespace taskscope::os {
namespace {

constexpr std::size_t kFirstRead = 4096;

// What a call returned, or errno: read on the thread that made it.
struct Outcome {
  std::int64_t value = 0;
  int error = 0;
};

// Makes a system call until it is not interrupted by a signal.
template <class Call>
Outcome call(const Site& site, Call system_call) {
  return blocking(
      [&] {
        for (;;) {
          const auto value = static_cast<std::int64_t>(system_call());
          if (value >= 0) return Outcome{.value = value};
          if (base::os_error() != EINTR) return Outcome{.error = base::os_error()};
        }
      },
      site);
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
Outcome write_everything(Bytes bytes, const Site& site, WriteSome write_some) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const Outcome put =
        call(site, [&] { return write_some(bytes.data() + done, bytes.size() - done, done); });
    if (put.error != 0) return put;
    done += static_cast<std::size_t>(put.value);
  }
  return {};
}

}  // namespace

Result<File> File::open(std::string_view path, Access access, mode_t mode, Site site) {
  const std::string name(path);
  const Outcome opened =
      call(site, [&] { return ::open(name.c_str(), flags_of(access) | O_CLOEXEC, mode); });
  if (opened.error != 0) return net::os_failure(opened.error, "open", path);
  return File(base::UniqueFd(static_cast<int>(opened.value)), path);
}

Result<std::size_t> File::read(MutableBytes buffer, Site site) const {
  const Outcome got = call(site, [&] { return ::read(fd_.get(), buffer.data(), buffer.size()); });
  if (got.error != 0) return net::os_failure(got.error, "read", path_);
  return static_cast<std::size_t>(got.value);
}

Result<std::size_t> File::pread(MutableBytes buffer, std::uint64_t offset, Site site) const {
  const Outcome got = call(site, [&] {
    return ::pread(fd_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset));
  });
  if (got.error != 0) return net::os_failure(got.error, "read", path_);
  return static_cast<std::size_t>(got.value);
}

Result<void> File::write_all(Bytes bytes, Site site) const {
  const Outcome put =
      write_everything(bytes, site, [this](const std::byte* data, std::size_t size, std::size_t) {
        return ::write(fd_.get(), data, size);
      });
  if (put.error != 0) return net::os_failure(put.error, "write", path_);
  return {};
}

Result<void> File::pwrite_all(Bytes bytes, std::uint64_t offset, Site site) const {
  const Outcome put = write_everything(
      bytes, site, [this, offset](const std::byte* data, std::size_t size, std::size_t done) {
        return ::pwrite(fd_.get(), data, size, static_cast<off_t>(offset + done));
      });
  if (put.error != 0) return net::os_failure(put.error, "write", path_);
  return {};
}

Result<std::uint64_t> File::size(Site site) const {
  struct stat info {};
  const Outcome got = call(site, [&] { return ::fstat(fd_.get(), &info); });
  if (got.error != 0) return net::os_failure(got.error, "look at", path_);
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> File::sync(Site site) const {
  const Outcome synced = call(site, [&] { return ::fsync(fd_.get()); });
  if (synced.error != 0) return net::os_failure(synced.error, "sync", path_);
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

Result<std::string> read_file(std::string_view path, Site site) {
  const Result<File> file = File::open(path, Access::Read, 0, site);
  if (!file) return file.error();
  const Result<std::uint64_t> size = file->size(site);
  if (!size) return size.error();
  // One byte more than there is said to be, so that the end shows at once; files of /proc say 0.
  std::string text(std::max(static_cast<std::size_t>(*size) + 1, kFirstRead), '\0');
  std::size_t done = 0;
  for (;;) {
    const Result<std::size_t> got = file->read({text.data() + done, text.size() - done}, site);
    if (!got) return got.error();
    if (*got == 0) break;
    done += *got;
    if (done == text.size()) text.resize(2 * text.size());
  }
  text.resize(done);
  return text;
}

Result<void> write_file(std::string_view path, Bytes bytes, mode_t mode, Site site) {
  Result<File> file = File::open(path, Access::Create, mode, site);
  if (!file) return file.error();
  if (Result<void> put = file->write_all(bytes, site); !put) return put;
  return file->close(site);
}

}  // namespace taskscope::os
