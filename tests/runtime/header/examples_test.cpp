// Every example in a header that programs see stands here, too, so that it compiles, and most of
// them run. The last test reads the headers and finds what does not stand here: an example that
// changes there has to change here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/taskscope.h"

namespace {

using namespace std::chrono_literals;

// ---- What the examples take for granted ---------------------------------------------------------

using Request = int;
using Job = int;
using Reply = std::string;
using Page = std::string;
using Row = int;
using Invoice = int;
using Line = std::string;
using File = std::string;
using Digest = std::size_t;
using Session = std::string;

struct Server {
  Reply ask(const std::string& question) const { return question + "!"; }
  Reply ask(const ts::Context&, const std::string& question) const { return question + "!"; }
};
struct Billing {
  ts::Result<Invoice> fetch(int id) const { return id; }
};
struct Database {
  std::size_t rows = 0;
  void insert(const std::vector<Row>& some) { rows += some.size(); }
};
struct Config {
  int limit = 3;
};

std::vector<std::string> logged;
void log(const std::string& text) { logged.push_back(text); }
void report(const std::string& text) { logged.push_back(text); }
void work(const ts::Context&, Job) {}
ts::Result<Page> fetch(const std::string& url) { return "page of " + url; }
void fetch(const ts::Context&, const std::string&) {}
void load_tables() {}
Page load(const std::string& url) { return "page of " + url; }

// The values, and then no more.
template <class T>
ts::Receiver<T> closed_with(const std::vector<T>& values) {
  auto chan = ts::make_chan<T>(values.size() + 1);
  for (const T& value : values) chan.send(value);
  chan.close();
  return chan;
}

// Runs a test's body in tasks, by a clock that leaps.
template <class F>
void in_task(F body) {
  ts::ManualClock clock;
  ts::run(body, {.workers = 2, .clock = &clock});
}

// ---- taskscope.h --------------------------------------------------------------------------------

namespace program {
int main() {
  return ts::run([] {
    ts::Chan<int> numbers = ts::make_chan<int>(8);
    ts::go("counter", [numbers] {
      for (int i = 0; i < 100; ++i) numbers.send(i);
      numbers.close();
    });
    int sum = 0;
    for (int n : numbers) sum += n;
    return sum == 4950 ? 0 : 1;
  });
}
}  // namespace program

TEST(HeaderExamples, Program) { EXPECT_EQ(program::main(), 0); }

// ---- sched --------------------------------------------------------------------------------------

TEST(HeaderExamples, ManualClock) {
  ts::ManualClock clock;
  ts::run([] { ts::sleep(std::chrono::hours(24)); }, {.clock = &clock});  // returns at once
  EXPECT_EQ(clock.now(), ts::TimePoint(24h));
}

TEST(HeaderExamples, Blocking) {
  ts::run([] {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], "abc", 3), 3);
    const int fd = ends[0];
    char buffer[8];
    const std::size_t size = sizeof buffer;
    const ssize_t got = ts::blocking([&] { return ::read(fd, buffer, size); });
    EXPECT_EQ(got, 3);
    ::close(ends[0]);
    ::close(ends[1]);
  });
}

int serve_all() { return 1; }

namespace small_program {
// clang-format off
int main() { return ts::run([] { return serve_all() ? 0 : 1; }, {.workers = 4}); }
// clang-format on
}  // namespace small_program

TEST(HeaderExamples, StartingAndGivingWay) {
  EXPECT_EQ(small_program::main(), 0);
  in_task([] {
    ts::go([] { load_tables(); });
    ts::go("reader 1", [] { load_tables(); });  // with a name for traces and reports
    ts::detach("statistics", [] { load_tables(); });
    ts::sleep(std::chrono::milliseconds(20));

    std::vector<int> picture(10);
    const auto render = [](int& pixel) { ++pixel; };
    std::atomic<bool> ready{false};
    ts::go([&] { ready = true; });
    // clang-format off
    for (int& pixel : picture) { render(pixel); ts::checkpoint(); }
    while (!ready) ts::yield();
    // clang-format on

    const std::uint32_t before = ts::set_workers(2);
    ts::set_workers(before);
    EXPECT_EQ(ts::set_workers(0), before);

    const std::vector<std::string> urls{"a", "b"};
    ts::WaitGroup group("pages");
    for (const std::string& url : urls) group.go([&] { load(url); });
    group.wait();
  });
}

