#include "viewer/model/line_editor.h"

namespace taskscope::viewer {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::size_t before(const std::string& text, std::size_t at) {
  if (at == 0) return 0;
  --at;
  while (at > 0 && continues(text[at])) --at;
  return at;
}

std::size_t after(const std::string& text, std::size_t at) {
  if (at < text.size()) ++at;
  while (at < text.size() && continues(text[at])) ++at;
  return at;
}

std::string utf8(unsigned code) {
  std::string out;
  const auto put = [&](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | code >> 6);
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3f));
    put(0x80 | (code >> 6 & 0x3f));
    put(0x80 | (code & 0x3f));
  }
  return out;
}

}  // namespace

void LineEditor::set_text(std::string text) {
  text_ = std::move(text);
  cursor_ = text_.size();
  all_selected_ = false;
}

bool LineEditor::erase_selected() {
  if (!all_selected_) return false;
  set_text("");
  return true;
}

void LineEditor::insert(std::string_view text) {
  erase_selected();
  std::string clean(text);
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  text_.insert(cursor_, clean);
  cursor_ += clean.size();
}

void LineEditor::insert(unsigned code_point) {
  if (code_point < 0x20 || code_point == 0x7f || code_point > 0x10ffff) return;
  insert(utf8(code_point));
}

void LineEditor::erase_before() {
  if (erase_selected()) return;
  const std::size_t from = before(text_, cursor_);
  text_.erase(from, cursor_ - from);
  cursor_ = from;
}

void LineEditor::erase_word_before() {
  if (erase_selected()) return;
  std::size_t from = cursor_;
  while (from > 0 && text_[from - 1] == ' ') --from;
  while (from > 0 && text_[from - 1] != ' ') --from;
  text_.erase(from, cursor_ - from);
  cursor_ = from;
}

void LineEditor::erase_after() {
  if (erase_selected()) return;
  text_.erase(cursor_, after(text_, cursor_) - cursor_);
}

void LineEditor::left() {
  cursor_ = all_selected_ ? 0 : before(text_, cursor_);
  all_selected_ = false;
}

void LineEditor::right() {
  cursor_ = all_selected_ ? text_.size() : after(text_, cursor_);
  all_selected_ = false;
}

void LineEditor::home() {
  cursor_ = 0;
  all_selected_ = false;
}

void LineEditor::end() {
  cursor_ = text_.size();
  all_selected_ = false;
}

}  // namespace taskscope::viewer
