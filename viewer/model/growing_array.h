// An array that grows at its end while others read what it had: how snapshots of a recording under
// way share what does not change any more.
//
// A GrowingArray belongs to one thread. share() gives a SharedArray of what there is now; that one
// never changes, may be read from any thread and keeps its memory alive.
//
// Invariant: what was appended is never written again; more goes into room behind it, which no
// SharedArray reads, or into larger memory, into which it is copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace taskscope::viewer {

// What keeps the memory of some arrays alive for those who hold pointers into it.
using KeptMemory = std::vector<std::shared_ptr<const void>>;  // shared: as the arrays'

template <class T>
class SharedArray {
 public:
  SharedArray() = default;
  explicit SharedArray(const std::vector<T>& values);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* data() const { return data_.get(); }
  const T& operator[](std::size_t at) const { return data_[at]; }
  const T& front() const { return data_[0]; }
  const T& back() const { return data_[size_ - 1]; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }
  // Keeps the memory alive for those who hold pointers into it.
  std::shared_ptr<const void> memory() const { return data_; }

 private:
  template <class U>
  friend class GrowingArray;

  // Constant after construction.
  std::shared_ptr<const T[]> data_;  // shared: by all snapshots, and by who appends
  std::size_t size_ = 0;
};

template <class T>
class GrowingArray {
 public:
  static_assert(std::is_trivially_copyable_v<T>);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* data() const { return data_.get(); }
  const T& operator[](std::size_t at) const { return data_[at]; }
  const T& back() const { return data_[size_ - 1]; }
  const T* begin() const { return data(); }
  const T* end() const { return data() + size_; }

  void push_back(const T& value) {
    if (size_ == capacity_) grow();
    data_[size_++] = value;
  }
  SharedArray<T> share() const {
    SharedArray<T> shared;
    shared.data_ = data_;
    shared.size_ = size_;
    return shared;
  }

 private:
  void grow() {
    capacity_ = std::max<std::size_t>(capacity_ + capacity_ / 2, 4);
    std::shared_ptr<T[]> larger(new T[capacity_]);  // shared: see SharedArray
    std::copy(begin(), end(), larger.get());
    data_ = std::move(larger);
  }

  // Owned by one thread.
  std::shared_ptr<T[]> data_;  // shared: see SharedArray
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

template <class T>
SharedArray<T>::SharedArray(const std::vector<T>& values) : size_(values.size()) {
  if (values.empty()) return;
  std::shared_ptr<T[]> copy(new T[values.size()]);
  std::copy(values.begin(), values.end(), copy.get());
  data_ = std::move(copy);
}

}  // namespace taskscope::viewer
