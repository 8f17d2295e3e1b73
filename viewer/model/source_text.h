// A file of source, as a panel shows it. Plain data; a copy of the file as it was when it was read.
#pragma once

#include <string>
#include <vector>

namespace taskscope::viewer {

// Which file: as the compiler was given it, and the program that it is of.
struct SourceName {
  std::string path;  // empty: none is wanted
  std::string program;

  friend bool operator==(const SourceName&, const SourceName&) = default;
};

struct SourceText {
  SourceName name;
  std::vector<std::string> lines;  // tabs are blanks
  std::string problem;             // why there are none
};

}  // namespace taskscope::viewer
