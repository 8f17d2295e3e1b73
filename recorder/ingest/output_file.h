// Where a recording goes: FILE.partial while it is written, FILE when it is complete.
//
// So an older recording under the same name stays until the new one is whole, and a recorder that
// was killed leaves FILE.partial, which opens. The lock on it keeps two recorders apart. Only
// recordings are ever replaced. One thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::ingest {

class OutputFile {
 public:
  // Checks that `path` may be written or replaced and makes an empty FILE.partial. Errors are
  // sentences that name the path and what is in the way.
  static Result<OutputFile> reserve(const std::string& path);

  const std::string& final_path() const { return final_path_; }
  const std::string& partial_path() const { return partial_path_; }
  std::uint64_t bytes() const;  // of FILE.partial and its WAL

  // FILE.partial becomes FILE. REQUIRES: the database is closed.
  Result<void> keep();
  // FILE.partial and what belongs to it are gone. REQUIRES: as above.
  void discard();

 private:
  std::string final_path_;
  std::string partial_path_;
  // Held until the end: closing any descriptor of a file drops SQLite's own locks on it.
  base::UniqueFd lock_;
};

}  // namespace taskscope::ingest
