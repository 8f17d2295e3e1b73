// Files that are there whole or not at all. Usable from any thread; two writers of one file at a
// time leave one of the two.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace taskscope::viewer {

enum class FileReaders : std::uint8_t { AsUsual, OnlyMe };

// Written beside `path`, which it then replaces. `what` names it in the sentence: "the picture".
Result<void> write_whole_file(const std::string& path, std::string_view contents,
                              FileReaders readers, std::string_view what);

// Nothing if there is no such file. Errors: it cannot be read, is no file, or has more than
// `bytes_max` bytes.
Result<std::optional<std::string>> read_whole_file(const std::string& path, std::size_t bytes_max,
                                                   std::string_view what);

// The folder and those above it, for this user alone, unless they are there.
Result<void> make_private_folder(const std::string& path);

}  // namespace taskscope::viewer
