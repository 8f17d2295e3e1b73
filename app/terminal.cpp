#include "app/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "runtime/base/check.h"

namespace taskscope::app {
namespace {

constexpr Palette kColours{"\033[1m", "\033[2m", "\033[31m", "\033[33m", "\033[32m", "\033[0m"};

Palette palette_for(bool terminal) {
  return terminal && std::getenv("NO_COLOR") == nullptr ? kColours : Palette{};
}

// Bytes of the first `count` code points.
std::size_t prefix_bytes(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) continue;
    if (count-- == 0) break;
  }
  return at;
}

void append_padded(std::string& out, std::string_view cell, std::size_t width, bool right,
                   bool last) {
  const std::size_t used = text_width(cell);
  const std::size_t gap = width > used ? width - used : 0;
  if (right) out.append(gap, ' ');
  out += cell;
  if (!right && !last) out.append(gap, ' ');
}

}  // namespace

void print_out(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_error(std::string_view sentence) {
  std::string line = "taskscope: " + std::string(sentence) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void print_status(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool stdout_is_terminal() { return ::isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

int terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

Palette stdout_palette() { return palette_for(stdout_is_terminal()); }
Palette stderr_palette() { return palette_for(stderr_is_terminal()); }

std::size_t text_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string shorten_middle(std::string_view text, std::size_t width) {
  const std::size_t length = text_width(text);
  if (length <= width || width < 3) return std::string(text);
  const std::size_t head = (width - 1) / 3;  // the end of a path says more than its beginning
  const std::size_t tail = width - 1 - head;
  return std::string(text.substr(0, prefix_bytes(text, head))) + "…" +
         std::string(text.substr(prefix_bytes(text, length - tail)));
}

void Table::add(std::vector<std::string> cells) {
  TASKSCOPE_CHECK(cells.size() == columns_.size());
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = shorten_middle(cells[i], columns_[i].width_max);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::text(const Palette& palette, std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = text_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, text_width(row[c]));
    widths.push_back(width);
  }
  std::string out;
  const auto line = [&](auto&& cell_of) {
    out += indent;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (c > 0) out += "  ";
      append_padded(out, cell_of(c), widths[c], columns_[c].right, c + 1 == columns_.size());
    }
  };
  out += palette.dim;
  line([&](std::size_t c) -> std::string_view { return columns_[c].title; });
  out += palette.reset;
  out += '\n';
  for (const auto& row : rows_) {
    line([&](std::size_t c) -> std::string_view { return row[c]; });
    out += '\n';
  }
  return out;
}

}  // namespace taskscope::app
