#include "recorder/ingest/label_sets.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace taskscope::ingest {
namespace {

constexpr std::size_t kKnownMax = 4096;
constexpr std::size_t kKnownBytesMax = 8 << 20;
// Of one task.
constexpr std::size_t kLabelsMax = 256;
constexpr std::size_t kSetBytesMax = 65'536;

std::string_view key_of(std::string_view text) { return text.substr(0, text.find('\t')); }

}  // namespace

std::optional<LabelSets::Reference> LabelSets::with(const Reference& base, std::string_view text,
                                                    std::int64_t ns) {
  std::vector<std::string> texts;
  if (base != nullptr) texts = base->texts;
  const std::string_view key = key_of(text);
  std::erase_if(texts, [key](const std::string& other) { return key_of(other) == key; });
  if (key.size() != text.size()) {
    const auto behind = std::find_if(texts.begin(), texts.end(), [key](const std::string& other) {
      return key_of(other) > key;
    });
    texts.emplace(behind, text);
  }
  if (texts.empty()) return Reference();
  const std::size_t bytes =
      std::accumulate(texts.begin(), texts.end(), std::size_t{0},
                      [](std::size_t sum, const std::string& each) { return sum + each.size(); });
  if (texts.size() > kLabelsMax || bytes > kSetBytesMax) return std::nullopt;
  return store(std::move(texts), ns);
}

LabelSets::Reference LabelSets::store(std::vector<std::string> texts, std::int64_t ns) {
  std::string all;
  for (const std::string& text : texts) (all += text) += '\0';
  const auto found = known_.find(all);
  if (found != known_.end()) return found->second;
  if (known_.size() == kKnownMax || known_bytes_ + all.size() > kKnownBytesMax) forget(ns);
  known_bytes_ += all.size();
  const auto made = std::make_shared<Set>();  // shared: see Reference
  made->id = next_id_++;
  made->texts = std::move(texts);
  for (const std::string& text : made->texts) {
    const std::string_view key = key_of(text);
    writer_.put_label(
        {.set_id = made->id, .key = std::string(key), .value = text.substr(key.size() + 1)});
  }
  return known_[std::move(all)] = made;
}

void LabelSets::forget(std::int64_t ns) {
  if (known_.empty()) return;
  writer_.end_label_sets(first_known_, next_id_, ns);
  known_.clear();
  known_bytes_ = 0;
  first_known_ = next_id_;
}

}  // namespace taskscope::ingest
