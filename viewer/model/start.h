// What there is to look at when no file is open: recordings of late, and programs that run. Plain
// data, gathered off the UI thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace taskscope::viewer {

struct RecentFile {
  std::string path;
  std::int64_t opened_s = 0;  // last, since 1970
  friend bool operator==(const RecentFile&, const RecentFile&) = default;
};

struct RunningProgram {
  int pid = 0;
  std::string program;  // path of its file
  std::int64_t age_ns = 0;
  std::uint64_t tasks = 0;
  std::uint32_t workers = 0;
  std::string problem;  // why it cannot be attached to now; empty: it can
  friend bool operator==(const RunningProgram&, const RunningProgram&) = default;
};

struct StartContent {
  std::vector<RecentFile> recent;                       // the latest first
  std::optional<std::vector<RunningProgram>> programs;  // nothing: still looking
  std::int64_t now_s = 0;                               // since 1970
};

// One of its rows was chosen.
struct StartChoice {
  std::string path;  // of a recording
  int pid = 0;       // or of a program
};

}  // namespace taskscope::viewer
