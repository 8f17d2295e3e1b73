// What channels, select and locks cost.
#include <array>
#include <chrono>

#include "runtime/channel/select.h"
#include "runtime/taskscope.h"
#include "tests/bench/workloads/frame.h"

namespace taskscope::bench {
namespace {

using Numbers = ts::Chan<std::int64_t>;

Numbers numbers(std::size_t capacity = 0) { return ts::make_chan<std::int64_t>(capacity); }

void drain(const Numbers& channel) {
  while (channel.recv()) {
  }
}

// One task that sends to and receives from its own buffered channel.
void chan_solo(std::int64_t values, Run&) {
  const Numbers channel = numbers(1);
  for (std::int64_t i = 0; i < values; ++i) {
    channel.send(i);
    channel.recv();
  }
}

// Two tasks, two unbuffered channels; per round trip.
void chan_pingpong(std::int64_t trips, Run&) {
  const Numbers ping = numbers();
  const Numbers pong = numbers();
  ts::go([=] {
    for (const std::int64_t value : ping) pong.send(value);
    pong.close();
  });
  for (std::int64_t i = 0; i < trips; ++i) {
    ping.send(i);
    pong.recv();
  }
  ping.close();
  drain(pong);
}

void stream(std::int64_t values, std::size_t capacity) {
  const Numbers channel = numbers(capacity);
  ts::go([=] {
    for (std::int64_t i = 0; i < values; ++i) channel.send(i);
    channel.close();
  });
  drain(channel);
}
void chan_unbuf(std::int64_t values, Run&) { stream(values, 0); }
void chan_buf128(std::int64_t values, Run&) { stream(values, 128); }

// Eight producers, eight consumers, one channel of 64.
void chan_mpmc(std::int64_t values, Run&) {
  const Numbers channel = numbers(64);
  ts::WaitGroup producers;
  ts::WaitGroup consumers;
  for (int i = 0; i < 8; ++i) {
    producers.go([=] {
      for (std::int64_t value = 0; value < values / 8; ++value) channel.send(value);
    });
    consumers.go([=] { drain(channel); });
  }
  producers.wait();
  channel.close();
  consumers.wait();
}

// As many stages as values, every value through all of them; per hop.
void pipeline(std::int64_t stages, Run& run) {
  const Numbers first = numbers();
  Numbers in = first;
  for (std::int64_t i = 0; i < stages; ++i) {
    const Numbers out = numbers();
    ts::go([in, out] {
      for (const std::int64_t value : in) out.send(value + 1);
      out.close();
    });
    in = out;
  }
  ts::go([=] {
    for (std::int64_t i = 0; i < stages; ++i) first.send(i);
    first.close();
  });
  drain(in);
  run.set_operations(static_cast<double>(stages) * static_cast<double>(stages));
}

// Finds the first primes with a chain of filters; only finding them is timed. Per prime.
void sieve(std::int64_t primes, Run& run) {
  const Numbers source = numbers();
  const auto stop = ts::make_chan<bool>();
  ts::go([=] {
    bool stopped = false;
    for (std::int64_t i = 2; !stopped; ++i) {
      ts::select(ts::send(source, i), ts::recv(stop, [&] { stopped = true; }));
    }
    source.close();
  });
  run.start();
  Numbers in = source;
  std::int64_t last = 0;
  for (std::int64_t i = 0; i < primes; ++i) {
    last = in.recv().value_or(0);
    const Numbers out = numbers();
    ts::go([in, out, prime = last] {
      for (const std::int64_t value : in) {
        if (value % prime != 0) out.send(value);
      }
      out.close();
    });
    in = out;
  }
  run.stop();
  run.set("value", static_cast<double>(last));
  stop.close();
  drain(in);
}

// Channels into which `values` are sent in all, a task for each.
template <std::size_t kCount>
std::array<Numbers, kCount> feeders(std::int64_t values) {
  std::array<Numbers, kCount> all;
  for (Numbers& channel : all) {
    channel = numbers();
    ts::go([channel, values] {
      const auto share = values / static_cast<std::int64_t>(kCount);
      for (std::int64_t i = 0; i < share; ++i) channel.send(i);
    });
  }
  return all;
}

void select2(std::int64_t values, Run&) {
  const auto c = feeders<2>(values);
  for (std::int64_t i = 0; i < values; ++i) ts::select(ts::recv(c[0]), ts::recv(c[1]));
}

void select8(std::int64_t values, Run&) {
  const auto c = feeders<8>(values);
  for (std::int64_t i = 0; i < values; ++i) {
    ts::select(ts::recv(c[0]), ts::recv(c[1]), ts::recv(c[2]), ts::recv(c[3]), ts::recv(c[4]),
               ts::recv(c[5]), ts::recv(c[6]), ts::recv(c[7]));
  }
}

// Nothing is ever there: what it costs to look.
void select_default(std::int64_t looks, Run&) {
  const Numbers a = numbers();
  const Numbers b = numbers();
  for (std::int64_t i = 0; i < looks; ++i) ts::select(ts::recv(a), ts::recv(b), ts::otherwise());
}

void ctx_cancel(std::int64_t contexts, Run&) {
  const auto [root, stop] = ts::with_cancel(ts::background());
  for (std::int64_t i = 0; i < contexts; ++i) {
    const auto [ctx, cancel] = ts::with_cancel(root);
    cancel();
  }
}

void ctx_timeout(std::int64_t contexts, Run&) {
  const auto [root, stop] = ts::with_cancel(ts::background());
  for (std::int64_t i = 0; i < contexts; ++i) {
    const auto [ctx, cancel] = ts::with_timeout(root, std::chrono::hours(1));
    cancel();
  }
}

void mutex_solo(std::int64_t locks, Run&) {
  ts::Mutex mutex;
  for (std::int64_t i = 0; i < locks; ++i) {
    mutex.lock();
    mutex.unlock();
  }
}

// Eight tasks, each of which calls body(i) for its share of `count`.
template <class Body>
void eight(std::int64_t count, const Body& body) {
  ts::WaitGroup all;
  for (int task = 0; task < 8; ++task) {
    all.go([&] {
      for (std::int64_t i = 0; i < count / 8; ++i) body(i);
    });
  }
  all.wait();
}

void mutex_8(std::int64_t locks, Run& run) {
  ts::Mutex mutex;
  std::int64_t value = 0;
  eight(locks, [&](std::int64_t) {
    mutex.lock();
    ++value;
    mutex.unlock();
  });
  run.set("value", static_cast<double>(value));
}

void read(ts::RWMutex& mutex) {
  mutex.lock_shared();
  mutex.unlock_shared();
}

void rwmutex_solo(std::int64_t locks, Run&) {
  ts::RWMutex mutex;
  for (std::int64_t i = 0; i < locks; ++i) read(mutex);
}

void rwmutex_read8(std::int64_t locks, Run&) {
  ts::RWMutex mutex;
  eight(locks, [&](std::int64_t) { read(mutex); });
}

// One in ten is a writer.
void rwmutex_mix8(std::int64_t locks, Run& run) {
  ts::RWMutex mutex;
  std::int64_t value = 0;
  eight(locks, [&](std::int64_t i) {
    if (i % 10 != 0) return read(mutex);
    mutex.lock();
    ++value;
    mutex.unlock();
  });
  run.set("value", static_cast<double>(value));
}

}  // namespace

std::vector<Case> channel_cases() {
  return {{"chan_solo", 2'000'000, kByTime, chan_solo},
          {"chan_pingpong", 100'000, kByTime, chan_pingpong},
          {"chan_unbuf", 200'000, kByTime, chan_unbuf},
          {"chan_buf128", 1'000'000, kByTime, chan_buf128},
          {"chan_mpmc", 800'000, kByTime, chan_mpmc},
          {"sieve", 500, 2000, sieve},
          {"select2", 100'000, kByTime, select2},
          {"select8", 100'000, kByTime, select8},
          {"select_default", 1'000'000, kByTime, select_default},
          {"ctx_cancel", 200'000, kByTime, ctx_cancel},
          {"ctx_timeout", 100'000, kByTime, ctx_timeout},
          {"pipeline", 300, 1000, pipeline},
          {"mutex_solo", 4'000'000, kByTime, mutex_solo},
          {"mutex_8", 4'000'000, kByTime, mutex_8},
          {"rwmutex_solo", 4'000'000, kByTime, rwmutex_solo},
          {"rwmutex_read8", 4'000'000, kByTime, rwmutex_read8},
          {"rwmutex_mix8", 4'000'000, kByTime, rwmutex_mix8}};
}

}  // namespace taskscope::bench
