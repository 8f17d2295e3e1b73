// fan_in: several channels become one, so that whoever listens does not care how many speak.
//
// Use it to bring together sources of one kind that come and go: ts::merge receives from all of
// them and closes its channel when the last of them is closed. Values of one source stay in order,
// those of different sources come as they come. (A fixed, small number of channels of different
// types is what ts::select is for.)
//
// Here three stations report the weather, each in its own rhythm, and one log writes it all down.
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

constexpr int kReports = 20;
const std::array<const char*, 3> kStations = {"harbour", "hill", "airport"};

struct Report {
  std::size_t station = 0;
  int number = 0;
};

ts::Receiver<Report> listen_to(ts::Scope& stations, std::size_t station) {
  const auto reports = ts::make_chan<Report>(kStations[station]);
  stations.go(kStations[station], [=](const ts::Context& ctx) {
    for (int number = 0; number < kReports; ++number) {
      if (!ts::sleep(ctx, std::chrono::microseconds(300 * (station + 1)))) break;
      if (!reports.send(ctx, {.station = station, .number = number})) break;
    }
    reports.close();
  });
  return reports;
}

}  // namespace

int main() {
  return ts::run([] {
    ts::Scope stations;
    std::vector<ts::Receiver<Report>> sources;
    for (std::size_t i = 0; i < kStations.size(); ++i) sources.push_back(listen_to(stations, i));

    std::array<int, kStations.size()> heard{};
    bool in_order = true;
    for (const Report& report : ts::merge(stations.ctx(), sources)) {
      in_order = in_order && report.number == heard[report.station];
      ++heard[report.station];
    }
    bool all = true;
    for (std::size_t i = 0; i < kStations.size(); ++i) {
      std::printf("%s: %d reports\n", kStations[i], heard[i]);
      all = all && heard[i] == kReports;
    }
    if (!in_order) std::fprintf(stderr, "fan_in: reports of one station came out of order\n");
    return all && in_order ? 0 : 1;
  });
}
