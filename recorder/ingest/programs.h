// The running programs that can be attached to.
//
// What is found in the folders of attach_place.h is somebody else's until checked: a folder that is
// open to others is not looked into, what programs say is bounded and taken as text. Any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/unique_fd.h"
#include "runtime/trace_format/handshake.h"

namespace taskscope::ingest {

struct RunningProgram {
  int pid = 0;
  std::string socket_path;
  std::string program;          // path of its file
  std::int64_t started_ns = 0;  // its ts::run, since 1970
  bool answers = false;         // false: it is stopped, or speaks another version; `why` says
  std::string why;
  // If it answers.
  std::uint64_t tasks = 0;  // that live now
  std::uint32_t workers = 0;
  int recorder_pid = 0;  // 0: nobody records it
};

// By rising pid. Files of programs that are gone are removed on the way. Waits for at most
// `patience_ms` for the answers of all.
std::vector<RunningProgram> find_programs(int patience_ms);

// Connections to the programs that the names mean: process ids, names of files, or paths. Each has
// been asked to introduce itself, and for what is `wanted`. Errors: there is no such program, there
// are several (which the sentence names), or one is named twice.
struct Connection {
  base::UniqueFd socket;
  int pid = 0;
  std::string program;
};
Result<std::vector<Connection>> connect_by_names(const std::vector<std::string>& names,
                                                 const trace_format::Wanted& wanted = {});

}  // namespace taskscope::ingest
