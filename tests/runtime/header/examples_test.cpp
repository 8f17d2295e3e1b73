// Every example in a header that programs see stands here, too, so that it compiles, and most of
// them run. completeness_test.cpp reads the headers and finds what does not stand here: an example
// that changes there has to change here.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
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

std::mutex logging;
std::vector<std::string> logged;
void log(const std::string& text) {
  const std::scoped_lock lock(logging);
  logged.push_back(text);
}
void report(const std::string& text) { log(text); }
std::size_t lines_logged() {
  const std::scoped_lock lock(logging);
  return logged.size();
}
std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  }
}
void report(const std::exception_ptr& error) { report(message_of(error)); }
void report(const std::vector<std::exception_ptr>& errors) {
  for (const std::exception_ptr& error : errors) report(error);
}
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

  ts::ManualClock stopwatch(ts::ManualClock::Moves::ByHand);
  stopwatch.advance(30s);
  stopwatch.set(stopwatch.now() + 1min);
  EXPECT_EQ(stopwatch.now(), ts::TimePoint(90s));
}

TEST(HeaderExamples, SnapshotTrace) {
  in_task([] {
    const auto latency = 3s;
    if (latency > 2s) ts::snapshot_trace("a request took more than two seconds");
  });
}

TEST(HeaderExamples, FindLeaks) {
  in_task([] {
    for (const ts::Leak& leak : ts::find_leaks()) log(leak.text);
  });
}

TEST(HeaderExamples, UnwindLeaks) {
  in_task([] {
    while (ts::unwind_leaks() != 0) ts::yield();
  });
}

TEST(HeaderExamples, Unwinding) {
  in_task([] {
    const ts::Chan<int> replies = ts::make_chan<int>(1);
    replies.send(42);
    std::optional<int> answer;
    std::uint64_t lost = 0;
    try {
      answer = replies.recv();
    } catch (const ts::Unwinding& unwinding) {
      log(unwinding.what());
      lost = unwinding.task();
      throw;
    }
    EXPECT_EQ(answer, 42);
    EXPECT_EQ(lost, 0u);
  });
}

TEST(HeaderExamples, DumpTasks) {
  in_task([] { log(ts::dump_tasks()); });
}

TEST(HeaderExamples, Daemon) {
  // Never destroyed: the daemon's own handle is never given back.
  static const auto& sessions = *new ts::Chan<Session>(ts::make_chan<Session>());
  in_task([] {
    const auto expired = sessions;
    ts::go("reaper", [expired] {
      ts::daemon();  // lives as long as the program
      for (const Session& session : expired) report(session);
    });
  });
}

struct Cache {};
std::string describe(const Cache&) { return "empty"; }
void parse_row() {}
void run_query(const std::string&) {}

TEST(HeaderExamples, WhatAProgramSaysAboutItself) {
  in_task([] {
    const std::string table = "users";
    const std::string key = "7";
    const Cache cache;
    const std::int64_t size = 12;
    const std::int64_t limit = 10;
    bool refused = false;
    const auto refuse = [&] { refused = true; };
    ts::region parsing("parse");  // until the end of the block
    // clang-format off
    { ts::region row("row"); parse_row(); }  // regions nest
    { ts::region query("query " + table); run_query(table); }
    // clang-format on

    ts::log("cache miss");
    ts::log("cache", "miss: " + key);                          // with a category
    if (ts::is_recorded()) ts::log("cache", describe(cache));  // that text costs something

    ts::counter depth("queue depth");
    depth.set(7);
    depth.add(-1);
    ts::counter read("bytes read", "bytes");  // with its unit
    read.add(size);
    if (depth.value() > limit) refuse();
    EXPECT_EQ(depth.value(), 6);
    EXPECT_FALSE(refused);

    ts::set_label("request", "42");
    ts::go([] { load_tables(); });  // has that label, too
    ts::with_labels({{"handler", "/index"}, {"user", "7"}}, [] { load_tables(); });
    if (ts::label("request") == "42") ts::remove_label("request");
  });
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
    const int ended = ts::blocking_long([&] { return ::close(fd); });  // takes long for sure
    EXPECT_EQ(got, 3);
    EXPECT_EQ(ended, 0);
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
    const ts::TimePoint begin = ts::now();
    ts::sleep(std::chrono::milliseconds(20));
    const ts::Clock::duration took = ts::now() - begin;
    EXPECT_EQ(took, 20ms);

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

    const ts::Context ctx;
    group.add(2);  // for what was not started by go(): each calls done()
    // clang-format off
    ts::go([&] { load_tables(); group.done(); });
    ts::go([&] { load_tables(); group.done(); });
    // clang-format on
    if (!group.wait(ctx)) log("ctx was done first");
  });
}

