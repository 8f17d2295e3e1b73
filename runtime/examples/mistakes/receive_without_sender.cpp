// receive_without_sender: a task waits for a value that nobody will ever send.
//
// It happens when the sender has a way out without sending: an error, an early return, a setting.
// Whoever waits is not told, and waits on, with its stack and all that it holds.
//
// Taskscope shows: leak: 1 task started at … was still blocked in chan recv at … when the
//   program ended, and nothing was left that could have woken it.
//
// The correction (--fixed): every way out of the sender either sends or closes the channel.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

const std::map<std::string, int> kPrices = {{"tea", 3}, {"coffee", 4}};

void look_up(const std::string& item, const ts::Sender<int>& price, bool fixed) {
  const auto found = kPrices.find(item);
  if (found != kPrices.end()) return price.send(found->second);
  if (fixed) price.close();  // the mistake is to leave this out
}

void label(const std::string& item, bool fixed, std::atomic<int>& labels) {
  const auto price = ts::make_chan<int>("price");
  ts::go("look up " + item, [=] { look_up(item, price, fixed); });
  ts::go("label " + item, [=, &labels] {
    const std::optional<int> got = price.recv();  // ← here
    if (got) ++labels;
  });
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  std::atomic<int> labels{0};
  return ts::run(
      [&] {
        for (const char* item : {"tea", "coffee", "cocoa"}) label(item, fixed, labels);
        ts::sleep(std::chrono::hours(1));
        std::printf("%d labels\n", labels.load());
      },
      {.clock = &clock});
}
