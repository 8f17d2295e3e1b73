#include "runtime/sched/label_set.h"

#include <algorithm>
#include <utility>

#include "runtime/base/sanitizer.h"

namespace taskscope::sched {
namespace {

constexpr std::size_t kKeyBytesMax = 1024;

std::string_view key_of(std::string_view text) { return text.substr(0, text.find('\t')); }

// Not in the middle of a character.
void cut(std::string& text, std::size_t end) {
  if (text.size() <= end) return;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
}

// Without what would be taken for the end of the key.
std::string text_of(std::string_view key, std::string_view value) {
  std::string text(key);
  std::replace(text.begin(), text.end(), '\t', ' ');
  cut(text, kKeyBytesMax);
  text += '\t';
  text += value;
  cut(text, LabelSet::kBytesMax);
  return text;
}

}  // namespace

const LabelSet* LabelSet::make(const LabelSet* base, std::string_view key,
                               std::optional<std::string_view> value) {
  auto* const made = new LabelSet;
  if (base != nullptr) made->marks_ = base->marks_;
  const std::string text = text_of(key, value.value_or(std::string_view()));
  if (base != nullptr) {
    for (const std::string& other : base->texts_) {
      if (key_of(other) != key_of(text)) made->texts_.push_back(other);
    }
  }
  if (value) {
    const auto behind =
        std::find_if(made->texts_.begin(), made->texts_.end(),
                     [&](const std::string& other) { return key_of(other) > key_of(text); });
    made->texts_.insert(behind, text);
  }
  return unless_empty(made);
}

const LabelSet* LabelSet::with_marks(const LabelSet* base, Marks marks) {
  auto* const made = new LabelSet;
  if (base != nullptr) made->texts_ = base->texts_;
  made->marks_ = std::move(marks);
  return unless_empty(made);
}

const LabelSet* LabelSet::unless_empty(LabelSet* made) {
  base::annotate_owned(made);
  if (!made->texts_.empty() || !made->marks_.empty()) return made;
  delete made;
  return nullptr;
}

bool LabelSet::has(const TaskMark& mark) const {
  return std::any_of(marks_.begin(), marks_.end(),
                     [&](const auto& other) { return other.get() == &mark; });
}

void LabelSet::release() const {
  auto* const self = const_cast<LabelSet*>(this);
  base::annotate_release(self);
  // Acquire and release: what others did with it is over before it dies.
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  base::annotate_acquire(self);
  delete self;
}

std::optional<std::string_view> LabelSet::value(std::string_view key) const {
  const std::string wanted = text_of(key, {});  // as it was stored
  for (const std::string& text : texts_) {
    if (key_of(text) == key_of(wanted))
      return std::string_view(text).substr(key_of(text).size() + 1);
  }
  return std::nullopt;
}

}  // namespace taskscope::sched