TEST(HeaderExamples, Misuse) {
  logged.clear();
  in_task([] {
    const auto results = ts::make_chan<int>("results", 0);
    results.close();
    // clang-format off
    try { results.close(); } catch (const ts::Panic& panic) { log(panic.what()); }
    // clang-format on
  });
  EXPECT_EQ(logged, std::vector<std::string>{"close of closed channel \"results\""});
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

void ends_of(const ts::Context& ctx, const ts::Chan<int>& numbers) {
  const auto use = [](int number) { log(std::to_string(number)); };
  ts::Receiver<int> from = numbers;  // the ends, for those who only receive or only send
  ts::Sender<int> to = numbers;
  if (!to.send(ctx, 1)) return;  // false: ctx was done first
  if (!to.try_send(2)) log(std::to_string(from.len()) + " of " + std::to_string(from.cap()));
  if (ts::Result<int> number = from.recv(ctx)) use(*number);  // or why there is none
  if (from.drained()) log("no more will come");
}

TEST(HeaderExamples, EndsOfAChannel) {
  in_task([] {
    logged.clear();
    ends_of({}, ts::make_chan<int>(1));
    EXPECT_EQ(logged, (std::vector<std::string>{"1 of 1", "1"}));
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
    const ts::Context ctx;
    while (open && arms.wait(ctx) != ts::SelectList::kNone) {
    }  // kNone: ctx was done
    EXPECT_EQ(sum, 6);

    arms = {};
    arms.recv(ts::make_chan<int>(), [](std::optional<int>) {});
    logged.clear();
    if (arms.try_now() == ts::SelectList::kNone) log("nobody is ready");
    if (arms.wait_for(ctx, 100ms) == ts::SelectList::kNone) arms.remove(0);
    EXPECT_EQ(logged.size(), 1u);
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
    if (ts::select(ts::recv(numbers, value), ts::otherwise()) == 1) log("none is there now");
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

TEST(HeaderExamples, TickersAndFunctions) {
  in_task([] {
    logged.clear();
    const auto draw = [](ts::TimePoint tick) { EXPECT_EQ(tick, ts::TimePoint(10ms)); };
    ts::Ticker ticker(10ms);
    if (std::optional<ts::TimePoint> tick = ticker.c().recv()) draw(*tick);
    ticker.reset(1s);
    ticker.stop();

    ts::FuncTimer alarm = ts::after_func(5s, [] { log("five seconds are over"); });
    ts::time_after(1s).recv();
    if (alarm.stop()) log("there was no alarm");
    EXPECT_EQ(logged, std::vector<std::string>{"there was no alarm"});
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

void end_for_a_reason() {
  ts::Cancellable<ts::CancelCauseFunc> request = ts::with_cancel_cause(ts::background());
  ts::Cancellable<ts::CancelFunc> work = ts::with_deadline(request.ctx, ts::now() + 1min);
  ts::StopFunc tidy = ts::after_func(work.ctx, [] { log("it is over"); });
  request.cancel(std::runtime_error("the user has left"));
  if (work.ctx.err()) log(message_of(work.ctx.cause()));  // "the user has left"
  ts::Context last = ts::without_cancel(work.ctx);        // for what has to be done all the same
  EXPECT_FALSE(last.err());
}

void end_of_a_day(const ts::Context& parent) {
  const auto closed = std::make_exception_ptr(std::runtime_error("the shop has closed"));
  auto day = ts::with_deadline_cause(parent, ts::now() + 8h, closed);
  auto visit = ts::with_timeout_cause(day.ctx, 1h, closed);
  auto talk = ts::with_cancel(visit.ctx);
  talk.cancel.release();     // it ends with the visit
  talk.ctx.throw_if_done();  // the cause, if that is over
  ts::sleep(2h);
  talk.ctx.throw_if_done();
}

TEST(HeaderExamples, CausesAndDeadlines) {
  in_task([] {
    logged.clear();
    end_for_a_reason();
    ts::sleep(1s);
    EXPECT_EQ(lines_logged(), 2u);
    EXPECT_THROW(end_of_a_day({}), std::runtime_error);
  });
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
      if (!mutex.held_by_current_task()) log("a bug");
    }
    {
      ts::RWMutex mutex("routes");
      // clang-format off
      { std::shared_lock reading(mutex); }
      { std::unique_lock writing(mutex); }
      // clang-format on
      const ts::Context ctx;
      if (mutex.try_lock_shared()) mutex.unlock_shared();
      if (mutex.lock_shared(ctx)) mutex.unlock_shared();  // false: ctx was done first
    }

    int loads = 0;
    const auto load_tables = [&] { ++loads; };
    ts::Once once;
    once.run([&] { load_tables(); });
    once.run([&] { load_tables(); });
    EXPECT_EQ(loads, 1);
  });
}

TEST(HeaderExamples, Cond) {
  in_task([] {
    const auto limited = ts::with_timeout({}, 1s);
    const ts::Context& ctx = limited.ctx;
    ts::Mutex mutex;
    std::vector<int> queue;
    ts::Cond not_empty("not empty");
    // clang-format off
    ts::go([&] {
      { std::scoped_lock lock(mutex); queue.push_back(1); }
      not_empty.signal();  // wakes one; broadcast() wakes all
    });
    // clang-format on
    std::unique_lock lock(mutex);
    while (queue.empty()) not_empty.wait(lock);  // or not_empty.wait(lock, [&] { … });
    if (!not_empty.wait(ctx, lock, [&] { return queue.size() > 1; })) not_empty.broadcast();
    EXPECT_EQ(queue.size(), 1u);
  });
}

void hold_memory(const ts::Context& ctx) {
  ts::Semaphore memory_mib("memory", 512);
  if (!memory_mib.acquire(ctx, 64)) return;  // ctx was done first
  load_tables();
  memory_mib.release(64);  // semaphore_guard.h does that at the end of a block
  if (!memory_mib.try_acquire(64)) log(std::to_string(memory_mib.available()) + " MiB are left");
  log("of " + std::to_string(memory_mib.permits()));
}

void hold_connections(const ts::Context& ctx) {
  ts::Semaphore connections(10);
  {
    ts::SemaphoreGuard held(connections);  // waits for a permit
    load_tables();
  }
  if (ts::SemaphoreGuard held(ctx, connections, 2); held) load_tables();  // not if ctx is done
  if (ts::SemaphoreGuard held(connections, std::try_to_lock); held) load_tables();
  ts::SemaphoreGuard several(connections, 3);
  log(std::to_string(several.count()));
  several.release();  // now, not at the end of the block
  EXPECT_EQ(connections.available(), 10);
}

TEST(HeaderExamples, Semaphores) {
  in_task([] {
    logged.clear();
    hold_memory({});
    hold_connections({});
    EXPECT_EQ(logged, (std::vector<std::string>{"of 512", "3"}));
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
    const ts::Context ctx;
    ts::Lazy<Config> config("config", [] { return read_config(); });
    use(config->limit);
    if (Config* made = config.get(ctx)) use(made->limit);  // null: ctx was done first

    ts::Pool<std::vector<char>> buffers([] { return std::vector<char>(1 << 16); });
    std::vector<char> buffer = buffers.get();
    buffers.put(std::move(buffer));
    if (!buffers.try_get()) buffers.next_generation();  // what nobody takes goes in time, anyway

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

    logged.clear();
    Session made = sessions.load_or_make(id, [] { return Session(); }).value;
    if (!sessions.compare_and_swap(id, made, fresh)) log("somebody else has changed it");
    std::optional<Session> before = sessions.swap(id, session);
    if (sessions.compare_and_delete(id, session)) log(std::to_string(sessions.size()) + " left");
    if (std::optional<Session> taken = sessions.load_and_delete(id)) log(*taken);
    if (!sessions.erase(id)) sessions.clear();
    EXPECT_EQ(before, fresh);
    EXPECT_EQ(logged, std::vector<std::string>{"0 left"});
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

void echo(const ts::Context& ctx, ts::net::Conn conn) {
  log("from " + conn.remote_address().to_string() + " to " + conn.local_address().to_string());
  static_cast<void>(conn.set_no_delay(false));
  conn.set_read_deadline(ts::now() + 5s);
  conn.set_write_deadline(ts::now() + 1s);
  char buffer[4096];
  ts::Result<std::size_t> got = conn.read(ctx, buffer);
  if (!got) return report(got.error().message);
  conn.set_deadline(ts::net::Conn::kNoDeadline);
  const ts::net::Bytes parts[] = {"you said: ", {buffer, *got}};
  if (auto sent = conn.writev(ctx, parts); !sent) return report(sent.error().message);
  if (ts::Result<std::size_t> some = conn.write(ctx, "."); some) log("sent");
  if (auto ended = conn.close_write(); !ended) report(ended.error().message);
}

TEST(HeaderExamples, Conversation) {
  ts::run([] {
    const ts::net::Listener listener = ts::net::listen_tcp("127.0.0.1:0").value();
    ts::WaitGroup group;
    group.go([&] { echo({}, listener.accept().value()); });
    const ts::net::Conn conn = ts::net::dial_tcp(listener.address().to_string()).value();
    EXPECT_TRUE(conn.write_all("hi"));
    char answer[13];
    EXPECT_TRUE(conn.read_full(answer));
    EXPECT_EQ(std::string(answer, sizeof answer), "you said: hi.");
    group.wait();
  });
}

[[maybe_unused]] void dial_patiently(const ts::Context& ctx) {
  ts::Result<ts::net::Address> address = ts::net::Address::parse("127.0.0.1:80");
  if (address) log(address->to_string());
  if (address && address->network() == "tcp") log(std::to_string(address->port()));
  ts::Result<ts::net::Address> at = ts::net::Address::unix_path("/run/service.socket");
  ts::Result<ts::net::HostAndPort> parts = ts::net::split_host_port("example.org:http");
  if (parts) log(parts->host + " at port " + parts->port);
  ts::Result<ts::net::Conn> soon = ts::net::dial_tcp("example.org:80", {.timeout = 2s});
  ts::Result<ts::net::Conn> local = ts::net::dial_unix(ctx, "/run/service.socket");
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

[[maybe_unused]] void listen_here() {
  ts::Result<ts::net::Listener> local = ts::net::listen_unix("@service", {.backlog = 16});
  if (!local) return report(local.error().message);
  local->set_deadline(ts::now() + 1min);  // accept() fails with Timeout from then on
  log(local->address().to_string());
}

// ---- os -----------------------------------------------------------------------------------------

[[maybe_unused]] void read_notes(const ts::Context& ctx) {
  ts::Result<std::string> text = ts::os::read_file(ctx, "notes.txt");
  if (!text) return report(text.error().message);  // "open notes.txt: no such file or directory"

  ts::Result<ts::os::File> journal = ts::os::File::open("journal", ts::os::Access::Append);
  if (!journal) return report(journal.error().message);
  if (auto put = journal->write_all("started\n"); !put) return report(put.error().message);
  if (auto safe = journal->sync(); !safe) log(journal->path());
  if (auto closed = journal->close(); !closed) report(closed.error().message);

  ts::Result<ts::os::File> table = ts::os::File::open(ctx, "table", ts::os::Access::ReadWrite);
  char record[16];
  if (ts::Result<std::size_t> got = table->pread(ctx, record, 4 * sizeof record)) log("read");
  if (auto put = table->pwrite_all(ctx, record, 0); !put) report(put.error().message);
  if (ts::Result<std::size_t> got = table->read(record); got && *got == 0) log("the end");
  if (ts::Result<std::uint64_t> bytes = table->size()) log(std::to_string(*bytes));
  if (auto put = ts::os::write_file("notes.txt", "nothing"); !put) report(put.error().message);
}

void sort_lines(const ts::Context& ctx) {
  ts::os::Command sort{.arguments = {"sort"}};
  sort.input = sort.output = ts::os::Stream::Pipe;
  ts::Result<ts::os::Process> child = ts::os::Process::start(sort);
  if (!child) return report(child.error().message);
  log("sort is process " + std::to_string(child->id()));
  if (auto put = child->input().write_all(ctx, "b\na\n"); !put) report(put.error().message);
  if (auto closed = child->input().close(); !closed) report(closed.error().message);
  ts::Result<std::string> sorted = child->output().read_all(ctx);
  if (!sorted) log(child->kill(SIGTERM) ? "gave up" : "it has ended");
  ts::Result<ts::os::ExitStatus> status = child->wait();
  if (status && !status->success()) log(status->to_string());
  EXPECT_EQ(sorted.value(), "a\nb\n");
}

TEST(HeaderExamples, ChildProcess) {
  ts::run([] { sort_lines({}); });
}

[[maybe_unused]] void ask_git(const ts::Context& ctx) {
  const auto use = [](const std::string&) {};
  ts::Result<ts::os::Output> out = ts::os::output(ctx, {.arguments = {"git", "rev-parse", "HEAD"}});
  if (!out) return report(out.error().message);           // it could not be started
  if (!out->status.success()) return report(out->error);  // it said why
  use(out->output);
}

[[maybe_unused]] void end_on_signals(const ts::net::Listener& listener) {
  ts::Receiver<int> interrupts = ts::signals({SIGINT, SIGTERM});
  ts::go("shutdown", [interrupts, listener] {
    if (interrupts.recv()) static_cast<void>(listener.close());
  });
  ts::stop_signals(interrupts);  // the channel is closed
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
    scope.go("fetch", [&, part](const ts::Context& child) { fetch(child, database, part); });
  }
  ts::Future<int> total = scope.async("count", [&] { return count(request); });
  scope.wait();  // all have ended; throws the first error
  respond(total.get());
}

void collect(const ts::Context& ctx) {
  ts::Scope all(ctx, {.deadline = ts::now() + 5s, .on_error = ts::OnError::Collect});
  all.set_limit(2);
  Database& shared = all.own<Database>();  // outlives the children, too
  if (!all.try_go("now", [&] { fetch(all.ctx(), shared, 1); })) log("two run already");
  if (!all.go(ctx, "soon", [] { load_tables(); })) all.cancel();  // ctx was done first
  if (!all.wait(ctx)) log("they go on, and the end of the scope waits for them");
  if (all.failures() > 0) report(all.errors());
  EXPECT_EQ(shared.fetched, 1);
}

}  // namespace scoped

void check_all(int hosts) {
  ts::Scope all({}, {.on_error = ts::OnError::Collect});
  for (int i = 0; i < hosts; ++i) all.go([] { throw std::runtime_error("no answer"); });
}

int add_up() { return 3; }

TEST(HeaderExamples, Scope) {
  in_task([] {
    scoped::serve(ts::background(), {.parts = {1, 2, 3, 4, 5, 6, 7}});
    EXPECT_EQ(scoped::answer, 7);
    scoped::collect({});

    logged.clear();
    const int hosts = 2;
    try {
      check_all(hosts);
    } catch (const ts::ScopeErrors& failed) {
      for (const std::exception_ptr& error : failed.errors()) report(error);
    }
    EXPECT_EQ(logged, (std::vector<std::string>{"no answer", "no answer"}));

    const ts::Context ctx;
    const auto prepare = [] {};
    ts::Future<int> sum = ts::async("sum", [] { return add_up(); });
    prepare();
    if (!sum.wait(ctx)) return;  // ctx was done first; so says the Result of sum.get(ctx)
    use(sum.get());              // waits; throws what add_up threw
    if (sum.valid() && sum.ready()) log("never here: get() takes the result with it");
  });
}

// ---- patterns -----------------------------------------------------------------------------------

void connect_patiently(const ts::Context& ctx, int& failures) {
  const auto connect = [&] { return failures-- == 0; };
  ts::Backoff backoff({.first = 100ms, .max = 10s});
  while (!connect()) {
    if (!ts::sleep(ctx, backoff.next())) return;
  }
  backoff.reset();  // the next delay is the first again
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
      if (attempt.number() > 1) log(attempt.stopped() ? "for the last time" : "again");
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

    logged.clear();
    limiter.set_limit(ts::RateLimit::every(50ms));  // 20 a second; unlimited() lets all through
    limiter.set_burst(5);
    if (!limiter.allow()) log("dropped, with " + std::to_string(limiter.tokens()) + " tokens");
    ts::Reservation turn = limiter.reserve(2);  // taken now, to be acted on later
    if (turn.ok() && turn.delay() > 1s) turn.cancel();
    if (!limiter.limit().is_unlimited()) log(std::to_string(limiter.limit().events_per_second()));
    if (limiter.limit() == ts::RateLimit::unlimited()) log(std::to_string(limiter.burst()));
    EXPECT_EQ(logged.size(), 2u);
  });
}

TEST(HeaderExamples, OneForAllAndNoneForNow) {
  in_task([] {
    const Billing billing;
    const int id = 4;
    ts::CircuitBreaker breaker({.name = "billing", .failures_max = 5, .open_for = 30s});
    ts::Result<Invoice> invoice = breaker.call([&] { return billing.fetch(id); });
    EXPECT_EQ(*invoice, 4);
    if (breaker.state() == ts::CircuitState::Open) log("billing is not asked now");
    try {
      breaker.call([] { load_tables(); });
    } catch (const ts::BreakerOpen& open) {
      log(open.what());
    }
    const Request request = 1;
    const auto send = [](Request) { return true; };
    if (std::optional<ts::CircuitBreaker::Permit> permit = breaker.enter()) {
      if (send(request)) permit->succeed();  // a permit that ends without it counts as a failure
    }
    if (std::optional<ts::CircuitBreaker::Permit> permit = breaker.enter()) {
      send(request) ? permit->fail() : permit->forget();  // forget: as if it had not been asked
    }

    const std::string url = "here";
    ts::SingleFlight<std::string, Page> flights;
    Page page = flights.call(url, [&] { return load(url); }).value;
    flights.forget(url);  // who asks from now on works again
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

}  // namespace
