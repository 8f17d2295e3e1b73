// merge: the values of several channels on one, as they come. Fan-in.
//
//   for (const Line& line : ts::merge(ctx, files, network, console)) print(line);
//
// The result is closed when all the channels are, or when the context is done; then values that
// nobody has received yet are dropped. There is no buffer: who sends faster than the receiver takes
// has to wait. A receiver that stops early must end the context, or the tasks behind merge, one for
// each channel, wait for ever. Values of one channel stay in order. For tasks.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/channel/select.h"
#include "runtime/context/context.h"
#include "runtime/patterns/call_context.h"
#include "runtime/patterns/or_done.h"
#include "runtime/sched/go.h"

namespace taskscope {
namespace patterns {

// What the tasks of one merge have in common.
template <class T>
struct FanIn {
  FanIn(const CallContext& call, std::size_t count)
      : ctx(call.ctx), at(call.at), out(make_chan<T>("merge", 0, call.at)), open(count) {}

  void forward(const Receiver<T>& from) {
    for (T& value : OrDone<T>(ctx, from, at)) {
      if (!out.send(ctx, std::move(value), at)) break;
    }
    // Acq_rel: the last one closes after all others' sends.
    if (open.fetch_sub(1, std::memory_order_acq_rel) == 1) out.close(at);
  }

  const Context ctx;
  const base::Site at;
  const Chan<T> out;
  // Atomic: channels that are not at their end.
  std::atomic<std::size_t> open;
};

}  // namespace patterns

template <class T>
Receiver<T> merge(patterns::CallContext context, const std::vector<Receiver<T>>& channels) {
  // shared: the last of the tasks closes the channel
  const auto fan_in = std::make_shared<patterns::FanIn<T>>(context, channels.size());
  if (channels.empty()) fan_in->out.close(context.at);
  for (const Receiver<T>& from : channels) {
    sched::spawn(
        "merge", [fan_in, from] { fan_in->forward(from); }, context.at);
  }
  return fan_in->out;
}

// The same for channels or receivers that are listed.
template <channel::Receives First, channel::Receives... Rest>
auto merge(patterns::CallContext context, const First& first, const Rest&... rest) {
  using T = channel::Element<First>;
  return merge<T>(context, std::vector<Receiver<T>>{first, rest...});
}

}  // namespace taskscope