TEST(HeaderExamples, Misuse) {
  logged.clear();
  in_task([] {
    const auto results = ts::make_chan<int>();
    results.close();
    // clang-format off
    try { results.close(); } catch (const ts::Panic& panic) { log(panic.what()); }
    // clang-format on
  });
  EXPECT_EQ(logged, std::vector<std::string>{"close of closed channel"});
}

TEST(HeaderExamples, Guards) {
  in_task([] {
    ts::Mutex from;
    ts::Mutex to;
    ts::Mutex log_mutex;
    std::scoped_lock both(from, to);
    std::unique_lock later(log_mutex, std::defer_lock);
    later.lock();
    EXPECT_TRUE(later.owns_lock());
  });
}

// ---- channel, time, context ---------------------------------------------------------------------

TEST(HeaderExamples, Channels) {
  in_task([] {
    const ts::Context ctx;
    ts::Chan<Job> jobs = ts::make_chan<Job>("jobs", 8);
    ts::go("feeder", [to = ts::Sender<Job>(jobs)] {
      for (int i = 0; i < 3; ++i) to.send(i);
      to.close();
    });
    for (Job& job : jobs) work(ctx, job);  // until it is closed and drained
    if (std::optional<Job> more = jobs.try_recv()) work(ctx, *more);
  });
}

TEST(HeaderExamples, SelectList) {
  using Result = int;
  struct Worker {
    ts::Receiver<Result> results;
  };
  in_task([] {
    std::vector<Worker> workers = {{closed_with<Result>({1, 2})}, {closed_with<Result>({3})}};
    int sum = 0;
    int used = 0;
    bool open = true;
    const auto use = [&](Result result) {
      sum += result;
      open = ++used < 3;
    };
    ts::SelectList arms;
    for (auto& worker : workers) {
      arms.recv(worker.results, [&](std::optional<Result> r) {
        if (r) use(*r);
      });
    }
    while (open) arms.wait();
    EXPECT_EQ(sum, 6);
  });
}

TEST(HeaderExamples, Select) {
  in_task([] {
    auto requests = ts::make_chan<Request>(1);
    auto beats = ts::make_chan<int>();
    const ts::Context ctx;
    const int now = 5;
    int beats_sent = 0;
    int served = 0;
    bool stop = false;
    const auto serve = [&](Request) { ++served; };
    const auto report_idle = [] {};
    requests.send(1);
    // clang-format off
    ts::select(
        ts::recv(requests, [&](std::optional<Request> r) { if (r) serve(*r); }),
        ts::send(beats, now, [&] { ++beats_sent; }),
        ts::recv(ctx.done(), [&] { stop = true; }),
        ts::after(1s, [&] { report_idle(); }));
    // clang-format on
    EXPECT_EQ(served, 1);
    EXPECT_EQ(beats_sent, 0);
    EXPECT_FALSE(stop);

    const ts::Receiver<int> numbers = closed_with<int>({});
    std::optional<int> value;  // nullopt: closed
    switch (ts::select(ts::recv(numbers, value), ts::after(100ms))) {
      case 0:
        EXPECT_FALSE(value);
        break;
      case 1:
        ADD_FAILURE();
        break;
    }
  });
}

TEST(HeaderExamples, Timer) {
  in_task([] {
    auto requests = ts::make_chan<Request>(3);
    for (int i = 0; i < 3; ++i) requests.send(i);
    std::optional<Request> request;
    std::optional<ts::TimePoint> when;
    int served = 0;
    const auto serve = [&](Request) { ++served; };
    ts::Timer idle(std::chrono::seconds(30));
    while (ts::select(ts::recv(requests, request), ts::recv(idle.c(), when)) == 0) {
      serve(*request);
      idle.reset(std::chrono::seconds(30));
    }
    EXPECT_EQ(served, 3);
    EXPECT_EQ(when, ts::TimePoint(30s));
  });
}

