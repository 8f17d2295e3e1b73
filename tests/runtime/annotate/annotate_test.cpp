// What tasks and threads say about themselves: real runs, whose trace goes through the recorder.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "runtime/testing/leak_check.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"
#include "tests/support/temporary_folder.h"

namespace taskscope {
namespace {

namespace tf = trace_format;
using store::LogRow;
using store::RegionRow;
using test::FakeRecorder;

// A recording of a run, as its reader sees it.
class Recorded {
 public:
  explicit Recorded(const test::Rings& rings) {
    test::check_trace(rings);
    std::string trace;
    for (const auto& [worker, events] : rings) {
      for (const tf::TextEvent& event : events) trace += tf::format_text(event) + '\n';
    }
    const std::string path = folder_.file("run.tscope");
    const auto recorded = ingest::record_text(trace, path);
    EXPECT_TRUE(recorded) << recorded.error().message;
    auto opened = store::Reader::open(path);
    EXPECT_TRUE(opened) << opened.error().message;
    reader_.emplace(std::move(*opened));
    for (const store::NameRow& row : all(reader_->names())) names_[row.id] = row.text;
    for (const store::TaskRow& row : all(reader_->tasks())) tasks_[row.id] = row.name;
  }

  template <class T>
  static std::vector<T> all(Result<std::vector<T>> rows) {
    EXPECT_TRUE(rows);
    return rows ? *std::move(rows) : std::vector<T>();
  }

  std::vector<RegionRow> regions() const { return all(reader_->regions({})); }
  std::vector<RegionRow> regions(const std::string& name) const {
    std::vector<RegionRow> found;
    for (const RegionRow& row : regions()) {
      if (name_of(row) == name) found.push_back(row);
    }
    return found;
  }
  std::string name_of(const RegionRow& row) const {
    const auto it = names_.find(row.name_id);
    return it == names_.end() ? "" : it->second;
  }
  std::string task(store::TaskId id) const {
    const auto it = tasks_.find(id);
    return it == tasks_.end() ? "" : it->second;
  }
  std::vector<LogRow> logs() const { return all(reader_->logs({})); }
  const store::Reader& reader() const { return *reader_; }

