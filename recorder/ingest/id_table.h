// A table from ids to values for entities that come and go: tasks and objects.
//
// Open addressing over a slab, so that a look-up costs one or two cache misses and nothing is
// allocated per entity once the table has grown. One thread at a time. Pointers to values stay
// valid until the value is erased; its memory is then a default value, or another id's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace taskscope::ingest {

template <class Value>
class IdTable {
 public:
  IdTable() : index_(kSizeMin) {}

  // Null if there is none.
  Value* find(std::uint64_t id) {
    for (std::size_t i = home(id);; i = next(i)) {
      if (index_[i].value == nullptr) return nullptr;
      if (index_[i].id == id) return index_[i].value;
    }
  }

  // Says that `id` will be looked up soon.
  void prefetch(std::uint64_t id) const { __builtin_prefetch(&index_[home(id)]); }
  // The same, still sooner: where it is should be known by now.
  void prefetch_value(std::uint64_t id) const { __builtin_prefetch(index_[home(id)].value); }

  // The value of `id`, made with its default if there was none.
  Value& get(std::uint64_t id) {
    if (Value* found = find(id)) return *found;
    if ((size_ + 1) * 2 > index_.size()) grow();
    Value* value = new_value();
    insert(id, value);
    ++size_;
    return *value;
  }

  void erase(std::uint64_t id) {
    std::size_t i = home(id);
    while (index_[i].id != id || index_[i].value == nullptr) {
      if (index_[i].value == nullptr) return;
      i = next(i);
    }
    *index_[i].value = Value();
    free_.push_back(index_[i].value);
    --size_;
    close_gap(i);
  }

  std::size_t size() const { return size_; }

  template <class Visit>
  void for_each(Visit visit) {
    for (const Entry& entry : index_) {
      if (entry.value != nullptr) visit(entry.id, *entry.value);
    }
  }

 private:
  static constexpr std::size_t kSizeMin = 1024;  // a power of two, as every size
  static constexpr std::size_t kBlockSize = 256;

  struct Entry {
    std::uint64_t id = 0;
    Value* value = nullptr;  // null: empty
  };

  Value* new_value() {
    if (free_.empty()) {
      blocks_.push_back(std::make_unique<Value[]>(kBlockSize));
      for (std::size_t i = kBlockSize; i-- > 0;) free_.push_back(&blocks_.back()[i]);
    }
    Value* value = free_.back();
    free_.pop_back();
    return value;
  }

  std::size_t home(std::uint64_t id) const {
    // Fibonacci hashing; ids come in runs and low bits alone would do, were they not hostile.
    return (id * 0x9e37'79b9'7f4a'7c15u >> 20) & (index_.size() - 1);
  }
  std::size_t next(std::size_t i) const { return (i + 1) & (index_.size() - 1); }

  void insert(std::uint64_t id, Value* value) {
    std::size_t i = home(id);
    while (index_[i].value != nullptr) i = next(i);
    index_[i] = {id, value};
  }

  void grow() {
    std::vector<Entry> old(index_.size() * 2);
    old.swap(index_);
    for (const Entry& entry : old) {
      if (entry.value != nullptr) insert(entry.id, entry.value);
    }
  }

  // Moves later entries of the same run back, so that look-ups need no tombstones.
  void close_gap(std::size_t gap) {
    for (std::size_t i = next(gap); index_[i].value != nullptr; i = next(i)) {
      const std::size_t wanted = home(index_[i].id);
      const bool stays = gap <= i ? gap < wanted && wanted <= i : gap < wanted || wanted <= i;
      if (stays) continue;
      index_[gap] = index_[i];
      gap = i;
    }
    index_[gap] = {};
  }

  std::vector<Entry> index_;
  std::vector<std::unique_ptr<Value[]>> blocks_;  // stable addresses
  std::vector<Value*> free_;
  std::size_t size_ = 0;
};

}  // namespace taskscope::ingest