void serve(const ts::Context& parent, ts::Receiver<Job> jobs) {
  auto [ctx, cancel] = ts::with_timeout(parent, std::chrono::seconds(2));
  while (ts::Result<Job> job = jobs.recv(ctx)) work(ctx, *job);
  if (ctx.err()) log(ctx.err().message());  // "context deadline exceeded"
}  // `cancel` cancels what is left

TEST(HeaderExamples, Context) {
  in_task([] {
    logged.clear();
    serve(ts::background(), closed_with<Job>({1, 2}));
    EXPECT_TRUE(logged.empty());
    serve(ts::background(), ts::make_chan<Job>());
    EXPECT_EQ(logged, std::vector<std::string>{"context deadline exceeded"});
  });
  EXPECT_TRUE(ts::ContextErrc::DeadlineExceeded == ts::ContextErrc::DeadlineExceeded);
  // clang-format off
  struct RequestId { using Value = std::string; };
  // clang-format on
  ts::Context ctx;
  ctx = ts::with_value<RequestId>(ctx, "4711");
  if (const std::string* id = ctx.value<RequestId>()) {
    EXPECT_EQ(*id, "4711");
  }
  if (ctx.err() == ts::ContextErrc::DeadlineExceeded) ADD_FAILURE();
}

// ---- sync ---------------------------------------------------------------------------------------

TEST(HeaderExamples, Sync) {
  in_task([] {
    constexpr int kWorkers = 1;
    int part = 0;
    int swaps = 0;
    const auto compute = [](int&) {};
    const auto swap_grids = [&] { ++swaps; };
    ts::Barrier step(kWorkers);
    // clang-format off
    for (int i = 0; i < 3; ++i) { compute(part); if (step.wait()) swap_grids(); step.wait(); }
    // clang-format on
    EXPECT_EQ(swaps, 3);

    {
      ts::Mutex mutex("accounts");
      std::scoped_lock lock(mutex);
    }
    {
      ts::RWMutex mutex("routes");
      // clang-format off
      { std::shared_lock reading(mutex); }
      { std::unique_lock writing(mutex); }
      // clang-format on
    }
    ts::Mutex mutex;
    ts::Cond not_empty;
    std::vector<int> queue{1};
    std::unique_lock lock(mutex);
    while (queue.empty()) not_empty.wait(lock);  // or not_empty.wait(lock, [&] { … });

    ts::Semaphore memory_mib(512);
    memory_mib.acquire(64);
    memory_mib.release(64);

    int loads = 0;
    const auto load_tables = [&] { ++loads; };
    ts::Once once;
    once.run([&] { load_tables(); });
    once.run([&] { load_tables(); });
    EXPECT_EQ(loads, 1);
  });
}

Config read_config() { return {}; }
// Whether to go on.
bool show(const std::string& id, const Session& session) { return id != session; }
void use(int limit) { EXPECT_EQ(limit, 3); }

TEST(HeaderExamples, LazyPoolAndMap) {
  in_task([] {
    ts::Once once;
    once.run([] { load_tables(); });  // the first caller runs it, the others wait for its end
    ts::Lazy<Config> config([] { return read_config(); });
    use(config->limit);

    ts::Pool<std::vector<char>> buffers([] { return std::vector<char>(1 << 16); });
    std::vector<char> buffer = buffers.get();
    buffers.put(std::move(buffer));

    const std::string id = "7";
    const Session session = "old";
    const Session fresh = "new";
    ts::Map<std::string, Session> sessions;
    sessions.store(id, session);
    if (std::optional<Session> found = sessions.load(id)) {
      EXPECT_EQ(*found, session);
    }
    auto [value, loaded] = sessions.load_or_store(id, fresh);
    EXPECT_EQ(value, session);
    EXPECT_TRUE(loaded);
  });
  ts::Map<std::string, Session> sessions;
  sessions.range([](const auto& id, const auto& session) { return show(id, session); });
}

