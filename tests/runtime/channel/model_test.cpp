// Channels and selects against a small sequential reference: random programs of a few tasks under a
// seed, every operation recorded with the instants of its call and its return, and then a search
// for one order of all operations that the reference can do.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "tests/runtime/support/runtime_test.h"
#include "tests/support/linear_search.h"

namespace taskscope {
namespace {

using test::sized;

class ChannelModelTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ChannelModelTest);

enum class What : std::uint8_t { Send, TrySend, Recv, TryRecv, Close };

struct Operation {
  What what = What::Send;
  int chan = 0;
  int value = 0;     // sent, or received; -1: nothing was received
  bool done = true;  // try_send: it was sent. Others panicked if false
  std::uint32_t called = 0;
  std::uint32_t returned = 0;
};

// What two channels hold.
struct Model {
  std::deque<int> values[2];
  bool closed[2] = {};
  std::size_t capacity[2] = {};

  // False: in this state the operation would not have done what it did.
  bool apply(const Operation& op, bool) {
    std::deque<int>& queue = values[op.chan];
    switch (op.what) {
      case What::Send:
      case What::TrySend:
        if (closed[op.chan]) return !op.done;
        if (op.what == What::TrySend && !op.done) return queue.size() == capacity[op.chan];
        if (!op.done || queue.size() == capacity[op.chan]) return false;
        queue.push_back(op.value);
        return true;
      case What::Recv:
        if (queue.empty()) return closed[op.chan] && op.value == -1;
        break;
      case What::TryRecv:
        if (queue.empty()) return op.value == -1;
        break;
      case What::Close:
        if (closed[op.chan]) return !op.done;
        closed[op.chan] = true;
        return op.done;
    }
    if (op.value != queue.front()) return false;
    queue.pop_front();
    return true;
  }

  // An unbuffered channel passes a value on in the instant in which both are there, and one of the
  // two has waited for the other.
  bool apply_pair(const Operation& send, const Operation& recv) const {
    const bool tries = send.what == What::TrySend;
    if (send.what != What::Send && !tries) return false;
    if (recv.what != What::Recv && (recv.what != What::TryRecv || tries)) return false;
    return send.chan == recv.chan && capacity[send.chan] == 0 && !closed[send.chan] && send.done &&
           recv.value == send.value;
  }

  std::string text() const {
    std::string text;
    for (int c = 0; c < 2; ++c) {
      text += closed[c] ? 'c' : 'o';
      for (const int value : values[c]) text += std::to_string(value) + ',';
    }
    return text;
  }
};

bool linear(const std::vector<Operation>& operations, const Model& start) {
  return tests::LinearSearch<Operation, Model>(operations, start).found();
}

constexpr int kTasks = 3;
constexpr int kOperations = 6;

struct History {
  Chan<int> chans[2];
  std::atomic<std::uint32_t> clock{0};
  std::vector<Operation> operations[kTasks];
};

void perform(History& history, Operation& op) {
  const Chan<int>& chan = history.chans[op.chan];
  op.called = history.clock.fetch_add(1);
  try {
    switch (op.what) {
      case What::Send:
        chan.send(op.value);
        break;
      case What::TrySend:
        op.done = chan.try_send(op.value);
        break;
      case What::Recv:
        op.value = chan.recv().value_or(-1);
        break;
      case What::TryRecv:
        op.value = chan.try_recv().value_or(-1);
        break;
      case What::Close:
        chan.close();
        break;
    }
  } catch (const Panic&) {
    op.done = false;
  }
  op.returned = history.clock.fetch_add(1);
}

// A select that sends on one channel and receives from the other is recorded as the operation that
// it carried out.
void perform_select(History& history, Operation& op, bool may_wait, bool& nothing) {
  const Chan<int>& to = history.chans[op.chan];
  const Chan<int>& from = history.chans[1 - op.chan];
  op.called = history.clock.fetch_add(1);
  std::optional<int> received;
  std::size_t chosen = 2;
  try {
    if (may_wait) {
      chosen = ts::select(ts::send(to, op.value), ts::recv(from, received));
    } else {
      chosen = ts::select(ts::send(to, op.value), ts::recv(from, received), ts::otherwise());
    }
  } catch (const Panic&) {
    chosen = 0;
    op.done = false;
  }
  op.returned = history.clock.fetch_add(1);
  if (chosen == 1) {
    op.what = may_wait || !received ? What::Recv : What::TryRecv;
    op.chan = 1 - op.chan;
    op.value = received.value_or(-1);
  } else {
    op.what = may_wait || !op.done ? What::Send : What::TrySend;
  }
  nothing = chosen == 2;
}

void run_task(History& history, int task, std::uint32_t seed) {
  std::minstd_rand random(seed);
  for (int i = 0; i < kOperations; ++i) {
    Operation op;
    op.value = task * 100 + i;
    op.chan = static_cast<int>(random() / 8 % 2);
    const auto dice = random() / 8 % 16;
    bool nothing = false;
    if (dice < 4) {
      perform_select(history, op, dice < 2, nothing);
    } else {
      op.what = dice < 7    ? What::Send
                : dice < 9  ? What::TrySend
                : dice < 12 ? What::Recv
                : dice < 15 ? What::TryRecv
                            : What::Close;
      perform(history, op);
    }
    if (!nothing) history.operations[task].push_back(op);
    if (random() / 8 % 3 == 0) yield();
  }
}

// Ends what would wait for ever when the tasks have no partner left: a task that takes and gives.
void help(History& history, std::vector<Operation>& operations, const std::atomic<int>& running) {
  for (int i = 0; running != 0; yield()) {
    if (test::blocked_tasks() < static_cast<std::size_t>(running)) continue;
    Operation op;
    op.what = i % 2 == 0 ? What::TryRecv : What::TrySend;
    op.chan = i / 2 % 2;
    op.value = 1'000 + i;
    perform(history, op);
    // What did nothing can be left out of the history: it only makes the search longer.
    if (op.what == What::TryRecv ? op.value != -1 : op.done) operations.push_back(op);
    ++i;
  }
}

// Runs a random program over channels of those capacities; all that was done.
std::vector<Operation> perform_program(const Model& start, std::uint32_t seed) {
  std::vector<Operation> all;
  History history;
  for (int c = 0; c < 2; ++c) history.chans[c] = make_chan<int>(start.capacity[c]);
  std::atomic<int> running{kTasks};
  WaitGroup group;
  for (int t = 0; t < kTasks; ++t) {
    group.go([&, t] {
      run_task(history, t, seed + static_cast<std::uint32_t>(t));
      --running;
    });
  }
  help(history, all, running);
  group.wait();
  for (const auto& operations : history.operations) {
    all.insert(all.end(), operations.begin(), operations.end());
  }
  return all;
}

constexpr std::uint32_t kSeed = 1121;
constexpr auto kRounds = static_cast<std::size_t>(sized(600));

// The capacities in each round, and what was done then.
struct Round {
  Model start;
  std::vector<Operation> operations;
};

void perform_all(std::vector<Round>& rounds) {
  for (std::uint32_t i = 0; i < rounds.size(); ++i) {
    rounds[i].operations = perform_program(rounds[i].start, kSeed + 10 * i);
  }
}

void expect_linear(const std::vector<Round>& rounds) {
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(i));
    ASSERT_TRUE(linear(rounds[i].operations, rounds[i].start));
  }
}

