// Stacks and samples on their way into the tables, from traces in text form.
#include "recorder/ingest/call_stacks.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/call_tables.h"
#include "recorder/store/reader.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

class CallStacksTest : public testing::Test {
 protected:
  void record(const std::string& trace) {
    const auto recorded = record_text(trace, path_);
    ASSERT_TRUE(recorded) << recorded.error().message;
  }
  void record_golden() {
    record(tests::read_file(TASKSCOPE_SOURCE_DIR "/tests/golden/recorder/stacks.trace"));
  }
  // Its rows, the values of each behind each other; "-" for NULL.
  std::vector<std::string> rows(const std::string& sql) {
    const auto reader = store::Reader::open(path_);
    EXPECT_TRUE(reader) << reader.error().message;
    std::vector<std::string> found;
    store::Reader::QueryError error;
    const bool read = reader->query(
        sql, {},
        [&](const auto&, const std::vector<const char*>& values) {
          std::string row;
          for (const char* value : values) {
            row += row.empty() ? "" : " ";
            row += value == nullptr ? "-" : value;
          }
          found.push_back(row);
          return true;
        },
        error);
    EXPECT_TRUE(read) << error.message;
    return found;
  }
  using Rows = std::vector<std::string>;

  const tests::TemporaryFolder folder_;
  const std::string path_ = folder_.file("a.tscope");
};

TEST_F(CallStacksTest, AWaitHasTheStackOfItsBlock) {
  record_golden();
  EXPECT_EQ(rows("SELECT task_id, start_ns, stack_id FROM span WHERE state = 'sleeping'"
                 " ORDER BY start_ns"),
            (Rows{"1 60 2", "2 96 2", "1 110 -", "1 160 -"}));
  EXPECT_EQ(rows("SELECT count(*) FROM span WHERE state <> 'sleeping' AND stack_id IS NOT NULL"),
            Rows{"0"});
}

TEST_F(CallStacksTest, EventsHaveTheirStackAndItIsNoEventItself) {
  record_golden();
  EXPECT_EQ(rows("SELECT kind, ns, stack_id FROM event WHERE stack_id IS NOT NULL ORDER BY ns"),
            (Rows{"spawn 40 1", "block 60 2", "sample 70 16777216", "sample 75 16777216",
                  "sample 85 16777217", "ready 90 2", "block 96 2"}));
  EXPECT_EQ(rows("SELECT count(*) FROM event WHERE kind = 'at-stack'"), Rows{"0"});
  EXPECT_EQ(rows("SELECT (SELECT value FROM meta WHERE key = 'events') - count(*) FROM event"),
            Rows{"0"});
  EXPECT_EQ(rows("SELECT sum(events) - (SELECT count(*) FROM event) FROM chunk"), Rows{"0"});
}

TEST_F(CallStacksTest, ATaskHasTheStackOfItsSpawn) {
  record_golden();
  EXPECT_EQ(rows("SELECT id, spawn_stack_id FROM task ORDER BY id"), (Rows{"1 -", "2 1"}));
}

TEST_F(CallStacksTest, SamplesSayWhoseTimeItWasAndHowManyAreMissing) {
  record_golden();
  EXPECT_EQ(rows("SELECT ns, worker_id, thread_id, task_id, stack_id FROM sample ORDER BY ns"),
            (Rows{"70 0 4242 2 16777216", "75 0 4242 2 16777216", "85 - 4243 - 16777217"}));
  EXPECT_EQ(rows("SELECT value FROM meta WHERE key IN ('samples', 'lost_samples') ORDER BY key"),
            (Rows{"3", "3"}));
}

TEST_F(CallStacksTest, WhatHasNoFileIsNamedByWhereItLies) {
  record_golden();
  EXPECT_EQ(rows("SELECT depth, function, file FROM call WHERE stack_id = 2 ORDER BY depth"),
            (Rows{"0 program+0x2ff -", "1 program+0x1ff -", "2 0x6 -"}));
  // The first address of a sample is that of an instruction, not one to return to.
  EXPECT_EQ(rows("SELECT function FROM call WHERE stack_id = 16777216 ORDER BY depth"),
            (Rows{"program+0x500", "program+0x5ff"}));
  EXPECT_EQ(rows("SELECT id, addresses FROM stack WHERE kind = 'call' ORDER BY id"),
            (Rows{"1 400100 400200", "2 400300 400200 7"}));
}

