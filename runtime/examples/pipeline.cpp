// pipeline: readings flow through stages; one stage is done by several tasks, the last one is slow.
//
//   station ──lines──▶ parser 1 ──┐
//                 ├──▶   …        ├──merge──▶ batches ──▶ archive
//                 └──▶ parser N ──┘
//
// Fan-out: all parsers receive from one channel, so whoever is free takes the next line. Fan-in:
// ts::merge brings what they send on their own channels together again. ts::batch makes groups of
// it, because the archive is slow with single readings.
//
// Back pressure: no channel has a buffer, so nobody can be far ahead. While the archive stores a
// group, the others wait, and the station stops sending. The program measures how many readings
// are under way at most, and checks that, whatever the machine does, it is no more than there are
// hands to hold them. The sums in the archive are checked, too; the exit status is 1 if they are
// wrong.
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr int kSensors = 7;
constexpr std::size_t kGroup = 32;
constexpr std::chrono::milliseconds kStoring{1};

struct Options {
  int readings = 5000;
  int parsers = 3;
};

struct Reading {
  int sensor = 0;
  int value = 0;
};

// How many readings have been made and not yet stored.
struct UnderWay {
  std::atomic<int> now{0};
  int most = 0;  // written by the station alone

  void begin() { most = std::max(most, now.fetch_add(1) + 1); }
  void end(std::size_t count) { now.fetch_sub(static_cast<int>(count)); }
};

using Sums = std::map<int, long>;

Reading reading(int number) {
  return {.sensor = number % kSensors, .value = number * number % 1000};
}

// Stage 1: the readings as text.
ts::Receiver<std::string> listen(const ts::Context& ctx, int count, UnderWay& under_way) {
  auto lines = ts::make_chan<std::string>("lines");
  ts::go("station", [=, &under_way] {
    for (int i = 0; i < count; ++i) {
      const Reading made = reading(i);
      under_way.begin();
      const std::string line = std::to_string(made.sensor) + " " + std::to_string(made.value);
      if (!lines.send(ctx, line)) break;
    }
    lines.close();
  });
  return lines;
}

Reading parse(std::string_view line) {
  Reading result;
  const char* const end = line.data() + line.size();
  const char* const space = std::from_chars(line.data(), end, result.sensor).ptr;
  std::from_chars(space + 1, end, result.value);
  return result;
}

// Stage 2, once for each parser.
ts::Receiver<Reading> start_parser(const ts::Context& ctx, int number,
                                   ts::Receiver<std::string> lines) {
  auto readings = ts::make_chan<Reading>("readings");
  ts::go("parser " + std::to_string(number), [=] {
    for (const std::string& line : ts::or_done(ctx, lines)) {
      if (!readings.send(ctx, parse(line))) break;
    }
    readings.close();
  });
  return readings;
}

// The last stage runs in the task that asked for the sums.
Sums store(ts::Receiver<std::vector<Reading>> groups, UnderWay& under_way) {
  Sums sums;
  for (const std::vector<Reading>& group : groups) {
    ts::sleep(kStoring);
    for (const Reading& stored : group) sums[stored.sensor] += stored.value;
    under_way.end(group.size());
  }
  return sums;
}

Sums flow(const Options& options, UnderWay& under_way) {
  auto [ctx, cancel] = ts::with_cancel(ts::background());
  const ts::Receiver<std::string> lines = listen(ctx, options.readings, under_way);
  std::vector<ts::Receiver<Reading>> parsed;
  for (int i = 1; i <= options.parsers; ++i) parsed.push_back(start_parser(ctx, i, lines));
  const auto merged = ts::merge(ctx, parsed);
  const auto groups =
      ts::batch(ctx, merged, {.size_max = kGroup, .age_max = std::chrono::milliseconds(5)});
  return store(groups, under_way);
}

bool all_right(const Options& options, const Sums& sums, const UnderWay& under_way) {
  Sums expected;
  for (int i = 0; i < options.readings; ++i) expected[reading(i).sensor] += reading(i).value;
  // One group in the archive's hands and one with the batcher; one reading with the station, and
  // with each parser and its task of merge.
  const int hands = 2 * static_cast<int>(kGroup) + 1 + 2 * options.parsers;
  if (sums != expected) std::fprintf(stderr, "pipeline: the sums are wrong\n");
  if (under_way.most > hands) std::fprintf(stderr, "pipeline: the station ran ahead\n");
  return sums == expected && under_way.most <= hands;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!examples::parse_options(argc, argv,
                               {{.name = "--readings", .number = &options.readings},
                                {.name = "--parsers", .number = &options.parsers}}))
    return 2;
  return ts::run([&] {
    UnderWay under_way;
    const Sums sums = flow(options, under_way);
    for (const auto& [sensor, sum] : sums) std::printf("sensor %d: %ld\n", sensor, sum);
    std::printf("%d readings, at most %d under way\n", options.readings, under_way.most);
    return all_right(options, sums, under_way) ? 0 : 1;
  });
}
