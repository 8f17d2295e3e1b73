// batch: the values of a channel in groups: as soon as one is full, or its first value has waited
// long enough.
//
//   for (std::vector<Row>& some : ts::batch(ctx, rows, {.size_max = 500, .age_max = 50ms})) {
//     database.insert(some);
//   }
//
// When the channel is closed, what is left comes as a last group and the result is closed, so that
// nothing is lost. When the context is done the result is closed at once, and values that were
// collected are dropped: to end without loss, close the channel. While nobody takes a group no
// further values are received: a slow receiver slows down the senders. Groups are never empty.
//
// For tasks. One task works behind it until the channel is closed or the context is done.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/channel/select.h"
#include "runtime/context/context.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/go.h"
#include "runtime/time/timer.h"

namespace taskscope {

struct BatchOptions {
  std::size_t size_max = 100;
  std::chrono::nanoseconds age_max = std::chrono::seconds(1);  // of a group's first value
};

namespace patterns {

// The work of one ts::batch, in its task.
template <class T>
class Batching {
 public:
  Batching(Context context, Receiver<T> from, const BatchOptions& options, const base::Site& site)
      : context_(std::move(context)),
        from_(std::move(from)),
        options_(options),
        site_(site),
        to_(make_chan<std::vector<T>>("batch", 0, site)) {}

  Receiver<std::vector<T>> groups() const { return to_; }

  void operator()() {
    while (fill() && flush()) {
    }
    to_.close(site_);
  }

 private:
  // Collects a group. False: there will be no other.
  bool fill() {
    Result<T> first = from_.recv(context_, site_);
    if (!first) return false;
    group_.push_back(std::move(*first));
    if (options_.size_max == 1) return true;
    const Timer age(options_.age_max, site_);
    while (group_.size() < options_.size_max) {
      std::optional<T> value = from_.try_recv();
      if (!value) {
        const std::size_t arm =
            select(recv(from_, value, site_), recv(age.c()), recv(context_.done()));
        if (arm != 0) return arm == 1;
        if (!value) return flush() && false;
      }
      group_.push_back(std::move(*value));
    }
    return true;
  }
  bool flush() { return to_.send(context_, std::exchange(group_, {}), site_); }

  const Context context_;
  const Receiver<T> from_;
  const BatchOptions options_;
  const base::Site site_;
  const Chan<std::vector<T>> to_;
  std::vector<T> group_;
};

}  // namespace patterns

// Panics if size_max is 0.
template <channel::Receives Handle>
auto batch(const Context& context, const Handle& from, const BatchOptions& options = {},
           Site site = Site::here()) {
  if (options.size_max == 0) sched::panic("ts::batch with groups of at most 0 values");
  patterns::Batching<channel::Element<Handle>> batching(context, from, options, site);
  auto groups = batching.groups();
  sched::spawn("batch", std::move(batching), site);
  return groups;
}

}  // namespace taskscope
