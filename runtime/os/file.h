// ts::os::File: files, read and written without keeping the worker.
//
//   ts::Result<std::string> text = ts::os::read_file("notes.txt");
//   if (!text) return report(text.error().message);  // "open notes.txt: no such file or directory"
//
// The system has no way to wait for a disk that serves many waiters, so each call is a
// ts::blocking: the task keeps its thread, its worker goes on with others if it takes long. A File
// is one owner's; pread and pwrite may be called by several tasks at once. Tasks and any other
// threads.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/base/unique_fd.h"
#include "runtime/net/bytes.h"

namespace taskscope::os {

using net::Bytes;
using net::MutableBytes;

enum class Access : std::uint8_t {
  Read,       // the file must exist
  Create,     // for writing; made if missing, emptied if not
  CreateNew,  // for writing; must not exist
  Append,     // for writing at the end; made if missing
  ReadWrite,  // made if missing
};

class File {
 public:
  // `mode` is for files that are made, less the process's umask.
  static Result<File> open(std::string_view path, Access access = Access::Read, mode_t mode = 0644,
                           Site site = Site::here());

  // At most `buffer`, from where the last read or write ended; 0 at the end of the file.
  Result<std::size_t> read(MutableBytes buffer, Site site = Site::here()) const;
  // From `offset` on; the file's own place does not change.
  Result<std::size_t> pread(MutableBytes buffer, std::uint64_t offset,
                            Site site = Site::here()) const;

  // All of it.
  Result<void> write_all(Bytes bytes, Site site = Site::here()) const;
  Result<void> pwrite_all(Bytes bytes, std::uint64_t offset, Site site = Site::here()) const;

  Result<std::uint64_t> size(Site site = Site::here()) const;
  // Returns when it is on the disk.
  Result<void> sync(Site site = Site::here()) const;
  // What could not be written after all. Without it the file is closed by the destructor.
  Result<void> close(Site site = Site::here());

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

 private:
  File(base::UniqueFd fd, std::string_view path) : fd_(std::move(fd)), path_(path) {}

  base::UniqueFd fd_;
  std::string path_;
};

// The whole file.
Result<std::string> read_file(std::string_view path, Site site = Site::here());
// Makes the file, or replaces what is in it.
Result<void> write_file(std::string_view path, Bytes bytes, mode_t mode = 0644,
                        Site site = Site::here());

}  // namespace taskscope::os
