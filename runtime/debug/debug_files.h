// Where the debug information of files of code is looked for: on this machine, and only there.
//
// What libdwfl does by itself would also ask the servers that DEBUGINFOD_URLS names, which many
// systems set for everybody: the last words of a program, or the end of a recording, would wait for
// a network. Files that a program names may be anything; one that is no regular file is left alone.
// Plain data, usable from any thread.
#pragma once

#include <elfutils/libdwfl.h>

#include "runtime/base/unique_fd.h"

namespace taskscope::debug {

// For sessions on this process, and on files that are reported open.
extern const Dwfl_Callbacks kLocalFiles;

// A regular file to read; none if it is something else (which is not waited for) or not there.
base::UniqueFd open_regular(const char* path);

}  // namespace taskscope::debug