TEST_P(ChannelModelTest, EveryHistoryOfBufferedChannelsIsLinearizable) {
  std::vector<Round> rounds(kRounds);
  for (std::size_t i = 0; i < kRounds; ++i) {
    rounds[i].start.capacity[0] = 1 + i % 2;
    rounds[i].start.capacity[1] = 1 + i / 2 % 3;
  }
  run([&] { perform_all(rounds); });
  expect_linear(rounds);
}

TEST_P(ChannelModelTest, EveryHistoryOfUnbufferedChannelsIsLinearizable) {
  std::vector<Round> rounds(kRounds);
  // Every other time one with a buffer stands beside it.
  for (std::size_t i = 0; i < kRounds; ++i) rounds[i].start.capacity[1] = i % 2;
  run([&] { perform_all(rounds); });
  expect_linear(rounds);
}

TEST(ChannelModel, TheSearchFindsWhatIsNotLinearizable) {
  Model start;
  start.capacity[0] = start.capacity[1] = 2;
  const Operation first{.what = What::Send, .value = 1, .called = 0, .returned = 1};
  const Operation second{.what = What::Send, .value = 2, .called = 2, .returned = 3};
  const Operation wrong{.what = What::Recv, .value = 2, .called = 4, .returned = 5};
  const Operation right{.what = What::Recv, .value = 1, .called = 4, .returned = 5};
  EXPECT_FALSE(linear({first, second, wrong}, start));
  EXPECT_TRUE(linear({first, second, right}, start));
  Operation overlapping = second;
  overlapping.called = 0;
  EXPECT_TRUE(linear({first, overlapping, wrong}, start));
}

TEST(ChannelModel, WithoutABufferBothMustBeThere) {
  const Model start;
  const Operation send{.what = What::Send, .value = 1, .called = 0, .returned = 3};
  Operation recv{.what = What::Recv, .value = 1, .called = 1, .returned = 2};
  EXPECT_TRUE(linear({send, recv}, start));
  EXPECT_FALSE(linear({send}, start));
  recv.value = 2;
  EXPECT_FALSE(linear({send, recv}, start)) << "not what was sent";
  recv.value = 1;
  Operation late = recv;
  late.called = 4;
  late.returned = 5;
  EXPECT_FALSE(linear({send, late}, start)) << "the sender was gone";
  Operation try_send = send;
  try_send.what = What::TrySend;
  EXPECT_TRUE(linear({try_send, recv}, start));
  recv.what = What::TryRecv;
  EXPECT_FALSE(linear({try_send, recv}, start)) << "neither has waited for the other";
}

}  // namespace
}  // namespace taskscope