// ---- net ----------------------------------------------------------------------------------------

void serve(const ts::net::Conn&) {}

[[maybe_unused]] void converse() {
  ts::Result<ts::net::Conn> conn = ts::net::dial_tcp("localhost:7");
  if (!conn) return report(conn.error().message);
  char answer[5];
  if (auto sent = conn->write_all("hello"); !sent) return report(sent.error().message);
  if (auto got = conn->read_full(answer); !got) return report(got.error().message);
}

[[maybe_unused]] void dial_patiently(const ts::Context& ctx) {
  ts::Result<ts::net::Address> address = ts::net::Address::parse("127.0.0.1:80");
  if (address) log(address->to_string());
  ts::Result<std::vector<ts::net::Address>> found = ts::net::resolve(ctx, "example.org:https");
  ts::Result<ts::net::Conn> conn = ts::net::dial_tcp(ctx, "example.org:80");
}

[[maybe_unused]] void accept_all() {
  ts::Result<ts::net::Listener> listener = ts::net::listen_tcp("127.0.0.1:0");
  if (!listener) return report(listener.error().message);
  while (ts::Result<ts::net::Conn> conn = listener->accept()) {
    ts::go("connection", [conn = *conn] { serve(conn); });
  }
}

// ---- os -----------------------------------------------------------------------------------------

[[maybe_unused]] void read_notes() {
  ts::Result<std::string> text = ts::os::read_file("notes.txt");
  if (!text) return report(text.error().message);  // "open notes.txt: no such file or directory"
}

[[maybe_unused]] void ask_git() {
  const auto use = [](const std::string&) {};
  ts::Result<ts::os::Output> out = ts::os::output({.arguments = {"git", "rev-parse", "HEAD"}});
  if (!out) return report(out.error().message);           // it could not be started
  if (!out->status.success()) return report(out->error);  // it said why
  use(out->output);
}

[[maybe_unused]] void end_on_signals(const ts::net::Listener& listener) {
  ts::Receiver<int> interrupts = ts::signals({SIGINT, SIGTERM});
  ts::go("shutdown", [interrupts, listener] {
    if (interrupts.recv()) static_cast<void>(listener.close());
  });
}

// ---- scope --------------------------------------------------------------------------------------

namespace scoped {

using Part = int;
struct Request {
  std::vector<Part> parts;
};
struct Database {
  std::atomic<int> fetched{0};
};
Database open(const Request&) { return Database{}; }
void fetch(const ts::Context&, Database& database, Part part) { database.fetched += part; }
int count(const Request& request) { return static_cast<int>(request.parts.size()); }
int answer = 0;
void respond(int total) { answer = total; }

void serve(const ts::Context& ctx, Request request) {
  Database database = open(request);  // outlives the children
  ts::Scope scope(ctx, {.name = "serve", .limit = 4});
  for (const Part& part : request.parts) {
    scope.go([&, part](const ts::Context& child) { fetch(child, database, part); });
  }
  ts::Future<int> total = scope.async([&] { return count(request); });
  scope.wait();  // all have ended; throws the first error
  respond(total.get());
}

}  // namespace scoped

int add_up() { return 3; }

TEST(HeaderExamples, Scope) {
  in_task([] {
    scoped::serve(ts::background(), {.parts = {1, 2, 3, 4, 5, 6, 7}});
    EXPECT_EQ(scoped::answer, 7);

    const auto prepare = [] {};
    ts::Future<int> sum = ts::async([] { return add_up(); });
    prepare();
    use(sum.get());  // waits; throws what add_up threw
  });
}

// ---- patterns -----------------------------------------------------------------------------------

