// leaky: a small server in which some tasks never end, the way it happens in real ones.
//
// Requests arrive on a channel; handlers take them, ask a slow backend and give up after a
// timeout. Every fifth backend call takes longer than that.
//
// The mistake: the backend's answer travels over a channel without a buffer. A handler that has
// given up never receives from it again, so the task that made the call stays in `send` for ever,
// with its stack and everything that it holds. Nothing fails, nothing is logged, the answers are
// right; only memory grows with every timeout. The correction (--fixed) is one number: with room
// for one value the late answer goes into the buffer, the task ends, and the channel is freed with
// its last handle.
//
// When main returns, the program ends and the stuck tasks with it, as in Go. A recording shows
// them: blocked in `chan send` at the line marked below, until the end.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "runtime/taskscope.h"

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeout{20};
constexpr milliseconds kFastCall{2};
constexpr milliseconds kSlowCall{60};
constexpr milliseconds kBetweenRequests{1};
constexpr int kHandlers = 8;

struct Options {
  int requests = 200;
  bool fixed = false;
};

enum class Reply { Answer, TimedOut };

struct Request {
  int id = 0;
  milliseconds backend_time{};
};

// What the handlers have done. The mutex guards both numbers.
struct Statistics {
  ts::Mutex mutex;
  int answered = 0;
  int timed_out = 0;
};

// Asks the backend, and waits no longer than kTimeout. `calls` knows who is still computing.
Reply ask_backend(const Request& request, const Options& options, ts::WaitGroup& calls) {
  auto reply = ts::make_chan<Reply>(options.fixed ? 1 : 0);
  const std::string id = std::to_string(request.id);
  calls.add(1);
  ts::go("backend " + id, [=, &calls] {
    ts::sleep(request.backend_time);
    calls.done();
    reply.send(Reply::Answer);  // the leak: after the timeout nobody receives
  });
  ts::go("timeout " + id, [=] {
    ts::sleep(kTimeout);
    reply.try_send(Reply::TimedOut);  // no one there: the answer was faster
  });
  return reply.recv().value_or(Reply::TimedOut);
}

void handle_all(ts::Receiver<Request> requests, const Options& options, ts::WaitGroup& calls,
                Statistics& statistics) {
  for (const Request& request : requests) {
    const Reply reply = ask_backend(request, options, calls);
    std::scoped_lock lock(statistics.mutex);
    (reply == Reply::Answer ? statistics.answered : statistics.timed_out) += 1;
  }
}

void serve(const Options& options, Statistics& statistics) {
  auto requests = ts::make_chan<Request>();
  ts::WaitGroup calls;
  ts::WaitGroup handlers;
  handlers.add(kHandlers);
  for (int i = 1; i <= kHandlers; ++i) {
    ts::go("handler " + std::to_string(i), [=, &options, &calls, &handlers, &statistics] {
      handle_all(requests, options, calls, statistics);
      handlers.done();
    });
  }
  for (int id = 1; id <= options.requests; ++id) {
    requests.send({.id = id, .backend_time = id % 5 == 0 ? kSlowCall : kFastCall});
    ts::sleep(kBetweenRequests);
  }
  requests.close();
  handlers.wait();
  calls.wait();
  ts::sleep(kTimeout);  // a server lives on; long enough to see who is stuck
}

bool parse_arguments(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--fixed") {
      options.fixed = true;
    } else if (argument == "--requests" && i + 1 < argc) {
      const char* text = argv[++i];
      const char* end = text + std::strlen(text);
      const auto [stop, error] = std::from_chars(text, end, options.requests);
      if (error != std::errc() || stop != end || options.requests < 1) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse_arguments(argc, argv, options)) {
    std::fprintf(stderr, "usage: leaky [--requests N] [--fixed]\n");
    return 2;
  }
  Statistics statistics;
  const int status = ts::run([&] {
    serve(options, statistics);
    return 0;
  });
  std::printf("%d requests: %d answered, %d timed out\n", options.requests, statistics.answered,
              statistics.timed_out);
  return status;
}