TEST_F(CallStacksTest, AReaderGetsTheSameAnswers) {
  record_golden();
  const auto reader = store::Reader::open(path_);
  ASSERT_TRUE(reader);
  EXPECT_EQ(store::sample_count(*reader).value(), 3u);
  const auto functions = store::cpu_functions(*reader, 10);
  ASSERT_TRUE(functions);
  ASSERT_FALSE(functions->empty());
  EXPECT_EQ(functions->front().function, "program+0x500");
  EXPECT_EQ(functions->front().self, 2u);
  const auto waits = store::stack_waits(*reader, 10);
  ASSERT_TRUE(waits);
  ASSERT_EQ(waits->size(), 1u);
  EXPECT_EQ(waits->front().stack_id, 2u);
  EXPECT_EQ(waits->front().functions, "program+0x2ff < program+0x1ff < 0x6");
  EXPECT_EQ(waits->front().spans, 2u);
}

TEST_F(CallStacksTest, NonsenseIsCountedAndSkipped) {
  record(
      "w0 0 worker-start thread=1\n"
      "w0 1 stack stack=1 \"no number\"\n"
      "w0 2 stack stack=0 \"12\"\n"
      "w0 3 module count=1 \"0\"\n"
      "ext 4 sample task=1 \"\"\n");
  for (const char* table : {"stack", "module", "sample", "frame"}) {
    EXPECT_EQ(rows(std::string("SELECT count(*) FROM ") + table), Rows{"0"}) << table;
  }
  EXPECT_EQ(rows("SELECT value LIKE '4 events did not fit%' FROM meta WHERE key = 'notes'"),
            Rows{"1"});
}

TEST_F(CallStacksTest, AStackThatIsToldOfAgainAndAgainIsTheFirstOne) {
  record(
      "w0 0 worker-start thread=1\n"
      "w0 1 stack stack=1 \"400100\"\n"
      "w0 2 stack stack=1 \"400100\"\n"
      "w0 3 stack stack=1 \"400200\"\n");
  EXPECT_EQ(rows("SELECT id, addresses FROM stack"), Rows{"1 400100"});
  EXPECT_EQ(rows("SELECT stack_id, depth FROM frame"), Rows{"1 0"});
}

TEST_F(CallStacksTest, AStackWithANumberThatNoneCanHaveIsNoOther) {
  record(
      "w0 0 worker-start thread=1\n"
      "w0 0 spawn task=1 site=0\n"
      "w0 1 run task=1 seq=1\n"
      "w0 2 stack stack=1 \"400100\"\n"
      "w0 3 at-stack stack=16777217\n"
      "w0 3 block object=0 reason=\"sleep\" site=0\n");
  EXPECT_EQ(rows("SELECT stack_id FROM event WHERE kind = 'block'"), Rows{"-"});
  EXPECT_EQ(rows("SELECT value LIKE '1 events did not fit%' FROM meta WHERE key = 'notes'"),
            Rows{"1"});
}

TEST_F(CallStacksTest, AModuleThatIsToldOfAgainIsTheSameAndOneInItsPlaceIsNot) {
  const std::string a = " module count=1 \"400000\\t400000\\t500000\\t\\t/nowhere/a\"\n";
  const std::string b = " module count=2 \"400000\\t400000\\t500000\\t\\t/nowhere/b\"\n";
  record("w0 0 worker-start thread=1\nw0 1" + a + "w0 2" + a + "w0 3" + b + "w0 4" + a +
         "w0 5 stack stack=1 \"400100\"\n");
  EXPECT_EQ(rows("SELECT id, path FROM module ORDER BY id"),
            (Rows{"1 /nowhere/a", "2 /nowhere/b", "3 /nowhere/a"}));
  EXPECT_EQ(rows("SELECT function FROM call"), Rows{"a+0xff"});
}

TEST_F(CallStacksTest, MoreModulesThanThereCanBeAreCounted) {
  constexpr std::size_t kTooMany = symbols::ProgramCode::kModulesMax + 3;
  std::string trace = "w0 0 worker-start thread=1\n";
  for (std::size_t i = 0; i < kTooMany; ++i) {
    const std::string bias = fmt::format("{:x}", i << 16);
    trace += fmt::format("w0 1 module count=1 \"{0}\\t{0}\\t{0}f\\t\\t/nowhere/a\"\n",
                         bias.size() == 1 ? "10" : bias);
  }
  record(trace);
  EXPECT_EQ(rows("SELECT count(*) FROM module"), Rows{"65536"});
  EXPECT_EQ(rows("SELECT value LIKE '3 events did not fit%' FROM meta WHERE key = 'notes'"),
            Rows{"1"});
}

