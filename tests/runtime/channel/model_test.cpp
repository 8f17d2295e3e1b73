// Channels against a small sequential reference: random programs of a few tasks under a seed, every
// operation recorded with the instants of its call and its return, and then a search for one order
// of all operations that respects those instants and that the reference can do (linearizability,
// after Wing and Gong).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

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

// What two buffered channels hold.
struct Model {
  std::deque<int> values[2];
  bool closed[2] = {};
  std::size_t capacity[2] = {};

  // False: in this state the operation would not have done what it did.
  bool apply(const Operation& op) {
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

  std::string text() const {
    std::string text;
    for (int c = 0; c < 2; ++c) {
      text += closed[c] ? 'c' : 'o';
      for (const int value : values[c]) text += std::to_string(value) + ',';
    }
    return text;
  }
};

class Search {
 public:
  Search(const std::vector<Operation>& operations, const Model& start)
      : operations_(operations), taken_(operations.size(), false) {
    linear_ = step(start, 0);
  }
  bool linear() const { return linear_; }

 private:
  bool step(const Model& model, std::size_t count) {
    if (count == operations_.size()) return true;
    std::string key(taken_.begin(), taken_.end());
    if (!seen_.insert(key + model.text()).second) return false;
    // What was called before every operation that is left had returned may be the next.
    std::uint32_t first_return = ~0u;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!taken_[i]) first_return = std::min(first_return, operations_[i].returned);
    }
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (taken_[i] || operations_[i].called > first_return) continue;
      Model next = model;
      if (!next.apply(operations_[i])) continue;
      taken_[i] = true;
      if (step(next, count + 1)) return true;
      taken_[i] = false;
    }
    return false;
  }

  const std::vector<Operation>& operations_;
  std::vector<bool> taken_;
  std::set<std::string> seen_;
  bool linear_ = false;
};

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

// A select over both channels is recorded as the operation that it carried out.
void perform_select(History& history, Operation& op, bool may_wait, bool& nothing) {
  op.called = history.clock.fetch_add(1);
  std::optional<int> received;
  std::size_t chosen = 2;
  try {
    if (may_wait) {
      chosen =
          ts::select(ts::send(history.chans[0], op.value), ts::recv(history.chans[1], received));
    } else {
      chosen = ts::select(ts::send(history.chans[0], op.value),
                          ts::recv(history.chans[1], received), ts::otherwise());
    }
  } catch (const Panic&) {
    chosen = 0;
    op.done = false;
  }
  op.returned = history.clock.fetch_add(1);
  op.what = chosen == 1 ? What::Recv : What::Send;
  op.chan = chosen == 1 ? 1 : 0;
  if (chosen == 1) op.value = received.value_or(-1);
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

TEST_P(ChannelModelTest, EveryHistoryOfBufferedChannelsIsLinearizable) {
  const std::uint32_t seed = 1121;
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(sized(600)); ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    std::vector<Operation> all;
    Model start;
    start.capacity[0] = 1 + round % 2;
    start.capacity[1] = 1 + round / 2 % 3;
    run([&] {
      History history;
      for (int c = 0; c < 2; ++c) history.chans[c] = make_chan<int>(start.capacity[c]);
      std::atomic<int> running{kTasks};
      std::vector<Operation> helped;
      WaitGroup group;
      for (int t = 0; t < kTasks; ++t) {
        group.go([&, t] {
          run_task(history, t, seed + 10 * round + static_cast<std::uint32_t>(t));
          --running;
        });
      }
      help(history, helped, running);
      group.wait();
      for (const auto& operations : history.operations) {
        all.insert(all.end(), operations.begin(), operations.end());
      }
      all.insert(all.end(), helped.begin(), helped.end());
    });
    ASSERT_TRUE(Search(all, start).linear());
  }
}

TEST(ChannelModel, TheSearchFindsWhatIsNotLinearizable) {
  Model start;
  start.capacity[0] = start.capacity[1] = 2;
  const Operation first{.what = What::Send, .value = 1, .called = 0, .returned = 1};
  const Operation second{.what = What::Send, .value = 2, .called = 2, .returned = 3};
  const Operation wrong{.what = What::Recv, .value = 2, .called = 4, .returned = 5};
  const Operation right{.what = What::Recv, .value = 1, .called = 4, .returned = 5};
  EXPECT_FALSE(Search({first, second, wrong}, start).linear());
  EXPECT_TRUE(Search({first, second, right}, start).linear());
  Operation overlapping = second;
  overlapping.called = 0;
  EXPECT_TRUE(Search({first, overlapping, wrong}, start).linear());
}

}  // namespace
}  // namespace taskscope
