// Text for terminals: errors, colours where they help, tables that line up. Main thread only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace taskscope::app {

void print_out(std::string_view text);        // to standard output, as is
void print_error(std::string_view sentence);  // "taskscope: SENTENCE\n" to standard error
void print_status(std::string_view text);     // to standard error, as is

bool stdout_is_terminal();
bool stderr_is_terminal();
int terminal_columns();  // of standard error; 80 if unknown

// Colour codes, empty strings unless the stream is a terminal and NO_COLOR is unset.
struct Palette {
  std::string_view bold, dim, red, yellow, green, reset;
};
Palette stdout_palette();
Palette stderr_palette();

// Terminal columns that a UTF-8 text takes (one per code point; our texts have no wide ones).
std::size_t text_width(std::string_view text);

// A text shortened to `width` columns with "…" in its middle.
std::string shorten_middle(std::string_view text, std::size_t width);

// Rows of equal length under a header; numeric columns line up at the right.
class Table {
 public:
  struct Column {
    std::string title;
    bool right = false;
    std::size_t width_max = 60;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  std::string text(const Palette& palette, std::string_view indent = "") const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace taskscope::app
