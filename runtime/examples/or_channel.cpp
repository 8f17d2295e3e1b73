// or_channel: a channel that is closed as soon as any one of several channels is.
//
// Use it where the number of reasons to stop is known only when the program runs: the ends of a
// list of connections, of the requests in a batch, of plug-ins. For a fixed number ts::select reads
// better, and where you own the reasons, one context that all of them cancel is simpler still. This
// is for channels that come from elsewhere.
//
// One task waits in a ts::SelectList of all of them. It must end also if none ever closes: that is
// what the context is for.
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

using Ended = ts::Receiver<ts::Unit>;

Ended any_of(const ts::Context& ctx, std::vector<Ended> channels) {
  const auto any = ts::make_chan<ts::Unit>("any");
  ts::go("or", [ctx, channels = std::move(channels), any] {
    ts::SelectList arms;
    for (const Ended& channel : channels) arms.recv(channel, [](std::optional<ts::Unit>) {});
    static_cast<void>(arms.wait(ctx));
    any.close();
  });
  return any;
}

// Waits until one of `count` connections ends; number `first` does.
bool ends_with(int count, int first) {
  std::vector<ts::Chan<ts::Unit>> connections;
  for (int i = 0; i < count; ++i) connections.push_back(ts::make_chan<ts::Unit>("connection"));
  const auto [ctx, cancel] = ts::with_cancel(ts::background());
  const Ended any = any_of(ctx, {connections.begin(), connections.end()});
  if (any.drained()) return false;  // none has ended yet
  connections[static_cast<std::size_t>(first)].close();
  any.recv();
  return any.drained();
}

}  // namespace

int main() {
  return ts::run([] {
    int right = 0;
    for (const int first : {0, 7, 99}) right += ends_with(100, first) ? 1 : 0;

    // Nobody ends, but whoever waited has lost interest.
    auto waiting = ts::with_cancel(ts::background());
    const auto silent = ts::make_chan<ts::Unit>("silent");
    const Ended any = any_of(waiting.ctx, {silent});
    waiting.cancel();
    any.recv();
    std::printf("%d of 3 ends were noticed, %s\n", right, "and one was given up");
    return right == 3 ? 0 : 1;
  });
}
