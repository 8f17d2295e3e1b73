// or_done: receives from a channel until it is closed or a context is done, whichever is first.
//
//   for (int& number : ts::or_done(ctx, numbers)) total += number;
//
// A range for one loop; it needs no task of its own. Belongs to the task that loops.
#pragma once

#include <iterator>
#include <optional>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/channel/select.h"
#include "runtime/context/context.h"

namespace taskscope {

template <class T>
class OrDone {
 public:
  OrDone(Context context, Receiver<T> from, const Site& site)
      : context_(std::move(context)), from_(std::move(from)), site_(site) {}

  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using reference = T&;
    using pointer = T*;

    explicit Iterator(const OrDone& range) : range_(range) { ++*this; }
    T& operator*() { return *value_; }
    T* operator->() { return &*value_; }
    Iterator& operator++() {
      Result<T> next = range_.from_.recv(range_.context_, range_.site_);
      value_ = next ? std::optional<T>(*std::move(next)) : std::nullopt;
      return *this;
    }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return !it.value_; }

   private:
    const OrDone& range_;
    std::optional<T> value_;
  };

  Iterator begin() const { return Iterator(*this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  Context context_;
  Receiver<T> from_;
  Site site_;
};

template <channel::Receives Handle>
auto or_done(Context context, const Handle& from, Site site = Site::here()) {
  return OrDone<channel::Element<Handle>>(std::move(context), from, site);
}

}  // namespace taskscope
