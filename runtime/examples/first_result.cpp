// first_result: the same question to several, the first good answer wins, the others clean up.
//
// Use ts::first_of where answers are equal and delays are not: replicas, mirrors, caches beside the
// origin. It buys a short wait with work that is thrown away, so the losers must stop as soon as
// there is a winner: their context is cancelled, and first_of returns only when they have ended.
// That is why they may use the caller's variables, and why nothing is left behind (a send on a
// channel that nobody reads is how it goes wrong: mistakes/send_without_receiver.cpp).
//
// A failure is no answer: the fastest mirror here has lost the file. What a loser has half done it
// undoes itself, when its wait is cancelled.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

struct Mirror {
  const char* name;
  milliseconds takes;
  bool has_file;
};

// Counts the files that lie around half written.
class PartialFile {
 public:
  explicit PartialFile(std::atomic<int>& count) : count_(count) { ++count_; }
  ~PartialFile() { --count_; }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

 private:
  std::atomic<int>& count_;
};

ts::Result<std::string> fetch(const ts::Context& race, const Mirror& mirror,
                              std::atomic<int>& partial_files, std::atomic<int>& given_up) {
  const PartialFile file(partial_files);  // removed in any case
  if (!ts::sleep(race, mirror.takes)) {
    ++given_up;
    return race.error();
  }
  if (!mirror.has_file) return ts::Error{.message = std::string(mirror.name) + " has no such file"};
  return std::string(mirror.name);
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        const std::vector<Mirror> mirrors = {{"Lisbon", milliseconds(1), false},
                                             {"Oslo", milliseconds(5), true},
                                             {"Perth", std::chrono::hours(1), true},
                                             {"Lima", std::chrono::hours(1), true}};
        std::atomic<int> partial_files{0};
        std::atomic<int> given_up{0};
        const auto ask = [&](const Mirror& mirror) {
          return
              [&](const ts::Context& race) { return fetch(race, mirror, partial_files, given_up); };
        };
        std::vector<decltype(ask(mirrors[0]))> requests;
        for (const Mirror& mirror : mirrors) requests.push_back(ask(mirror));

        const ts::Result<std::string> winner = ts::first_of(ts::background(), std::move(requests));
        std::printf("%s was first, %d gave up, %d partial files are left\n",
                    winner ? winner->c_str() : winner.error().message.c_str(), given_up.load(),
                    partial_files.load());
        return winner && *winner == "Oslo" && given_up == 2 && partial_files == 0 ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
