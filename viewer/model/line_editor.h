// One line of text that somebody types: UTF-8, a cursor, all of it selected or nothing. Owned by
// the UI thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace taskscope::viewer {

class LineEditor {
 public:
  void set_text(std::string text);  // cursor at the end
  // What is typed next replaces the text.
  void select_all() { all_selected_ = !text_.empty(); }

  void insert(std::string_view text);  // control characters count as blanks
  void insert(unsigned code_point);
  void erase_before();
  void erase_word_before();
  void erase_after();
  void left();
  void right();
  void home();
  void end();

  const std::string& text() const { return text_; }
  std::size_t cursor() const { return cursor_; }  // in bytes, between two characters
  bool all_selected() const { return all_selected_; }

 private:
  bool erase_selected();

  std::string text_;
  std::size_t cursor_ = 0;
  bool all_selected_ = false;
};

}  // namespace taskscope::viewer
