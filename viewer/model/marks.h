// Instants that somebody marked, with what they noted about them. Plain data and pure functions;
// marks stand in the order of time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/line_editor.h"

namespace taskscope::viewer {

struct Mark {
  std::int64_t ns = 0;
  std::string note;  // one line of UTF-8, perhaps empty
  friend bool operator==(const Mark&, const Mark&) = default;
};

// More than anybody can look at; what a file may not exceed.
inline constexpr std::size_t kMarksMax = 10'000;
inline constexpr std::size_t kNoteBytesMax = 400;

// The index of the mark at `ns`, which is new unless there was one at that very instant. Nothing if
// there are too many.
std::optional<std::size_t> add_mark(std::vector<Mark>& marks, std::int64_t ns);

// The nearest within `reach_ns`.
std::optional<std::size_t> mark_near(const std::vector<Mark>& marks, std::int64_t ns,
                                     double reach_ns);

// Valid UTF-8 without control characters, cut to kNoteBytesMax between two characters.
std::string clean_note(std::string_view text);

// The list of marks in the window.
struct MarkList {
  bool open = false;
  bool editing = false;    // the chosen one's note; it takes the keys
  std::size_t chosen = 0;  // into the marks
  std::size_t first = 0;   // that is seen
  LineEditor editor;
};

}  // namespace taskscope::viewer
