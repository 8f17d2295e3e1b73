#include "runtime/annotate/label.h"

#include "runtime/sched/annotation.h"
#include "runtime/sched/own_labels.h"
#include "runtime/sched/task_texts.h"

namespace taskscope {

using instrument::Lane;
using sched::LabelSet;
using sched::Task;
using sched::TaskTexts;

namespace {

// Written for each label that is new or has another value, and for each that is gone.
void tell(std::string_view text) {
  sched::annotate<sched::Speaker::Task>(
      [](Lane&) { return 0; },
      [&](Lane& lane, const Task* task, int) { lane.label(task->id, text); });
}

bool has(const LabelSet* labels, const std::string& text) {
  if (labels == nullptr) return false;
  for (const std::string& other : labels->texts()) {
    if (other == text) return true;
  }
  return false;
}

void tell_difference(const LabelSet* before, const LabelSet* after) {
  if (!is_recorded()) return;
  if (before != nullptr) {
    for (const std::string& text : before->texts()) {
      const std::string_view key = std::string_view(text).substr(0, text.find('\t'));
      if (after == nullptr || !after->value(key)) tell(key);
    }
  }
  if (after == nullptr) return;
  for (const std::string& text : after->texts()) {
    if (!has(before, text)) tell(text);
  }
}

void change(std::string_view key, std::optional<std::string_view> value) {
  Task* const task = sched::current_task();
  if (task == nullptr) return;
  const LabelSet* const before = labels_of(*task);
  if (before == nullptr && !value) return;
  const LabelSet* const after = LabelSet::make(before, key, value);
  if (before != nullptr) before->retain();
  sched::replace_own_labels(after);
  tell_difference(before, after);
  if (before != nullptr) before->release();
}

}  // namespace

void set_label(std::string_view key, std::string_view value) { change(key, value); }
void remove_label(std::string_view key) { change(key, std::nullopt); }

std::optional<std::string> label(std::string_view key) {
  const Task* const task = sched::current_task();
  const LabelSet* const labels = task == nullptr ? nullptr : labels_of(*task);
  const auto value = labels == nullptr ? std::nullopt : labels->value(key);
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

namespace annotate {

LabelsOfBlock::LabelsOfBlock(LabelList labels) : before_(nullptr) {
  Task* const task = sched::current_task();
  if (task == nullptr) return;
  const LabelSet* const before = labels_of(*task);
  if (before != nullptr) before->retain();
  before_ = before;
  for (const auto& [key, value] : labels) set_label(key, value);
}

LabelsOfBlock::~LabelsOfBlock() {
  Task* const task = sched::current_task();
  if (task == nullptr) return;
  const auto* const before = static_cast<const LabelSet*>(before_);
  const LabelSet* const inside = labels_of(*task);
  if (inside != nullptr) inside->retain();
  sched::replace_own_labels(before);  // with the reference that the beginning took
  tell_difference(inside, before);
  if (inside != nullptr) inside->release();
}

}  // namespace annotate
}  // namespace taskscope