void connect_patiently(const ts::Context& ctx, int& failures) {
  const auto connect = [&] { return failures-- == 0; };
  ts::Backoff backoff({.first = 100ms, .max = 10s});
  while (!connect()) {
    if (!ts::sleep(ctx, backoff.next())) return;
  }
}

TEST(HeaderExamples, TimeAndAgain) {
  in_task([] {
    const ts::Context ctx;
    int failures = 3;
    connect_patiently(ctx, failures);
    EXPECT_EQ(failures, -1);

    const Server server;
    const std::string question = "ready";
    const Reply reply = ts::retry(ctx, {.attempts_max = 5}, [&] { return server.ask(question); });
    EXPECT_EQ(reply, "ready!");

    const std::string url = "here";
    ts::Result<Page> page = ts::retry(ctx, {}, [&](ts::Attempt& attempt) -> ts::Result<Page> {
      ts::Result<Page> got = fetch(url);
      if (!got && got.error().os_error == ENOENT) attempt.stop();
      return got;
    });
    EXPECT_EQ(*page, "page of here");

    int forwarded = 0;
    const auto forward = [&](Request) { ++forwarded; };
    const std::vector<Request> requests(120);
    ts::RateLimiter limiter(ts::RateLimit::per_second(100), 20);  // 20 at once, then 100 a second
    for (const Request& request : requests) {
      if (!limiter.wait(ctx)) break;  // waits for its turn; an error if ctx is done first
      forward(request);
    }
    EXPECT_EQ(forwarded, 120);
  });
}

TEST(HeaderExamples, OneForAllAndNoneForNow) {
  in_task([] {
    const Billing billing;
    const int id = 4;
    ts::CircuitBreaker breaker({.name = "billing", .failures_max = 5, .open_for = 30s});
    ts::Result<Invoice> invoice = breaker.call([&] { return billing.fetch(id); });
    EXPECT_EQ(*invoice, 4);
    const Request request = 1;
    const auto send = [](Request) { return true; };
    if (std::optional<ts::CircuitBreaker::Permit> permit = breaker.enter()) {
      if (send(request)) permit->succeed();  // a permit that ends without it counts as a failure
    }

    const std::string url = "here";
    ts::SingleFlight<std::string, Page> flights;
    Page page = flights.call(url, [&] { return load(url); }).value;
    EXPECT_EQ(page, "page of here");

    const ts::Context ctx;
    const Server primary;
    const Server replica;
    const std::string question = "who";
    Reply reply = ts::first_of(
        ctx,  //
        [&](const ts::Context& race) { return primary.ask(race, question); },
        [&](const ts::Context& race) { return replica.ask(race, question); });
    EXPECT_EQ(reply, "who!");
  });
}

TEST(HeaderExamples, Streams) {
  in_task([] {
    const ts::Context ctx;
    const auto numbers = closed_with<int>({1, 2, 3});
    int total = 0;
    for (int& number : ts::or_done(ctx, numbers)) total += number;
    EXPECT_EQ(total, 6);

    const auto files = closed_with<Line>({"a"});
    const auto network = closed_with<Line>({"b", "c"});
    const auto console = closed_with<Line>({});
    std::size_t printed = 0;
    const auto print = [&](const Line&) { ++printed; };
    for (const Line& line : ts::merge(ctx, files, network, console)) print(line);
    EXPECT_EQ(printed, 3u);

    const auto jobs = closed_with<Job>({1, 2, 3});
    const auto results = ts::make_chan<Reply>();
    const auto work = [](const ts::Receiver<Job>& from, const ts::Chan<Reply>& to) {
      for (const Job job : from) to.send(std::to_string(job));
    };
    ts::WaitGroup workers;
    for (int i = 0; i < 4; ++i) workers.go([=] { work(jobs, results); });
    ts::close_after(workers, results);
    for (const Reply& reply : results) print(reply);
    EXPECT_EQ(printed, 6u);

    const auto rows = closed_with<Row>(std::vector<Row>(1200));
    Database database;
    for (std::vector<Row>& some : ts::batch(ctx, rows, {.size_max = 500, .age_max = 50ms})) {
      database.insert(some);
    }
    EXPECT_EQ(database.rows, 1200u);
  });
}

