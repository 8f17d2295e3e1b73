// retry: again, later each time, a bit by chance, and not for ever.
//
// Use ts::retry for failures that may pass: a busy server, a lost packet. It waits longer after
// each failure, so that who is overloaded gets air, and varies the waits, so that those who failed
// together do not come back together. Three things end it: a success, a failure of which the
// function says that it will not pass, and the context, which is the caller's patience. Only what
// may be done twice should be retried.
//
// Here a counter at the server tells how often it was really asked. --simulate takes a clock that
// leaps over every wait.
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "runtime/examples/command_line.h"
#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

// Fails a few times first. "missing" is never there.
class Server {
 public:
  explicit Server(int failures) : failures_(failures) {}

  ts::Result<std::string> get(const std::string& key) {
    ++asked_;
    if (failures_-- > 0) return ts::Error{.message = "busy"};
    if (key == "missing") return ts::Error{.message = "not found", .os_error = ENOENT};
    return key + "'s value";
  }
  int asked() const { return asked_; }

 private:
  int failures_;
  int asked_ = 0;
};

std::string ask(const ts::Context& ctx, Server& server, const std::string& key) {
  const ts::RetryOptions options{.attempts_max = 6,
                                 .backoff = {.first = milliseconds(1), .max = milliseconds(8)}};
  const auto get = [&](ts::Attempt& attempt) {
    ts::Result<std::string> got = server.get(key);
    if (!got && got.error().os_error == ENOENT) attempt.stop();  // that will not pass
    return got;
  };
  const ts::Result<std::string> got = ts::retry(ctx, options, get);
  return got ? *got : got.error().message;
}

struct Case {
  const char* what;
  int failures;
  const char* key;
  milliseconds patience;
  const char* answer;
  int asked;
};
struct Outcome {
  std::string answer;
  int asked = 0;
};

}  // namespace

int main(int argc, char** argv) {
  bool simulate = false;
  if (!examples::parse_options(argc, argv, {{.name = "--simulate", .given = &simulate}})) return 2;
  ts::ManualClock leaping;
  return ts::run(
      [] {
        const Case cases[] = {
            {"a failure that passes", 3, "a", milliseconds(60'000), "a's value", 4},
            {"a failure that stays", 99, "b", milliseconds(60'000), "busy", 6},
            {"one that will not pass", 0, "missing", milliseconds(60'000), "not found", 1},
            {"no patience", 99, "c", milliseconds(0), "retry: context deadline exceeded", 0},
        };
        const auto run = [](const Case& each) {
          Server server(each.failures);
          const auto limited = ts::with_timeout(ts::background(), each.patience);
          std::string answer = ask(limited.ctx, server, each.key);
          return Outcome{std::move(answer), server.asked()};
        };
        const std::vector<Outcome> outcomes = ts::parallel_map(cases, {.tasks_max = 4}, run);
        bool right = true;
        for (std::size_t i = 0; i < outcomes.size(); ++i) {
          const auto& [answer, asked] = outcomes[i];
          std::printf("%s: %s, asked %d times\n", cases[i].what, answer.c_str(), asked);
          right = right && answer == cases[i].answer && asked == cases[i].asked;
        }
        return right ? 0 : 1;
      },
      {.clock = simulate ? &leaping : nullptr});
}
