// Samples, stacks and where time went by calls, against counting by hand.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/synthetic_session.h"
#include "tests/support/trace_session.h"
#include "viewer/model/call_profile.h"
#include "viewer/model/samples.h"
#include "viewer/model/stack_text.h"

namespace taskscope::viewer {
namespace {

using store::StackCall;
using store::StackTable;

SampleTable random_samples(std::mt19937_64& random, std::size_t count) {
  std::vector<store::SampleRow> rows;
  for (std::size_t at = 0; at < count; ++at) {
    const bool crowd = random() % 3 == 0;
    rows.push_back({.ns = static_cast<std::int64_t>(crowd ? 500 + random() % 20 : random() % 9'000),
                    .worker_id = static_cast<store::WorkerId>(random() % 3),
                    .task_id = random() % 5,  // 0: the scheduler
                    .stack_id = 0});
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [](const auto& a, const auto& b) { return a.ns < b.ns; });
  return {rows,
          StackTable(),
          {.task = [](store::TaskId id) { return static_cast<std::uint32_t>(id - 1); },
           .worker = [](store::WorkerId id) { return id; }}};
}

TEST(Samples, AreThoseOfTheirTaskAndOfTheirWorkerByTime) {
  std::mt19937_64 random(7);
  const SampleTable samples = random_samples(random, 600);
  ASSERT_EQ(samples.size(), 600U);
  std::size_t seen = 0;
  for (std::uint32_t task = 0; task < 6; ++task) {
    const RowSamples row = samples.of_task(task);
    for (std::size_t at = row.first; at < row.last; ++at) {
      EXPECT_EQ(samples.at(at).task, task);
      EXPECT_TRUE(at == row.first || samples.at(at - 1).ns <= samples.at(at).ns);
    }
    seen += row.size();
  }
  std::size_t without = 0;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    without += samples[at].task == SampleTable::kNone ? 1 : 0;
  }
  EXPECT_GT(without, 0U) << "the scheduler's own have no task";
  EXPECT_EQ(seen + without, samples.size());
  std::size_t on_workers = 0;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    on_workers += samples.of_worker(worker).size();
  }
  EXPECT_EQ(on_workers, samples.size());
  EXPECT_TRUE(samples.of_task(17).empty());
}

TEST(Samples, ThatStandCloseAreOneGroupWhereverTheViewBegins) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const SampleTable samples = random_samples(random, 400);
    const RowSamples row = samples.of_worker(1);
    const ColumnGrid grid{static_cast<double>(1 + random() % 40)};
    const std::int64_t mark_px = 4;
    const auto groups = samples.groups(row, grid, 0, 20'000, mark_px);
    std::size_t next = row.first;
    for (const RowSamples& group : groups) {
      EXPECT_EQ(group.first, next) << "none is left out";
      EXPECT_FALSE(group.empty());
      const auto mark = [&](std::size_t at) { return grid.column_of(samples.at(at).ns) / mark_px; };
      EXPECT_EQ(mark(group.first), mark(group.last - 1));
      if (group.last < row.last && samples.at(group.last).ns != samples.at(group.last - 1).ns) {
        EXPECT_NE(mark(group.last - 1), mark(group.last));
      }
      next = group.last;
    }
    EXPECT_EQ(next, row.last);
    // From a multiple of the mark on, the groups are the same ones.
    const auto later = samples.groups(row, grid, 8 * mark_px, 20'000, mark_px);
    EXPECT_TRUE(std::includes(groups.begin(), groups.end(), later.begin(), later.end(),
                              [](const auto& a, const auto& b) { return a.first < b.first; }));
  }
}

TEST(Samples, WithinARangeAreThoseOfTheRange) {
  std::mt19937_64 random(11);
  const SampleTable samples = random_samples(random, 500);
  for (int round = 0; round < 100; ++round) {
    const auto from = static_cast<std::int64_t>(random() % 9'000);
    const TimeRange range{from, from + static_cast<std::int64_t>(random() % 3'000)};
    const auto [first, last] = samples.within(range);
    std::size_t expected = 0;
    for (std::size_t at = 0; at < samples.size(); ++at) {
      expected += range.contains(samples[at].ns) ? 1 : 0;
    }
    EXPECT_EQ(last - first, expected);
    const RowSamples row = samples.within(samples.of_task(2), range);
    for (std::size_t at = row.first; at < row.last; ++at) {
      EXPECT_TRUE(range.contains(samples.at(at).ns));
    }
  }
}

TEST(StackTables, LeaveOutWhatIsAroundEveryCall) {
  StackTable stacks;
  const auto runtime = stacks.add_function({"park", "sched.cpp", true});
  const auto recv = stacks.add_function({"recv", "chan.h", true});
  const auto take = stacks.add_function({"take", "queue.cpp", false});
  const auto serve = stacks.add_function({"serve", "server.cpp", false});
  const auto entry = stacks.add_function({"task_main", "sched.cpp", true});
  const std::vector<StackCall> calls{{runtime, 1}, {recv, 2, 1}, {take, 3}, {serve, 4}, {entry, 5}};
  stacks.add_stack(7, calls);
  stacks.add_stack(8, std::vector<StackCall>{{runtime, 1}, {entry, 5}});
  const auto names = [&](StackTable::Inner inner, store::StackId id) {
    std::string text;
    for (const StackCall& call : stacks.own_calls(stacks.number_of(id), inner)) {
      text += stacks.function(call).name + " ";
    }
    return text;
  };
  EXPECT_EQ(names(StackTable::Inner::CalledOnly, 7), "recv take serve ");
  EXPECT_EQ(names(StackTable::Inner::All, 7), "park recv take serve ");
  EXPECT_EQ(names(StackTable::Inner::All, 8), "park task_main ") << "all that there is";
  EXPECT_EQ(names(StackTable::Inner::All, 9), "") << "there is no such stack";
  EXPECT_EQ(stacks.add_function({"take", "queue.cpp", false}), take) << "each is there once";
  EXPECT_EQ(stack_text(stacks, stacks.number_of(8)),
            "park  (runtime)\n    sched.cpp:1\ntask_main  (runtime)\n    sched.cpp:5\n");
}

class Profiles : public testing::Test {
 protected:
  CallProfile profile(const ProfileQuestion& question) const {
    return call_profile(*session_, question, never_);
  }
  TimeRange all() const { return {0, session_->duration_ns() + 1}; }

  SessionPtr session_ = tests::make_called_session({.spans = 6'000, .workers = 4});
  std::atomic<bool> never_{false};
};

// Weights of functions as anybody would add them up.
using Weighed = std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>>;  // self, total
void weigh(const TraceSession& session, std::uint32_t stack, StackTable::Inner inner,
           std::int64_t weight, Weighed& to) {
  const auto calls = session.stacks().own_calls(stack, inner);
  if (calls.empty()) return;
  to[calls.front().function].first += weight;
  std::set<std::uint32_t> functions;
  for (const StackCall& call : calls) functions.insert(call.function);
  for (const std::uint32_t function : functions) to[function].second += weight;
}

void expect_weighs(const CallProfile& profile, const Weighed& expected) {
  ASSERT_EQ(profile.functions.size(), expected.size());
  std::int64_t self = 0;
  for (const ProfiledFunction& function : profile.functions) {
    EXPECT_EQ(function.self, expected.at(function.function).first);
    EXPECT_EQ(function.total, expected.at(function.function).second);
    self += function.self;
  }
  EXPECT_EQ(self, profile.whole);
}

TEST_F(Profiles, CountTheSamplesOfARange) {
  const SampleTable& samples = session_->samples();
  ASSERT_GT(samples.size(), 50U);
  const TimeRange middle{session_->duration_ns() / 3, session_->duration_ns() / 2};
  for (const TimeRange range : {all(), middle}) {
    Weighed expected;
    for (std::size_t at = 0; at < samples.size(); ++at) {
      if (!range.contains(samples[at].ns)) continue;
      weigh(*session_, samples[at].stack, StackTable::Inner::All, 1, expected);
    }
    expect_weighs(profile({.of = ProfileOf::Cpu, .range = range}), expected);
  }
}

TEST_F(Profiles, OfATaskItsGroupAndAWorkerAreTheirSamplesOnly) {
  const SampleTable& samples = session_->samples();
  const std::uint32_t task = samples[3].task == kNoTask ? samples[4].task : samples[3].task;
  const std::uint32_t group = session_->tasks()[task].group;
  std::map<ProfileScope, std::int64_t> expected;
  for (std::size_t at = 0; at < samples.size(); ++at) {
    const Sample& sample = samples[at];
    ++expected[ProfileScope::All];
    if (sample.worker == 2) ++expected[ProfileScope::Worker];
    if (sample.task == task) ++expected[ProfileScope::Task];
    if (sample.task != kNoTask && session_->tasks()[sample.task].group == group) {
      ++expected[ProfileScope::Group];
    }
  }
  const std::map<ProfileScope, std::uint32_t> indices{{ProfileScope::All, 0},
                                                      {ProfileScope::Task, task},
                                                      {ProfileScope::Group, group},
                                                      {ProfileScope::Worker, 2}};
  for (const auto& [scope, index] : indices) {
    const CallProfile got =
        profile({.of = ProfileOf::Cpu, .scope = scope, .index = index, .range = all()});
    EXPECT_EQ(got.whole + got.without, expected[scope]);
    EXPECT_GT(got.whole, 0);
  }
}

TEST_F(Profiles, AddUpTheTimeOfWaitsAsFarAsTheyLieInTheRange) {
  const TimeRange range{session_->duration_ns() / 4, session_->duration_ns() / 3};
  Weighed expected;
  for (TaskIndex task = 0; task < session_->tasks().size(); ++task) {
    const Task& of = session_->tasks()[task];
    for (std::uint32_t at = 0; at < of.span_count; ++at) {
      const SpanIndex span = of.first_span + at;
      const TimeRange times = session_->span_range(span);
      const std::int64_t ns =
          std::min(times.end_ns, range.end_ns) - std::max(times.start_ns, range.start_ns);
      const std::uint32_t stack = session_->wait_stack(span);
      if (ns <= 0 || stack == StackTable::kNone) continue;
      weigh(*session_, stack, StackTable::Inner::CalledOnly, ns, expected);
    }
  }
  ASSERT_FALSE(expected.empty());
  expect_weighs(profile({.of = ProfileOf::Waits, .range = range}), expected);
}

TEST_F(Profiles, AreATreeInWhichCalleesLieWithinTheirCallers) {
  const CallProfile got = profile({.of = ProfileOf::Cpu, .range = all()});
  ASSERT_GT(got.nodes.size(), 10U);
  EXPECT_EQ(got.nodes[0].total, got.whole);
  EXPECT_EQ(got.nodes[0].next, got.nodes.size());
  for (std::uint32_t at = 0; at < got.nodes.size(); ++at) {
    const ProfileNode& node = got.nodes[at];
    std::int64_t before = node.before;
    std::int64_t heaviest = node.total;
    for (std::uint32_t child = at + 1; child < node.next; child = got.nodes[child].next) {
      EXPECT_EQ(got.nodes[child].parent, at);
      EXPECT_EQ(got.nodes[child].depth, node.depth + 1);
      EXPECT_EQ(got.nodes[child].before, before);
      EXPECT_LE(got.nodes[child].total, heaviest) << "the heaviest stand first";
      heaviest = got.nodes[child].total;
      before += heaviest;
    }
    EXPECT_EQ(before + node.self, node.before + node.total);
    EXPECT_EQ(find_node(got, path_to(got, at)), at);
  }
  const std::vector<std::uint32_t> nowhere{got.nodes[1].function, 999'999};
  EXPECT_EQ(find_node(got, nowhere), 1U) << "as far as there is a way";
}

TEST_F(Profiles, AreSearchedForFunctionsWhateverTheSizeOfLetters) {
  const CallProfile got = profile({.of = ProfileOf::Cpu, .range = all()});
  EXPECT_EQ(weight_of_matches(got, session_->stacks(), ""), 0);
  EXPECT_EQ(weight_of_matches(got, session_->stacks(), "no such function"), 0);
  EXPECT_EQ(weight_of_matches(got, session_->stacks(), "SHOP::SERVER"), got.whole)
      << "it is in every stack, and counts once in each";
  const std::int64_t some = weight_of_matches(got, session_->stacks(), "render");
  EXPECT_GT(some, 0);
  EXPECT_LT(some, got.whole);
}

TEST_F(Profiles, OfARecordingWithoutStacksAreEmpty) {
  const SessionPtr plain = tests::make_synthetic_session({.spans = 2'000});
  for (const ProfileOf of : {ProfileOf::Cpu, ProfileOf::Waits}) {
    const CallProfile got =
        call_profile(*plain, {.of = of, .range = {0, plain->duration_ns()}}, never_);
    EXPECT_EQ(got.whole, 0);
    EXPECT_TRUE(got.functions.empty());
    EXPECT_EQ(got.nodes.size(), 1U);
  }
}

// The window's part of the trace that tests/golden/recorder/stacks.golden has rows of.
TEST(Sessions, KnowTheStacksOfWaitsAndSpawnsAndTheSamples) {
  const SessionPtr session = tests::session_of_trace(R"(
ext 0 module count=1 "400000\t400000\t500000\tab12\t/nowhere/program"
w0 0 worker-start thread=4242
w0 10 spawn task=1 site=0
w0 20 run task=1 seq=1
w0 30 stack stack=1 "400100 400200"
w0 40 at-stack stack=1
w0 40 spawn task=2 site=0
w0 50 stack stack=2 "400300 400200 7"
w0 60 at-stack stack=2
w0 60 block object=0 reason="sleep" site=0
w0 65 run task=2 seq=1
ext 70 sample task=2 "0\t4242\t0\t400500 400600\t0 0"
w0 80 block object=0 reason="sleep" site=0
w0 90 ready task=1 seq=2
w0 100 run task=1 seq=3
w0 110 exit task=1
w0 120 worker-stop
)");
  ASSERT_NE(session, nullptr);
  const TaskIndex first = session->find_task(1);
  const TaskIndex second = session->find_task(2);
  const StackTable& stacks = session->stacks();
  EXPECT_EQ(session->spawn_stack(second), stacks.number_of(1));
  EXPECT_EQ(session->spawn_stack(first), StackTable::kNone);
  std::vector<std::uint32_t> of_waits;
  for (const TaskIndex task : {first, second}) {
    const Task& of = session->tasks()[task];
    for (std::uint32_t at = 0; at < of.span_count; ++at) {
      const SpanIndex span = of.first_span + at;
      if (session->span_class(span) == StateClass::Sleep) {
        of_waits.push_back(session->wait_stack(span));
      } else {
        EXPECT_EQ(session->wait_stack(span), StackTable::kNone);
      }
    }
  }
  EXPECT_EQ(of_waits, (std::vector<std::uint32_t>{stacks.number_of(2), StackTable::kNone}));
  ASSERT_EQ(session->samples().size(), 1U);
  EXPECT_EQ(session->samples()[0].task, second);
  EXPECT_EQ(session->samples()[0].worker, 0U);
  const auto calls = stacks.calls(session->samples()[0].stack);
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(stacks.function(calls[0]).name, "program+0x500");
}

}  // namespace
}  // namespace taskscope::viewer
