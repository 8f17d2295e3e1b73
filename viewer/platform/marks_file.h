// Marks and notes beside a recording: FILE.tscope.marks.json, for this user alone. What is in it is
// hostile until read. UI thread only.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "viewer/model/marks.h"

namespace taskscope::viewer {

class MarksFile {
 public:
  // Of the recording at `recording_path` (or at that with .partial behind it) that began at
  // `started`: marks of another one under its name are not its own.
  MarksFile(const std::string& recording_path, std::string started);

  // No marks without a file. Errors: it cannot be read, is damaged, or is another recording's; it
  // is left alone, and before the first save() kept aside.
  Result<std::vector<Mark>> load();
  // No file for no marks.
  Result<void> save(const std::vector<Mark>& marks);

  const std::string& path() const { return path_; }

 private:
  // Constant after construction.
  std::string path_;
  std::string started_;
  // Owned by the UI thread.
  bool keep_aside_ = false;
};

}  // namespace taskscope::viewer
