// from_go: Go's constructs one by one, for those who know them.
//
// Each marked region is one half of a pair in runtime/FROM_GO.md; the other half stands under the
// same mark in from_go.go. Around the regions is what they need to run, and a check of what they
// did, so that the page shows nothing that does not work. The page is narrow, hence the places that
// are formatted by hand. `python3 tests/tidy/from_go.py --write` renews it.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/taskscope.h"

namespace {

using namespace std::chrono_literals;
using std::optional;
using std::string;
using std::vector;

// ---- Tasks --------------------------------------------------------------------------------------

namespace whole_program {
// [go: program]
int main() {
  return ts::run([] {
    auto numbers = ts::make_chan<int>();
    ts::go([numbers] {
      for (int i = 1; i <= 3; ++i) numbers.send(i);
      numbers.close();
    });
    int sum = 0;
    for (int number : numbers) sum += number;
    return sum == 6 ? 0 : 1;
  });
}
// [end]
}  // namespace whole_program

bool goroutine() {
  const auto greetings = ts::make_chan<string>();
  const string name = "Ada";
  const auto greet = [greetings](const string& who) { greetings.send("hello " + who); };
  // [go: goroutine]
  ts::go([greet, name] { greet(name); });

  ts::go("greeter", [greet] { greet("Bob"); });
  // [end]
  return greetings.recv()->size() + greetings.recv()->size() == 18;
}

bool wait_group() {
  std::atomic<int> sum{0};
  const vector<int> parts{1, 2, 3};
  // [go: waitgroup]
  ts::WaitGroup group;
  for (int part : parts) {
    group.go([&sum, part] { sum += part; });
  }
  group.wait();
  // [end]
  return sum == 6;
}

bool giving_way() {
  // [go: gomaxprocs]
  const auto before = ts::set_workers(2);
  ts::yield();
  ts::set_workers(before);
  // [end]
  return before > 0;
}

// [go: panic]
string guarded(int divisor) {
  try {
    if (divisor == 0) throw std::runtime_error("zero");
    return std::to_string(12 / divisor);
  } catch (const std::exception& e) {
    return string("recovered: ") + e.what();
  }
}
// [end]

bool panic_and_recover() { return guarded(4) == "3" && guarded(0) == "recovered: zero"; }

bool deferred() {
  ts::Mutex mutex;
  int balance = 1;
  const auto add = [&](int amount) {
    // [go: defer]
    std::scoped_lock lock(mutex);
    if (amount < 0) return;
    balance += amount;
    // [end]
  };
  add(-1);
  add(1);
  return balance == 2;
}

// ---- Channels -----------------------------------------------------------------------------------

bool channel() {
  // [go: channel]
  auto done = ts::make_chan<string>();
  ts::go([done] { done.send("ready"); });
  string word = *done.recv();
  // [end]
  return word == "ready";
}

bool buffered() {
  // [go: buffered]
  auto box = ts::make_chan<int>(2);
  box.send(1);
  box.send(2);  // does not wait
  bool full = box.len() == box.cap();
  // [end]
  return full;
}

bool close_and_range() {
  int sum = 0;
  // [go: close-range]
  auto jobs = ts::make_chan<int>(3);
  for (int job : {1, 2, 3}) jobs.send(job);
  jobs.close();
  for (int job : jobs) sum += job;
  optional<int> more = jobs.recv();
  bool open = more.has_value();  // false
  // [end]
  return sum == 6 && !open;
}

// [go: direction]
void count_to(int n, ts::Sender<int> to) {
  for (int i = 1; i <= n; ++i) to.send(i);
  to.close();
}
int total(ts::Receiver<int> from) {
  int sum = 0;
  for (int number : from) sum += number;
  return sum;
}
// [end]

bool directions() {
  const auto numbers = ts::make_chan<int>();
  ts::go([numbers] { count_to(3, numbers); });
  return total(numbers) == 6;
}

bool select_of_two() {
  const auto numbers = ts::make_chan<int>(1);
  const auto words = ts::make_chan<string>(1);
  words.send("yes");
  string got;
  // [go: select]
  optional<int> n;
  optional<string> w;
  switch (ts::select(ts::recv(numbers, n), ts::recv(words, w))) {
    case 0:
      got = std::to_string(n.value());
      break;
    case 1:
      got = w.value();
      break;
  }
  // [end]
  return got == "yes";
}

bool select_with_default() {
  const auto numbers = ts::make_chan<int>();
  bool idle = false;
  // clang-format off
  // [go: select-default]
  ts::select(
      ts::send(numbers, 1, [] {}),
      ts::otherwise([&] { idle = true; }));

  // Or, for one channel:
  if (!numbers.try_send(1)) idle = true;
  // [end]
  // clang-format on
  return idle;
}

bool time_after() {
  const auto numbers = ts::make_chan<int>();
  bool late = false;
  // clang-format off
  // [go: time-after]
  ts::select(
      ts::recv(numbers, [](optional<int>) {}),
      ts::after(10ms, [&] { late = true; }));
  // [end]
  // clang-format on
  return late;
}

bool nil_channel() {
  ts::Receiver<int> left = [] {
    const auto chan = ts::make_chan<int>(1);
    chan.send(1);
    chan.close();
    return chan;
  }();
  int sum = 0;
  // [go: nil-channel]
  while (left) {
    ts::select(ts::recv(left, [&](optional<int> n) {
      if (n) {
        sum += *n;
      } else {
        left = {};  // never ready again
      }
    }));
  }
  // [end]
  return sum == 1;
}

// ---- Time ---------------------------------------------------------------------------------------

bool sleep_and_now() {
  // [go: sleep]
  auto begin = ts::now();
  ts::sleep(20ms);
  auto took = ts::now() - begin;
  // [end]
  return took >= 20ms;
}

bool timer() {
  // [go: timer]
  ts::Timer idle(30s);
  idle.reset(1ms);
  idle.c().recv();
  bool pending = idle.stop();
  // [end]
  return !pending;
}

bool ticker() {
  // [go: ticker]
  ts::Ticker ticker(5ms);  // its end stops it
  for (int i = 0; i < 3; ++i) ticker.c().recv();
  // [end]
  return true;
}

bool after_func() {
  const auto rang = ts::make_chan<ts::Unit>();
  // [go: after-func]
  auto alarm = ts::after_func(5ms, [rang] { rang.close(); });
  rang.recv();
  bool stopped = alarm.stop();  // too late
  // [end]
  return !stopped;
}

// ---- Shared state -------------------------------------------------------------------------------

// [go: mutex]
class Counter {
 public:
  void add(int n) {
    std::scoped_lock lock(mutex_);
    count_ += n;
  }

