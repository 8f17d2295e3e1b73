// Reads the headers that programs see: every example there stands in examples_test.cpp,
// memory_examples_test.cpp or testing_examples_test.cpp, so that it compiles. (That every public
// name stands in an example is found by tests/tidy.)
#include <gtest/gtest.h>

#include <cctype>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

std::string read(const std::string& path) {
  std::ifstream file(std::string(TASKSCOPE_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Without white space, and without a comment at the end.
std::string packed(std::string line) {
  const std::size_t comment = line.find("//");
  if (comment != std::string::npos) line.resize(comment);
  std::erase_if(line, [](unsigned char c) { return std::isspace(c); });
  return line;
}

std::string packed_text(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += packed(line);
  return result;
}

// The blocks of lines that a header's comments indent by three columns.
std::vector<std::vector<std::string>> indented_blocks(const std::string& header) {
  std::vector<std::vector<std::string>> blocks(1);
  std::istringstream lines(header);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("//   ")) {
      blocks.back().push_back(line.substr(5));
    } else if (!blocks.back().empty()) {
      blocks.emplace_back();
    }
  }
  return blocks;
}

// Lists, tables of states and numbered invariants are indented, too.
bool is_code(const std::vector<std::string>& block) {
  bool statement = false;
  for (const std::string& line : block) {
    if (line.starts_with("- ") || line.find("→") != std::string::npos) return false;
    if (!line.empty() && std::isdigit(static_cast<unsigned char>(line.front()))) return false;
    statement |= line.find(';') != std::string::npos;
  }
  return statement;
}

// The headers that programs see, and their tests.
std::vector<std::string> public_headers() {
  const std::string user_header = read("runtime/taskscope.h");
  std::vector<std::string> headers{"runtime/taskscope.h", "runtime/testing/leak_check.h",
                                   "runtime/testing/run_checks.h",
                                   "runtime/testing/gtest_leak_listener.h"};
  const std::string include = "#include \"";
  for (std::size_t at = user_header.find("#include \"runtime/", user_header.find("#pragma once"));
       at != std::string::npos; at = user_header.find(include, at + 1)) {
    const std::size_t begin = at + include.size();
    headers.push_back(user_header.substr(begin, user_header.find('"', begin) - begin));
  }
  return headers;
}

TEST(HeaderExamples, AllOfThemStandInTheTest) {
  const std::string here = packed_text(read("tests/runtime/header/examples_test.cpp")) +
                           packed_text(read("tests/runtime/header/memory_examples_test.cpp")) +
                           packed_text(read("tests/runtime/header/testing_examples_test.cpp"));
  int lines = 0;
  for (const std::string& header : public_headers()) {
    for (const std::vector<std::string>& block : indented_blocks(read(header))) {
      if (!is_code(block)) continue;
      for (const std::string& line : block) {
        // An ellipsis stands for anything.
        std::string rest = packed(line);
        for (std::size_t dots = 0; dots != std::string::npos;) {
          dots = rest.find("…");
          EXPECT_NE(here.find(rest.substr(0, dots)), std::string::npos)
              << header << " has an example that examples_test.cpp has not: " << line;
          if (dots != std::string::npos) rest.erase(0, dots + std::string_view("…").size());
        }
        ++lines;
      }
    }
  }
  EXPECT_GT(lines, 180);
}

}  // namespace