TEST(HeaderExamples, Parallel) {
  in_task([] {
    std::vector<std::size_t> pixels(1000);
    const auto shade = [](std::size_t i) { return i; };
    ts::parallel_for(pixels.size(), [&](std::size_t i) { pixels[i] = shade(i); });
    EXPECT_EQ(pixels[999], 999u);

    const ts::Context ctx;
    const std::vector<std::string> urls(20);
    if (!ts::parallel_for(ctx, urls.size(), {.tasks_max = 8},
                          [&](const ts::Context& all, std::size_t i) { fetch(all, urls[i]); })) {
      ADD_FAILURE();  // ctx was done before all were
    }
  });
}

Digest digest(const File& file) { return file.size(); }

TEST(HeaderExamples, Map) {
  in_task([] {
    const std::vector<File> files{"a", "bb"};
    std::vector<Digest> digests = ts::parallel_map(files, [](const File& f) { return digest(f); });
    EXPECT_EQ(digests, (std::vector<Digest>{1, 2}));
  });
}

// ---- That nothing is missing --------------------------------------------------------------------

std::string read(const std::string& path) {
  std::ifstream file(std::string(TASKSCOPE_SOURCE_DIR) + "/" + path);
  EXPECT_TRUE(file) << path;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Without white space, and without a comment at the end.
std::string packed(std::string line) {
  const std::size_t comment = line.find("//");
  if (comment != std::string::npos) line.resize(comment);
  std::erase_if(line, [](unsigned char c) { return std::isspace(c); });
  return line;
}

std::string packed_text(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) result += packed(line);
  return result;
}

// The blocks of lines that a header's comments indent by three columns.
std::vector<std::vector<std::string>> indented_blocks(const std::string& header) {
  std::vector<std::vector<std::string>> blocks(1);
  std::istringstream lines(header);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("//   ")) {
      blocks.back().push_back(line.substr(5));
    } else if (!blocks.back().empty()) {
      blocks.emplace_back();
    }
  }
  return blocks;
}

// Lists, tables of states and numbered invariants are indented, too.
bool is_code(const std::vector<std::string>& block) {
  bool statement = false;
  for (const std::string& line : block) {
    if (line.starts_with("- ") || line.find("→") != std::string::npos) return false;
    if (!line.empty() && std::isdigit(static_cast<unsigned char>(line.front()))) return false;
    statement |= line.find(';') != std::string::npos;
  }
  return statement;
}

TEST(HeaderExamples, AllOfThemStandInThisFile) {
  const std::string here = packed_text(read("tests/runtime/header/examples_test.cpp"));
  const std::string user_header = read("runtime/taskscope.h");
  std::vector<std::string> headers{"runtime/taskscope.h"};
  const std::string include = "#include \"";
  for (std::size_t at = user_header.find("#include \"runtime/", user_header.find("#pragma once"));
       at != std::string::npos; at = user_header.find(include, at + 1)) {
    const std::size_t begin = at + include.size();
    headers.push_back(user_header.substr(begin, user_header.find('"', begin) - begin));
  }
  EXPECT_GT(headers.size(), 20u);
  int lines = 0;
  for (const std::string& header : headers) {
    for (const std::vector<std::string>& block : indented_blocks(read(header))) {
      if (!is_code(block)) continue;
      for (const std::string& line : block) {
        // An ellipsis stands for anything.
        std::string rest = packed(line);
        for (std::size_t dots = 0; dots != std::string::npos;) {
          dots = rest.find("…");
          EXPECT_NE(here.find(rest.substr(0, dots)), std::string::npos)
              << header << " has an example that this file has not: " << line;
          if (dots != std::string::npos) rest.erase(0, dots + std::string_view("…").size());
        }
        ++lines;
      }
    }
  }
  EXPECT_GT(lines, 60);
}

}  // namespace