// Whoever opens a pipe for reading waits until somebody writes into it.
TEST_F(CallStacksTest, AModuleThatIsNoFileIsNotWaitedFor) {
  const std::string pipe = folder_.file("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  record("w0 0 worker-start thread=1\nw0 1 module count=1 \"400000\\t400000\\t500000\\t\\t" + pipe +
         "\"\nw0 2 stack stack=1 \"400100\"\n");
  EXPECT_EQ(rows("SELECT function FROM call"), Rows{"pipe+0xff"});
}

TEST_F(CallStacksTest, SamplesLostAfterTheLastOneAreCounted) {
  record(
      "w0 0 worker-start thread=1\n"
      "ext 4 sample task=0 \"-\\t0\\t7\\t\\t\"\n");
  EXPECT_EQ(rows("SELECT count(*) FROM sample"), Rows{"0"});
  EXPECT_EQ(rows("SELECT count(*) FROM event WHERE kind = 'sample'"), Rows{"0"});
  EXPECT_EQ(rows("SELECT value FROM meta WHERE key IN ('samples', 'lost_samples') ORDER BY key"),
            (Rows{"7", "0"}));
  EXPECT_EQ(store::Reader::open(path_)->info().lost_samples, 7u);
}

// Whether the stacks of samples that were taken end in memory where a recording forgets, and what
// becomes of those for which there is no room.
TEST_F(CallStacksTest, StacksOfSamplesAreLimitedAndForgotten) {
  auto writer = store::Writer::create(path_);
  ASSERT_TRUE(writer);
  CallStacks stacks(ProgramWriter(*writer), 2);
  const auto stack_of = [&](const char* call, std::int64_t ns) {
    return stacks.take_sample(std::string("0\t1\t0\t") + call + "\t", ns)->stack_id;
  };
  const store::StackId first = stack_of("1", 10);
  const store::StackId second = stack_of("2", 20);
  EXPECT_NE(first, 0u);
  EXPECT_NE(second, first);
  EXPECT_EQ(stack_of("3", 30), 0u);
  EXPECT_EQ(stack_of("1", 40), first);
  stacks.forget_samples(40);
  EXPECT_EQ(stack_of("1", 50), first);
  const store::StackId third = stack_of("3", 50);
  EXPECT_GT(third, second) << "a number that was another's";
  EXPECT_EQ(stack_of("2", 50), 0u);
}

// A chunk holds 16,384 rows: somewhere in so many blocks a stack would stand at the end of one.
TEST_F(CallStacksTest, AStackStaysWithItsEventAcrossChunks) {
  std::string trace = "w0 0 worker-start thread=1\nw0 0 spawn task=1 site=0\n";
  std::uint64_t seq = 0;
  std::uint64_t ticks = 1;
  constexpr int kBlocks = 8'000;
  for (int i = 0; i < kBlocks; ++i) {
    const auto at = [&] { return "w0 " + std::to_string(++ticks) + " "; };
    trace += at() + "run task=1 seq=" + std::to_string(++seq) + "\n";
    trace += at() + "at-stack stack=" + std::to_string(i % 7 + 1) + "\n";
    trace += at() + "block object=0 reason=\"sleep\" site=0\n";
    trace += at() + "ready task=1 seq=" + std::to_string(++seq) + "\n";
  }
  record(trace);
  EXPECT_EQ(rows("SELECT count(*) > 1 FROM chunk"), Rows{"1"});
  EXPECT_EQ(rows("SELECT count(*) FROM event WHERE kind = 'block' AND stack_id IS NULL"),
            Rows{"0"});
  EXPECT_EQ(rows("SELECT count(DISTINCT stack_id), count(*) FROM span WHERE state = 'sleeping'"),
            Rows{"7 8000"});
  EXPECT_EQ(rows("SELECT count(*) FROM (SELECT stack_id, row_number() OVER (ORDER BY start_ns) - 1"
                 " AS i FROM span WHERE state = 'sleeping') WHERE stack_id <> i % 7 + 1"),
            Rows{"0"});
}

}  // namespace
}  // namespace taskscope::ingest
