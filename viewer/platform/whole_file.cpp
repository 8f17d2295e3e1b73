#include "viewer/platform/whole_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "runtime/base/unique_fd.h"

namespace taskscope::viewer {
namespace {

Error cannot(std::string_view verb, std::string_view what, const std::string& path, int reason) {
  return Error{fmt::format("Cannot {} {} {}: {}.", verb, what, path, std::strerror(reason))};
}

int write_all(int file, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t written = ::write(file, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    contents.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace

Result<void> write_whole_file(const std::string& path, std::string_view contents,
                              FileReaders readers, std::string_view what) {
  const std::string part = path + ".part";
  ::unlink(part.c_str());  // of somebody who was killed
  const mode_t mode = readers == FileReaders::OnlyMe ? 0600 : 0666;
  base::UniqueFd file(::open(part.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return cannot("write", what, path, errno);
  int reason = write_all(file.get(), contents);
  file.reset();
  if (reason == 0 && std::rename(part.c_str(), path.c_str()) != 0) reason = errno;
  if (reason == 0) return {};
  ::unlink(part.c_str());
  return cannot("write", what, path, reason);
}

Result<std::optional<std::string>> read_whole_file(const std::string& path, std::size_t bytes_max,
                                                   std::string_view what) {
  // Without O_NONBLOCK a pipe of that name would keep us waiting.
  const base::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
  if (!file) return cannot("read", what, path, errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot("read", what, path, errno);
  if (!S_ISREG(status.st_mode)) return Error{fmt::format("{} is no file.", path)};
  std::string contents(bytes_max + 1, '\0');
  std::size_t length = 0;
  while (length < contents.size()) {
    const ssize_t got = ::read(file.get(), contents.data() + length, contents.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot("read", what, path, errno);
    if (got == 0) break;
    length += static_cast<std::size_t>(got);
  }
  if (length > bytes_max) {
    return Error{fmt::format("{} is larger than {} ever are.", path, what)};
  }
  contents.resize(length);
  return std::optional(std::move(contents));
}

Result<void> make_private_folder(const std::string& path) {
  for (std::size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return cannot("make", "the folder", part, errno);
    }
    if (at == std::string::npos) return {};
  }
}

}  // namespace taskscope::viewer
