#include "recorder/ingest/output_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "recorder/store/writer.h"

namespace taskscope::ingest {
namespace {

Error cannot_write(const std::string& path, const std::string& why) {
  return Error{"Cannot write " + path + ": " + why + "."};
}

// Follows a symbolic link, so that its target is replaced and not the link.
std::string target_of(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0 || !S_ISLNK(status.st_mode)) return path;
  const std::unique_ptr<char, decltype(&std::free)> target(realpath(path.c_str(), nullptr),
                                                           std::free);
  return target != nullptr ? target.get() : path;
}

Result<void> check_replaceable(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return {};
  if (S_ISDIR(status.st_mode)) return cannot_write(path, "it is a folder");
  if (!S_ISREG(status.st_mode)) return cannot_write(path, "it is not a regular file");
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    return cannot_write(path, "you have no permission to replace it");
  }
  if (store::file_kind(path) == store::FileKind::SomethingElse) {
    return cannot_write(path, "it exists and is not a recording; choose another name");
  }
  return {};
}

std::string why_not_created(const std::string& path, int error) {
  if (error == ENOENT) {
    const std::size_t slash = path.rfind('/');
    return "there is no folder " + (slash == std::string::npos ? "." : path.substr(0, slash));
  }
  if (error == ENOTDIR) return "a part of the path is not a folder";
  if (error == EACCES) return "you have no permission to write there";
  if (error == EROFS) return "the file system is read-only";
  if (error == EISDIR) return "the temporary file beside it is a folder";
  return std::strerror(error);
}

}  // namespace

Result<OutputFile> OutputFile::reserve(const std::string& path) {
  if (path.empty()) return Error{"The recording needs a file name."};
  OutputFile file;
  file.final_path_ = target_of(path);
  file.partial_path_ = file.final_path_ + ".partial";
  for (const std::string& wanted : {file.final_path_, file.partial_path_}) {
    if (auto checked = check_replaceable(wanted); !checked) return checked.error();
  }
  constexpr int kFlags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  file.lock_.reset(open(file.partial_path_.c_str(), kFlags, 0600));
  if (!file.lock_) return cannot_write(path, why_not_created(file.final_path_, errno));
  if (flock(file.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return cannot_write(path, "another taskscope is recording into it");
  }
  for (const char* suffix : {"-wal", "-shm"}) unlink((file.partial_path_ + suffix).c_str());
  if (ftruncate(file.lock_.get(), 0) != 0 || fchmod(file.lock_.get(), 0600) != 0) {
    return cannot_write(path, std::strerror(errno));
  }
  return file;
}

std::uint64_t OutputFile::bytes() const {
  std::uint64_t total = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat status {};
    if (stat((partial_path_ + suffix).c_str(), &status) == 0) {
      total += static_cast<std::uint64_t>(status.st_size);
    }
  }
  return total;
}

Result<void> OutputFile::keep() {
  if (std::rename(partial_path_.c_str(), final_path_.c_str()) != 0) {
    return Error{"Cannot name the recording " + final_path_ + " (" + std::strerror(errno) +
                 "): it is complete in " + partial_path_ + "."};
  }
  // What somebody who reads it had to leave; nothing is in there.
  for (const char* suffix : {"-wal", "-shm"}) unlink((partial_path_ + suffix).c_str());
  lock_.reset();
  return {};
}

void OutputFile::discard() {
  for (const char* suffix : {"", "-wal", "-shm"}) unlink((partial_path_ + suffix).c_str());
  lock_.reset();
}

}  // namespace taskscope::ingest
