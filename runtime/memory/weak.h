// weak<T>: a handle that does not keep its object alive, for caches and back references.
//
//   std::map<int, ts::weak<Page>> cache;
//   ts::ref<Page> page = cache[7].lock();   // null if nobody else has it any more
//   if (!page) cache[7] = page = read_page(7);
#pragma once

#include <utility>

#include "runtime/memory/ref.h"
#include "runtime/memory/weak_table.h"

namespace taskscope {

template <class T>
class weak {
 public:
  weak() = default;
  weak(ref<T> object)  // NOLINT: implicit
      : cell_(object ? memory::make_weak_cell(object.get()) : nullptr) {}
  weak(const weak& other) : cell_(other.cell_) {
    if (cell_ != nullptr) cell_->handles.fetch_add(1, std::memory_order_relaxed);
  }
  weak(weak&& other) noexcept : cell_(std::exchange(other.cell_, nullptr)) {}
  weak& operator=(weak other) noexcept {
    std::swap(cell_, other.cell_);
    return *this;
  }
  ~weak() {
    if (cell_ != nullptr) memory::drop_weak_cell(cell_);
  }

  // The object, or null if it was collected.
  ref<T> lock() const {
    return ref<T>(cell_ == nullptr ? nullptr : static_cast<T*>(memory::lock_weak_cell(*cell_)));
  }

 private:
  memory::WeakCell* cell_ = nullptr;
};

}  // namespace taskscope