 private:
  tests::TemporaryFolder folder_;
  std::optional<store::Reader> reader_;
  std::map<store::NameId, std::string> names_;
  std::map<store::TaskId, std::string> tasks_;
};

class AnnotateTest : public test::RuntimeTest {
 protected:
  Recorded record(const std::function<void()>& main) {
    FakeRecorder recorder;
    run(main);
    recorder.receive();
    test::Rings rings;
    recorder.drain_into(rings);
    return Recorded(rings);
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(AnnotateTest);

TEST_P(AnnotateTest, RegionsNestAndKeepTheirTaskWhereverItRuns) {
  constexpr int kTasks = 8;
  constexpr int kRounds = 20;
  const Recorded recorded = record([] {
    WaitGroup group("group");
    for (int i = 0; i < kTasks; ++i) {
      group.go("task " + std::to_string(i), [i] {
        for (int round = 0; round < kRounds; ++round) {
          const region outer("outer");
          yield();
          const region inner("of task " + std::to_string(i));
          yield();
        }
      });
    }
    group.wait();
  });
  const auto outer = recorded.regions("outer");
  EXPECT_EQ(outer.size(), std::size_t{kTasks * kRounds});
  for (int i = 0; i < kTasks; ++i) {
    const auto inner = recorded.regions("of task " + std::to_string(i));
    EXPECT_EQ(inner.size(), std::size_t{kRounds});
    for (const RegionRow& row : inner) {
      EXPECT_EQ(recorded.task(row.task_id), "task " + std::to_string(i));
      EXPECT_EQ(row.depth, 2);
      ASSERT_TRUE(row.start_ns && row.end_ns);
      const auto around = std::count_if(outer.begin(), outer.end(), [&](const RegionRow& other) {
        return other.task_id == row.task_id && *other.start_ns <= *row.start_ns &&
               *other.end_ns >= *row.end_ns;
      });
      EXPECT_EQ(around, 1);
    }
  }
  for (const RegionRow& row : outer) {
    EXPECT_EQ(row.depth, 1);
    EXPECT_NE(row.site_id, 0u);
  }
}

TEST_P(AnnotateTest, ARegionInABlockingCallAndOneOfATaskWithoutAWorkerAreKnown) {
  const Recorded recorded = record([] {
    const region around("around");
    blocking([] { const region read("short call"); });
    blocking_long([] { const region read("long call"); });
  });
  for (const char* name : {"short call", "long call"}) {
    const auto found = recorded.regions(name);
    ASSERT_EQ(found.size(), 1u) << name;
    EXPECT_TRUE(found[0].start_ns && found[0].end_ns);
    EXPECT_EQ(found[0].depth, 2);
    EXPECT_EQ(recorded.task(found[0].task_id), "main");
  }
}

TEST_P(AnnotateTest, DeepRecursionKeepsEveryRegionApart) {
  constexpr int kDepth = 600;
  const Recorded recorded = record([] {
    const std::function<void(int)> descend = [&](int left) {
      const region level("level");
      if (left > 1) descend(left - 1);
    };
    descend(kDepth);
  });
  auto found = recorded.regions("level");
  ASSERT_EQ(found.size(), std::size_t{kDepth});
  // The innermost ends first.
  for (int i = 0; i < kDepth; ++i) {
    const RegionRow& row = found[static_cast<std::size_t>(i)];
    EXPECT_EQ(int{row.depth}, std::min(kDepth - i, 255));
    ASSERT_TRUE(row.start_ns && row.end_ns);
  }
}

TEST_P(AnnotateTest, ARegionThatItsTaskNeverLeftHasNoEnd) {
  FakeRecorder recorder;
  const auto never = make_chan<int>();
  ts::run(
      [&] {
        go("stuck", [&] {
          const region waiting("waits for ever");
          never.recv();
        });
        test::wait_until_blocked(1);
      },
      {.workers = workers()});
  recorder.receive();
  test::Rings rings;
  recorder.drain_into(rings);
  const auto found = Recorded(rings).regions("waits for ever");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].start_ns);
  EXPECT_FALSE(found[0].end_ns);
}

TEST_P(AnnotateTest, LogsSayWhoAndWhen) {
  const Recorded recorded = record([] {
    log("plain");
    log("cache", "a message");
    blocking_long([] { log("cache", "from a call"); });
    std::thread([] { log("from a thread"); }).join();
    log("cache", std::string(5000, 'x'));
  });
  const auto logs = recorded.logs();
  ASSERT_EQ(logs.size(), 5u);
  std::map<std::string, LogRow> by_message;
  for (const LogRow& row : logs) by_message[row.message] = row;
  EXPECT_EQ(recorded.task(by_message["plain"].task_id), "main");
  EXPECT_EQ(by_message["plain"].category, "");
  EXPECT_EQ(by_message["a message"].category, "cache");
  EXPECT_EQ(recorded.task(by_message["from a call"].task_id), "main");
  EXPECT_EQ(by_message["from a call"].category, "cache");
  EXPECT_EQ(by_message["from a thread"].task_id, 0u);
  EXPECT_EQ(by_message.count(std::string(4096, 'x')), 1u);
}

TEST_P(AnnotateTest, TheLastSampleOfACounterIsItsLastValue) {
  constexpr int kTasks = 8;
  constexpr int kAdds = 100;
  const Recorded recorded = record([] {
    counter total("total", "bytes");
    WaitGroup group("group");
    for (int i = 0; i < kTasks; ++i) {
      group.go([&] {
        for (int k = 0; k < kAdds; ++k) total.add(3);
      });
    }
    std::thread([&] { total.add(1000); }).join();
    group.wait();
    EXPECT_EQ(total.value(), 3 * kTasks * kAdds + 1000);
    counter other("other");
    other.set(-5);
    other.set(std::int64_t{1} << 50);
  });
  const auto counters = Recorded::all(recorded.reader().counters());
  ASSERT_EQ(counters.size(), 2u);
  const bool first = counters[0].name == "total";
  const store::CounterRow& total = counters[first ? 0 : 1];
  const store::CounterRow& other = counters[first ? 1 : 0];
  EXPECT_EQ(total.unit, "bytes");
  EXPECT_EQ(total.samples, std::uint64_t{kTasks * kAdds + 1});
  EXPECT_EQ(total.last, 3 * kTasks * kAdds + 1000);
  EXPECT_EQ(total.max, total.last);
  std::vector<std::int64_t> values;
  store::Reader::QueryError error;
  const bool read = recorded.reader().query(
      "SELECT value FROM counter_sample WHERE counter_id = " + std::to_string(total.id) +
          " ORDER BY ns",
      {},
      [&](const auto&, const std::vector<const char*>& row) {
        values.push_back(std::stoll(row[0]));
        return true;
      },
      error);
  ASSERT_TRUE(read) << error.message;
  ASSERT_EQ(values.size(), total.samples);
  for (std::size_t i = 1; i < values.size(); ++i) EXPECT_LT(values[i - 1], values[i]);
  EXPECT_EQ(other.name, "other");
  EXPECT_EQ(other.min, -5);
  EXPECT_EQ(other.last, std::int64_t{1} << 50);
}

TEST_P(AnnotateTest, WhoAttachesInTheMiddleOfARegionLearnsItsEndAndName) {
  // The order between workers and the thread that attaches runs through code that it does not see.
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "not annotated for ThreadSanitizer";
  const tests::TemporaryFolder folder;
  setenv("XDG_RUNTIME_DIR", folder.path().c_str(), 1);
  test::Rings rings;
  run([&] {
    auto begun = make_chan<int>();
    auto go_on = make_chan<int>();
    auto over = make_chan<int>();
    go("task", [=] {
      {
        set_label("who", "was there");
        const region literal("began before");
        const region dynamic(std::string("nobody knows"));
        begun.send(1);
        go_on.recv();
        const region seen("seen");
      }
      over.send(1);
    });
    begun.recv();
    std::optional<FakeRecorder> recorder;
    blocking_long([&] {
      recorder.emplace(FakeRecorder::How::Attach);
      while (!recorder->hello() || recorder->rings().size() <= workers()) {
        recorder->receive();
        std::this_thread::yield();
      }
    });
    EXPECT_TRUE(is_recorded());
    go_on.send(1);
    over.recv();
    blocking_long([&] {
      recorder->leave();
      while (!recorder->said_bye()) {
        recorder->receive();
        std::this_thread::yield();
      }
    });
    recorder->drain_into(rings);
    EXPECT_FALSE(is_recorded());
  });
  const Recorded recorded(rings);
  const auto seen = recorded.regions("seen");
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(seen[0].start_ns && seen[0].end_ns);
  EXPECT_EQ(seen[0].depth, 1);
  const auto before = recorded.regions("began before");
  ASSERT_EQ(before.size(), 1u);
  EXPECT_FALSE(before[0].start_ns);
  EXPECT_TRUE(before[0].end_ns);
  const auto labels = Recorded::all(recorded.reader().labels());
  ASSERT_EQ(labels.size(), 1u);
  EXPECT_EQ(labels[0].value, "was there");
  const auto unnamed = recorded.regions("");
  ASSERT_EQ(unnamed.size(), 1u);
  EXPECT_FALSE(unnamed[0].start_ns);
}

TEST_P(AnnotateTest, ALabelIsFoundByTheKeyThatItWasGiven) {
  run([] {
    set_label("user\tname", "me");  // a tab would end the key
    EXPECT_EQ(label("user\tname"), "me");
    const std::string longest(5'000, 'k');
    set_label(longest, "5");
    EXPECT_EQ(label(longest), "5");
    remove_label(longest);
    EXPECT_EQ(label(longest), std::nullopt);
  });
}

TEST_P(AnnotateTest, ANameInAnArrayMayChangeInsideItsRegion) {
  const Recorded recorded = record([] {
    char name[] = "first";
    const region whole(name);
    std::copy_n("other", 5, name);
  });
  EXPECT_EQ(recorded.regions("first").size(), 1u);
}

TEST_P(AnnotateTest, LabelsAreInheritedByWhoIsStartedFromThenOn) {
  const Recorded recorded = record([] {
    WaitGroup group("group");
    const auto check = [&](const char* name, std::optional<std::string> request,
                           std::optional<std::string> user) {
      group.go(name, [=] {
        EXPECT_EQ(label("request"), request) << name;
        EXPECT_EQ(label("user"), user) << name;
      });
    };
    check("before", std::nullopt, std::nullopt);
    set_label("request", "42");
    check("request", "42", std::nullopt);
    const int result = with_labels({{"user", "me"}, {"request", "43"}}, [&] {
      check("both", "43", "me");
      // Without a name, and from a task that inherited them.
      group.go([&] { go([] { EXPECT_EQ(label("user"), "me"); }); });
      yield();
      return 5;
    });
    EXPECT_EQ(result, 5);
    EXPECT_EQ(label("request"), "42");
    EXPECT_EQ(label("user"), std::nullopt);
    blocking_long([&] {
      set_label("request", "44");
      check("from a call", "44", std::nullopt);
    });
    remove_label("request");
    check("after", std::nullopt, std::nullopt);
    remove_label("request");
    std::thread([] {
      set_label("nobody", "hears it");
      EXPECT_EQ(label("nobody"), std::nullopt);
    }).join();
    group.wait();
  });
  std::map<store::LabelSetId, std::string> sets;
  for (const store::LabelRow& row : Recorded::all(recorded.reader().labels())) {
    sets[row.set_id] += row.key + "=" + row.value + ";";
  }
  std::map<std::string, std::string> labels;
  int of_nameless = 0;
  for (const store::TaskRow& row : Recorded::all(recorded.reader().tasks())) {
    labels[row.name] = row.label_set_id == 0 ? "" : sets[row.label_set_id];
    of_nameless += row.name.empty() && labels[row.name] == "request=43;user=me;";
  }
  EXPECT_EQ(labels["before"], "");
  EXPECT_EQ(labels["request"], "request=42;");
  EXPECT_EQ(labels["both"], "request=43;user=me;");
  EXPECT_EQ(labels["from a call"], "request=44;");
  EXPECT_EQ(labels["after"], "");
  EXPECT_EQ(labels["main"], "");
  EXPECT_EQ(of_nameless, 2);
}

TEST_P(AnnotateTest, ARecordingKnowsDaemonsAndNothingOfLeakChecks) {
  const Recorded recorded = record([] {
    const testing::LeakCheck check;
    WaitGroup group;
    group.go([] {});
    const auto stop = make_chan<int>();
    go("reaper", [=] {
      daemon();
      go("helper of it", [=] { stop.recv(); });
      stop.recv();
    });
    group.wait();
    stop.close();
  });
  const auto daemons = recorded.reader().label_sets_with("taskscope.daemon");
  ASSERT_TRUE(daemons);
  ASSERT_EQ(daemons->size(), 1u);
  for (const store::TaskRow& row : Recorded::all(recorded.reader().tasks())) {
    const bool is_daemon = row.name == "reaper" || row.name == "helper of it";
    EXPECT_EQ(row.label_set_id, is_daemon ? daemons->front() : 0) << row.name;
  }
}

TEST_P(AnnotateTest, LabelsDieWithTheLastTaskThatHasThem) {
  run([] {
    WaitGroup group("group");
    for (int i = 0; i < test::sized(2000); ++i) {
      set_label("round", std::to_string(i));
      group.go([] { yield(); });
      group.go("named", [] { with_labels({{"more", "of it"}}, [] { yield(); }); });
    }
    group.wait();
  });
}

TEST_P(AnnotateTest, WithoutARecorderNobodyHearsAnything) {
  run([] {
    EXPECT_FALSE(is_recorded());
    const region nothing("nothing");
    log("nothing");
    counter number("number");
    number.set(4);
    number.add(2);
    EXPECT_EQ(number.value(), 6);
  });
  const region outside("no run");
  log("no run");
}

}  // namespace
}  // namespace taskscope
