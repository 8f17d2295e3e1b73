// ping_pong: two tasks hand over one small value at a time, and wait for each other every time.
//
// A channel without a buffer makes sender and receiver meet. Where each value is worth a meeting,
// that is what one wants; where it is a byte, a number, a line, the two spend their time going to
// sleep and waking each other up.
//
// Taskscope shows with --limit window=1ms: ping_pong: The unbuffered channel "numbers" made tasks
//   wait … times, up to … times a second, and they ran for less than 5.00 µs in between.
//
// The correction (--fixed): hand over groups (ts::batch makes them of what comes singly); a buffer
// in the channel helps as well.
#include <cstdio>
#include <numeric>
#include <utility>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kNumbers = 50'000;
constexpr std::size_t kGroup = 5000;

long add_up_one_by_one() {
  const auto numbers = ts::make_chan<int>("numbers");
  ts::go("source", [numbers] {
    for (int i = 1; i <= kNumbers; ++i) numbers.send(i);  // the mistake
    numbers.close();
  });
  long sum = 0;
  for (const int number : numbers) sum += number;
  return sum;
}

long add_up_in_groups() {
  const auto groups = ts::make_chan<std::vector<int>>("groups");
  ts::go("source", [groups] {
    std::vector<int> group;
    for (int i = 1; i <= kNumbers; ++i) {
      group.push_back(i);
      if (group.size() == kGroup) groups.send(std::exchange(group, {}));
    }
    groups.close();
  });
  long sum = 0;
  for (const std::vector<int>& group : groups)
    sum = std::accumulate(group.begin(), group.end(), sum);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  return ts::run([fixed] {
    std::printf("the sum is %ld\n", fixed ? add_up_in_groups() : add_up_one_by_one());
  });
}
