// LabelSet: the labels of a task, shared with those that it started since.
//
// Never changes once made; who changes a task's labels gives it another one. Counted references,
// because a set dies with the last task that has it, on whatever thread that ends. A task keeps its
// set beside its name (task_texts.h). A set may also have marks (task_mark.h), which nobody sees
// and which are handed on as labels are.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/sched/task_mark.h"

namespace taskscope::sched {

class LabelSet {
 public:
  // A label as one text, KEY<tab>VALUE, at most so many bytes.
  static constexpr std::size_t kBytesMax = 4096;

  // `base` and one more, or without `key` if there is no value; null if nothing is left. `base` may
  // be null. The caller has a reference.
  static const LabelSet* make(const LabelSet* base, std::string_view key,
                              std::optional<std::string_view> value);
  // shared: who asks a mark may be gone before the tasks that stand under it, and the other way
  // round.
  using Marks = std::vector<std::shared_ptr<TaskMark>>;
  // The labels of `base`, which may be null, with other marks.
  static const LabelSet* with_marks(const LabelSet* base, Marks marks);

  LabelSet(const LabelSet&) = delete;
  LabelSet& operator=(const LabelSet&) = delete;

  // By key.
  const std::vector<std::string>& texts() const { return texts_; }
  std::optional<std::string_view> value(std::string_view key) const;
  const Marks& marks() const { return marks_; }
  bool has(const TaskMark& mark) const;

  void retain() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void release() const;

 private:
  friend class TaskTexts;

  LabelSet() { texts_of_nameless_.labels = this; }
  ~LabelSet() = default;
  static const LabelSet* unless_empty(LabelSet* made);
  // A task has it, or has it no more.
  void count_task() const {
    for (const auto& mark : marks_) mark->add();
  }
  void discount_task() const {
    for (const auto& mark : marks_) mark->remove();
  }

  // Constant after construction.
  std::vector<std::string> texts_;
  Marks marks_;
  // What a task with these labels and without a name has as its texts.
  struct {
    const LabelSet* labels = nullptr;
    char no_name = '\0';
  } texts_of_nameless_;

  // Atomic: see release().
  mutable std::atomic<std::uint32_t> references_{1};
};

}  // namespace taskscope::sched
