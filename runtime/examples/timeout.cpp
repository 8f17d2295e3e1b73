// timeout: an answer that takes too long is given up, and so is the work on it.
//
// Use a context with a timeout wherever somebody waits for somebody else: a request, a query, a
// lock that may be held for long. It bounds the whole of what happens below, however many calls
// that is, because everything that waits takes it. ts::after in a ts::select bounds one wait only,
// and tells nobody else: whoever worked on the answer goes on (mistakes/abandoned_timeout.cpp shows
// what comes of that).
//
// Here a page is put together from three services, each of which may take 20 ms, all together 45.
// --simulate takes a clock that leaps over every wait: the same happens, at once.
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

struct Service {
  const char* name;
  milliseconds takes;
};

// The services wait for something, and give up with whoever asked.
ts::Result<std::string> ask(const ts::Context& ctx, const Service& service) {
  if (!ts::sleep(ctx, service.takes)) return ctx.error();
  return std::string(service.name);
}

ts::Result<std::string> page(const ts::Context& request, const std::vector<Service>& services) {
  std::string text;
  for (const Service& service : services) {
    const auto limited = ts::with_timeout(request, milliseconds(20));
    const ts::Result<std::string> part = ask(limited.ctx, service);
    if (part) {
      text += *part + " ";
    } else if (request.err()) {
      return request.error();  // the request as a whole took too long
    } else {
      text += "(no " + std::string(service.name) + ") ";  // only this part did
    }
  }
  return text;
}

std::string answer(const std::vector<Service>& services) {
  const auto request = ts::with_timeout(ts::background(), milliseconds(45));
  const ts::Result<std::string> text = page(request.ctx, services);
  return text ? *text : "sorry: " + text.error().message;
}

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        constexpr milliseconds kSlow{500};
        const std::vector<std::vector<Service>> requests = {
            {{"news", milliseconds(1)}, {"weather", milliseconds(2)}},
            {{"news", milliseconds(1)}, {"weather", kSlow}},
            {{"news", kSlow}, {"weather", kSlow}, {"advertisements", kSlow}}};
        const std::vector<std::string> answers =
            ts::parallel_map(requests, {.tasks_max = requests.size()}, answer);
        for (const std::string& text : answers) std::printf("%s\n", text.c_str());
        const std::vector<std::string> expected = {"news weather ", "news (no weather) ",
                                                   "sorry: context deadline exceeded"};
        return answers == expected ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
