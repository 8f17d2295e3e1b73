// send_without_receiver: a task offers a value that nobody takes any more.
//
// It happens where several are asked and one answer is enough: the receiver takes the first and
// leaves, and the others wait in send for ever. The answers are right, nothing fails, only memory
// grows with every question.
//
// Taskscope shows: leak: 2 tasks started at … were still blocked in chan send at … when the
//   program ended, and nothing was left that could have woken them.
//
// The correction (--fixed): room in the channel for everyone who may send. (ts::first_of does it
// all: it cancels the losers and waits for them, examples/first_result.cpp.)
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

constexpr std::array<const char*, 3> kMirrors = {"Lisbon", "Oslo", "Perth"};

std::string fastest(bool fixed) {
  const auto answers = ts::make_chan<std::string>("answers", fixed ? kMirrors.size() : 0);
  for (std::size_t i = 0; i < kMirrors.size(); ++i) {
    ts::go(kMirrors[i], [=] {
      ts::sleep(std::chrono::milliseconds(10 * (i + 1)));
      answers.send(kMirrors[i]);  // ← here
    });
  }
  return *answers.recv();
}

}  // namespace

int main(int argc, char** argv) {
  bool fixed = false;
  if (!examples::parse_options(argc, argv, {{.name = "--fixed", .given = &fixed}})) return 2;
  ts::ManualClock clock;  // leaps over waits
  return ts::run(
      [&] {
        std::printf("%s was the fastest\n", fastest(fixed).c_str());
        ts::sleep(std::chrono::hours(1));  // the program lives on
      },
      {.clock = &clock});
}
