// ts::os::File: files, read and written without keeping the worker.
//
//   ts::Result<std::string> text = ts::os::read_file(ctx, "notes.txt");
//   if (!text) return report(text.error().message);  // "open notes.txt: no such file or directory"
//
//   ts::Result<ts::os::File> journal = ts::os::File::open("journal", ts::os::Access::Append);
//   if (!journal) return report(journal.error().message);
//   if (auto put = journal->write_all("started\n"); !put) return report(put.error().message);
//   if (auto safe = journal->sync(); !safe) log(journal->path());
//   if (auto closed = journal->close(); !closed) report(closed.error().message);
//
//   ts::Result<ts::os::File> table = ts::os::File::open(ctx, "table", ts::os::Access::ReadWrite);
//   char record[16];
//   if (ts::Result<std::size_t> got = table->pread(ctx, record, 4 * sizeof record)) log("read");
//   if (auto put = table->pwrite_all(ctx, record, 0); !put) report(put.error().message);
//   if (ts::Result<std::size_t> got = table->read(record); got && *got == 0) log("the end");
//   if (ts::Result<std::uint64_t> bytes = table->size()) log(std::to_string(*bytes));
//   if (auto put = ts::os::write_file("notes.txt", "nothing"); !put) report(put.error().message);
//
// The system has no way to wait for a disk that serves many waiters, so each call is a
// ts::blocking: the task keeps its thread, its worker goes on with others if it takes long. A File
// is one owner's; pread and pwrite may be called by several tasks at once. Tasks and any other
// threads.
//
// A context is asked before each call to the system, and large reads and writes are made in pieces
// of 1 MiB for it; a call that has begun cannot be called back. So an operation that takes one
// gives up between two pieces, and what has been written by then stays. What can wait for ever (a
// pipe, a terminal) belongs to ts::os::Process, or is read by a child.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/base/unique_fd.h"
#include "runtime/context/context.h"
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
                           Site site = Site::here()) {
    return open(Context(), path, access, mode, site);
  }
  // The same, here and below, but what context.error() says if `context` is done before.
  static Result<File> open(const Context& context, std::string_view path,
                           Access access = Access::Read, mode_t mode = 0644,
                           Site site = Site::here());

  // At most `buffer`, from where the last read or write ended; 0 at the end of the file.
  Result<std::size_t> read(MutableBytes buffer, Site site = Site::here()) const {
    return read(Context(), buffer, site);
  }
  Result<std::size_t> read(const Context& context, MutableBytes buffer,
                           Site site = Site::here()) const;
  // From `offset` on; the file's own place does not change.
  Result<std::size_t> pread(MutableBytes buffer, std::uint64_t offset,
                            Site site = Site::here()) const {
    return pread(Context(), buffer, offset, site);
  }
  Result<std::size_t> pread(const Context& context, MutableBytes buffer, std::uint64_t offset,
                            Site site = Site::here()) const;

  // All of it.
  Result<void> write_all(Bytes bytes, Site site = Site::here()) const {
    return write_all(Context(), bytes, site);
  }
  Result<void> write_all(const Context& context, Bytes bytes, Site site = Site::here()) const;
  Result<void> pwrite_all(Bytes bytes, std::uint64_t offset, Site site = Site::here()) const {
    return pwrite_all(Context(), bytes, offset, site);
  }
  Result<void> pwrite_all(const Context& context, Bytes bytes, std::uint64_t offset,
                          Site site = Site::here()) const;

  Result<std::uint64_t> size(Site site = Site::here()) const;
  // Returns when it is on the disk.
  Result<void> sync(Site site = Site::here()) const { return sync(Context(), site); }
  Result<void> sync(const Context& context, Site site = Site::here()) const;
  // What could not be written after all. Without it the file is closed by the destructor.
  Result<void> close(Site site = Site::here());

  const std::string& path() const { return path_; }
  // For the system.
  int fd() const { return fd_.get(); }

 private:
  File(base::UniqueFd fd, std::string_view path) : fd_(std::move(fd)), path_(path) {}

  base::UniqueFd fd_;
  std::string path_;
};

// The whole file.
Result<std::string> read_file(const Context& context, std::string_view path,
                              Site site = Site::here());
inline Result<std::string> read_file(std::string_view path, Site site = Site::here()) {
  return read_file(Context(), path, site);
}
// Makes the file, or replaces what is in it.
Result<void> write_file(const Context& context, std::string_view path, Bytes bytes,
                        mode_t mode = 0644, Site site = Site::here());
inline Result<void> write_file(std::string_view path, Bytes bytes, mode_t mode = 0644,
                               Site site = Site::here()) {
  return write_file(Context(), path, bytes, mode, site);
}

}  // namespace taskscope::os
