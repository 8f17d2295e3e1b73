// Labels of tasks: what a task works for, inherited by those that it starts from then on.
//
//   ts::set_label("request", "42");
//   ts::go([] { load_tables(); });  // has that label, too
//   ts::with_labels({{"handler", "/index"}, {"user", "7"}}, [] { load_tables(); });
//   if (ts::label("request") == "42") ts::remove_label("request");
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace taskscope {

// Gives the calling task a label, or another value of one that it has. Tasks that are there already
// keep what they have. What a key has beyond 1,024 bytes, or both beyond 4,095, is cut off. On a
// thread that runs no task these do nothing.
void set_label(std::string_view key, std::string_view value);
void remove_label(std::string_view key);

// The value of a label of the calling task.
std::optional<std::string> label(std::string_view key);

using LabelList = std::initializer_list<std::pair<std::string_view, std::string_view>>;

namespace annotate {

// For with_labels: gives the calling task back what it had at its end.
class LabelsOfBlock {
 public:
  explicit LabelsOfBlock(LabelList labels);
  ~LabelsOfBlock();
  LabelsOfBlock(const LabelsOfBlock&) = delete;
  LabelsOfBlock& operator=(const LabelsOfBlock&) = delete;

 private:
  const void* before_;  // the set that it had
};

}  // namespace annotate

// Runs `function` with these labels beside those that the calling task has, and returns its result.
template <class F>
decltype(auto) with_labels(LabelList labels, F&& function) {
  const annotate::LabelsOfBlock block(labels);
  return std::forward<F>(function)();
}

}  // namespace taskscope