 private:
  ts::Mutex mutex_;
  int count_ = 0;
  // [end]
 public:
  int count() const { return count_; }
};

bool mutex() {
  Counter counter;
  counter.add(2);
  return counter.count() == 2;
}

bool rwmutex() {
  int value = 1;
  int seen = 0;
  // [go: rwmutex]
  ts::RWMutex mutex;
  {
    std::shared_lock reading(mutex);
    seen = value;
  }
  {
    std::unique_lock writing(mutex);
    value = 2;
  }
  // [end]
  return seen == 1 && value == 2;
}

bool once() {
  int loads = 0;
  const auto load = [&loads] { return ++loads; };
  // [go: once]
  ts::Once once;
  once.run([&] { load(); });
  once.run([&] { load(); });

  ts::Lazy<int> table([&] { return load(); });
  int value = *table + *table;
  // [end]
  return loads == 2 && value == 4;
}

bool cond() {
  bool ready = false;
  // [go: cond]
  ts::Mutex mutex;
  ts::Cond changed;
  ts::go([&] {
    std::scoped_lock lock(mutex);
    ready = true;
    changed.broadcast();
  });
  std::unique_lock lock(mutex);
  while (!ready) changed.wait(lock);
  // [end]
  return ready;
}

bool pool() {
  // [go: pool]
  ts::Pool<string> buffers([] { return string(); });
  string buffer = buffers.get();
  buffer.clear();
  buffer += "hello";
  buffers.put(std::move(buffer));
  // [end]
  return buffers.get() == "hello";
}

bool map() {
  // [go: sync-map]
  ts::Map<string, int> ages;
  ages.store("Ada", 36);
  auto [age, loaded] = ages.load_or_store("Ada", 0);
  optional<int> nobody = ages.load("Bob");
  ages.erase("Ada");
  // [end]
  return age == 36 && loaded && !nobody && ages.size() == 0;
}

bool atomic() {
  // [go: atomic]
  std::atomic<int> hits{0};
  hits += 2;
  int now = hits;
  // [end]
  return now == 2;
}

bool semaphore() {
  std::atomic<int> done{0};
  // [go: semaphore]
  ts::Semaphore free_places(2);
  ts::WaitGroup group;
  for (int i = 0; i < 5; ++i) {
    group.go([&] {
      ts::SemaphoreGuard held(free_places);
      ++done;
    });
  }
  group.wait();
  // [end]
  return done == 5;
}

// ---- Context ------------------------------------------------------------------------------------

bool with_cancel() {
  const auto ended = ts::make_chan<ts::Unit>();
  const auto never = ts::make_chan<int>();
  // [go: with-cancel]
  auto work = ts::with_cancel(ts::background());
  ts::go([ctx = work.ctx, never, ended] {
    auto value = never.recv(ctx);  // value, or why not
    if (!value) ended.close();
  });
  work.cancel();  // as its end does
  // [end]
  ended.recv();
  return work.ctx.err() == ts::ContextErrc::Canceled;
}

// clang-format off
// [go: with-timeout]
ts::Result<int> ask(const ts::Context& parent,
                    const ts::Receiver<int>& answers) {
  auto [ctx, cancel] = ts::with_timeout(parent, 10ms);
  return answers.recv(ctx);
}
// [end]
// clang-format on

bool with_timeout() {
  const auto answer = ask(ts::background(), ts::make_chan<int>());
  return !answer && answer.error().kind == ts::ErrorKind::Timeout;
}

bool with_value() {
  // [go: with-value]
  struct User {
    using Value = string;
  };
  ts::Context ctx;
  ctx = ts::with_value<User>(ctx, "Ada");
  const string* user = ctx.value<User>();
  // [end]
  return user != nullptr && *user == "Ada";
}

bool cause() {
  string why;
  // [go: cause]
  auto work = ts::with_cancel_cause(ts::background());
  work.cancel(std::runtime_error("out of paper"));
  try {
    work.ctx.throw_if_done();
  } catch (const std::runtime_error& e) {
    why = e.what();
  }
  // [end]
  return why == "out of paper";
}

bool errgroup() {
  const ts::Context ctx;
  const vector<string> files{"a", "b"};
  const auto load = [](const ts::Context& child, const string& file) {
    child.throw_if_done();
    if (file == "b") throw std::runtime_error("no " + file);
  };
  string failure;
  // clang-format off
  // [go: errgroup]
  try {
    ts::Scope scope(ctx, {.limit = 4});
    for (const string& file : files) {
      scope.go([&](const ts::Context& child) {
        load(child, file);
      });
    }
    scope.wait();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  // [end]
  // clang-format on
  return failure == "no b";
}

bool result_of_a_task() {
  const auto add_up = [] { return 6; };
  // [go: future]
  ts::Future<int> sum = ts::async([&] { return add_up(); });
  int value = sum.get();
  // [end]
  return value == 6;
}

// ---- The world outside --------------------------------------------------------------------------

bool net() {
  string heard(5, ' ');
  // [go: net]
  auto listener = ts::net::listen_tcp("127.0.0.1:0");
  if (!listener) return false;
  ts::go([listener] {
    auto conn = listener->accept();
    if (conn) (void)conn->write_all("hello");
  });
  auto conn = ts::net::dial_tcp(listener->address().to_string());
  if (!conn) return false;
  auto got = conn->read_full(heard);
  // [end]
  return got && heard == "hello";
}

bool signals() {
  // [go: signal]
  auto hangups = ts::signals({SIGHUP});
  kill(getpid(), SIGHUP);
  optional<int> number = hangups.recv();
  ts::stop_signals(hangups);
  // [end]
  return number == SIGHUP;
}

bool exec() {
  const ts::Context ctx;
  // [go: exec]
  auto run = ts::os::output(ctx, {{"echo", "hello"}});
  if (!run || !run->status.success()) return false;
  string said = run->output;
  // [end]
  return said == "hello\n";
}

bool files() {
  const string path = "/dev/null";
  // [go: files]
  auto text = ts::os::read_file(path);
  if (!text) {
    std::fprintf(stderr, "%s\n", text.error().message.c_str());
    return false;
  }
  // [end]
  return text->empty();
}

bool syscall() {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return false;
  const int fd = ends[1];
  // clang-format off
  // [go: syscall]
  ssize_t sent = ts::blocking([&] {
    return write(fd, "hello", 5);
  });
  // [end]
  // clang-format on
  close(ends[0]);
  close(ends[1]);
  return sent == 5;
}

struct Check {
  const char* name;
  bool (*run)();
};

constexpr std::array kChecks = {
    Check{"goroutine", goroutine},
    Check{"WaitGroup", wait_group},
    Check{"GOMAXPROCS", giving_way},
    Check{"panic", panic_and_recover},
    Check{"defer", deferred},
    Check{"channel", channel},
    Check{"buffer", buffered},
    Check{"close", close_and_range},
    Check{"directions", directions},
    Check{"select", select_of_two},
    Check{"default", select_with_default},
    Check{"time.After", time_after},
    Check{"nil channel", nil_channel},
    Check{"time.Sleep", sleep_and_now},
    Check{"Timer", timer},
    Check{"Ticker", ticker},
    Check{"AfterFunc", after_func},
    Check{"Mutex", mutex},
    Check{"RWMutex", rwmutex},
    Check{"Once", once},
    Check{"Cond", cond},
    Check{"Pool", pool},
    Check{"Map", map},
    Check{"atomic", atomic},
    Check{"semaphore", semaphore},
    Check{"WithCancel", with_cancel},
    Check{"WithTimeout", with_timeout},
    Check{"WithValue", with_value},
    Check{"cause", cause},
    Check{"errgroup", errgroup},
    Check{"future", result_of_a_task},
    Check{"net", net},
    Check{"signal", signals},
    Check{"exec", exec},
    Check{"files", files},
    Check{"syscall", syscall},
};

}  // namespace

int main() {
  if (whole_program::main() != 0) return 1;
  return ts::run([] {
    int wrong = 0;
    for (const Check& check : kChecks) {
      if (check.run()) continue;
      std::fprintf(stderr, "from_go: %s does not do what the page says\n", check.name);
      ++wrong;
    }
    std::printf("%zu constructs, %d wrong\n", kChecks.size() + 1, wrong);
    return wrong == 0 ? 0 : 1;
  });
}
