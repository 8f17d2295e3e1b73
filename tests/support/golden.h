// Golden files: text that a test produces, compared with a file that a person has looked at.
//
// UPDATE_GOLDENS=1 in the environment rewrites the file instead; look at the difference before
// committing it. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace taskscope::tests {

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// `name` is a path below tests/golden.
inline void expect_golden(const std::string& name, const std::string& actual) {
  const std::string path = std::string(TASKSCOPE_SOURCE_DIR) + "/tests/golden/" + name;
  const char* update = std::getenv("UPDATE_GOLDENS");
  if (update != nullptr && std::string(update) == "1") {
    std::ofstream(path, std::ios::binary) << actual;
    return;
  }
  EXPECT_EQ(actual, read_file(path))
      << "differs from " << path << " (UPDATE_GOLDENS=1 rewrites it)";
}

}  // namespace taskscope::tests
