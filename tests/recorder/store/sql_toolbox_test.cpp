#include "recorder/store/sql_toolbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/plain_export.h"
#include "recorder/store/reader.h"
#include "tests/support/golden.h"
#include "tests/support/random_schedule.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::store {
namespace {

class SqlToolbox : public testing::Test {
 protected:
  std::string recording(const std::string& name) {
    const std::string path = folder_.file(name + ".tscope");
    const auto recorded =
        ingest::record_text(tests::read_file(std::string(TASKSCOPE_SOURCE_DIR) +
                                             "/tests/golden/recorder/" + name + ".trace"),
                            path);
    EXPECT_TRUE(recorded);
    return path;
  }
  std::string random_recording(std::uint32_t seed) {
    std::string trace;
    const tests::RandomSchedule schedule({.seed = seed, .workers = 3, .steps = 3000});
    for (const auto& event : schedule.events()) trace += trace_format::format_text(event) + '\n';
    const std::string path = folder_.file("random.tscope");
    EXPECT_TRUE(ingest::record_text(trace, path));
    return path;
  }
  // Rows as lines of values with a bar behind each; or what went wrong.
  static std::string query(const Reader& reader, const std::string& sql) {
    std::string out;
    Reader::QueryError error;
    const bool fine = reader.query(
        sql, {},
        [&](const auto&, const std::vector<const char*>& values) {
          for (const char* value : values) out += std::string(value ? value : "NULL") + '|';
          out += '\n';
          return true;
        },
        error);
    return fine ? out : "error: " + error.message;
  }

  tests::TemporaryFolder folder_;
};

// A table of its own, filled from the virtual one, has SQLite decide about each row.
TEST_F(SqlToolbox, ConditionsMeanWhatTheyMeanOfAnyOtherTable) {
  const auto reader = Reader::open(random_recording(3));
  ASSERT_TRUE(reader);
  const std::string middle = query(*reader, "SELECT end_ns FROM span LIMIT 1 OFFSET 700");
  const std::string ns = middle.substr(0, middle.find('|'));
  std::vector<std::string> conditions;
  for (const char* column : {"start_ns", "end_ns"}) {
    for (const char* comparison : {"<", "<=", "=", ">=", ">"}) {
      for (const std::string& value :
           {ns, ns + ".5", ns + ".0", std::string("1e19"), std::string("-1e19"),
            std::string("NULL"), "'" + ns + "'", std::string("'x'"), std::string("x'00'"),
            std::string("9223372036854775807")}) {
        conditions.push_back(column + std::string(comparison) + value);
      }
    }
    conditions.push_back(column + std::string(" BETWEEN 100 AND ") + ns);
    conditions.push_back(column + std::string(" > ") + ns + " AND " + column + " < 100");
    conditions.push_back(column + std::string(" IN (") + ns + ", 5, 'x')");
  }
  for (const char* condition :
       {"state = 'blocked'", "state = 'BLOCKED'", "state = 'BLOCKED' COLLATE NOCASE",
        "state = 'done'", "state = 'x'", "state = NULL", "state = 5", "state = x'00'",
        "state = 'running' AND state = 'blocked'", "state IN ('running', 'runnable')",
        "state = 'running' AND start_ns >= 100.5 AND end_ns < 3000"}) {
    conditions.emplace_back(condition);
  }
  int matched = 0;
  for (const std::string& condition : conditions) {
    const auto counted = [&](const std::string& table) {
      return query(*reader, "SELECT count(*), sum(end_ns), sum(start_ns) FROM " + table +
                                " WHERE " + condition);
    };
    const std::string expected =
        counted("(SELECT state, start_ns, end_ns FROM span LIMIT 1000000)");
    EXPECT_EQ(counted("span"), expected) << condition;
    matched += expected.rfind("0|", 0) != 0;
  }
  EXPECT_GT(matched, 30);
}

TEST_F(SqlToolbox, ThePercentileIsTheNearestRank) {
  const auto reader = Reader::open(recording("ping_pong"));
  ASSERT_TRUE(reader);
  const auto of = [&](const std::string& values, const std::string& percent) {
    return query(*reader,
                 "SELECT percentile(column1, " + percent + ") FROM (VALUES " + values + ")");
  };
  EXPECT_EQ(of("(15),(20),(35),(40),(50)", "30"), "20|\n");
  EXPECT_EQ(of("(50),(15),(40),(20),(35)", "50"), "35|\n");
  EXPECT_EQ(of("(15),(20),(35),(40),(50)", "0"), "15|\n");
  EXPECT_EQ(of("(15),(20),(35),(40),(50)", "100"), "50|\n");
  EXPECT_EQ(of("(1.5),(NULL)", "99.9"), "1.5|\n");
  EXPECT_EQ(of("(NULL)", "50"), "NULL|\n");
  EXPECT_EQ(query(*reader, "SELECT percentile(ns, 50) FROM event WHERE ns < 0"), "NULL|\n");
  for (const char* wrong : {"101", "-1", "'x'", "NULL"}) {
    EXPECT_EQ(of("(1)", wrong), "error: percentile(value, percent): percent is from 0 to 100")
        << wrong;
  }
  EXPECT_EQ(of("(1),(2)", "column1"),
            "error: percentile(value, percent): one percent for all rows");
}

TEST_F(SqlToolbox, BlockingSaysWhereTasksWaitedAndForWhat) {
  const auto reader = Reader::open(recording("ping_pong"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader, "SELECT * FROM blocking"), "main.cpp:20|echo|chan recv|2|2|30|20|\n");
}

TEST_F(SqlToolbox, WakeUpsLatenciesDrivesAndCountersAreThoseOfTheSpansAndEvents) {
  const auto reader = Reader::open(recording("preempted"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(
      query(*reader, "SELECT ns, waker_id, task_id, reason, waited_ns FROM wakeup ORDER BY ns"),
      "520|1|2|chan recv|512|\n560|3|1|mutex|10|\n");
  EXPECT_EQ(query(*reader, "SELECT spans, p50_ns, max_ns FROM scheduler_latency"), "7|10|30|\n");
  EXPECT_EQ(query(*reader, "SELECT * FROM drive ORDER BY start_ns LIMIT 2"),
            "0|50|0|501|\n0|51|501|901|\n");
  EXPECT_EQ(query(*reader, "SELECT * FROM scheduler_counter"),
            "503|local queue|0|0|\n503|global queue|NULL|2|\n");
}

TEST_F(SqlToolbox, RegionsAndSamplesAreRowsWhoseConditionsMeanWhatTheyMean) {
  const auto reader = Reader::open(recording("annotations"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(
      query(*reader, "SELECT * FROM region WHERE task_id = 1 ORDER BY end_ns IS NULL, end_ns"),
      "1|row|40|50|2|NULL|0|2|\n1|parse|30|80|1|1|1|1|\n1|row|140|NULL|1|1|NULL|2|\n");
  EXPECT_EQ(query(*reader, "SELECT * FROM counter_sample WHERE ns >= 97 ORDER BY ns"),
            "97|3|9000000000000|2|\n105|3|3|2|\n110|3|1|NULL|\n");
  for (const char* condition :
       {"end_ns >= 80", "end_ns > 80", "end_ns = 80", "start_ns <= 40", "start_ns < 40",
        "start_ns = 40", "end_ns IS NULL", "start_ns IS NULL", "end_ns < 60 AND start_ns > 30",
        "end_ns BETWEEN 50 AND 96", "end_ns >= 49.5", "end_ns >= '80'", "start_ns < 'x'",
        "end_ns IN (50, 99)", "end_ns >= NULL"}) {
    const std::string what = "SELECT count(*), sum(start_ns), sum(end_ns) FROM ";
    EXPECT_EQ(query(*reader, what + "region WHERE " + condition),
              query(*reader, what + "(SELECT * FROM region LIMIT 1000) WHERE " + condition))
        << condition;
  }
  for (const char* condition : {"ns > 58", "ns = 58", "ns <= 97 AND ns > 56", "ns < 0"}) {
    const std::string what = "SELECT count(*), sum(value) FROM ";
    EXPECT_EQ(query(*reader, what + "counter_sample WHERE " + condition),
              query(*reader, what + "(SELECT * FROM counter_sample LIMIT 1000) WHERE " + condition))
        << condition;
  }
  // A name is no object.
  EXPECT_EQ(query(*reader,
                  "SELECT DISTINCT kind, object_id, arg, arg2 FROM event WHERE ns < 60 AND"
                  " kind IN ('name', 'region-end', 'counter') ORDER BY kind, arg"),
            "counter|NULL|-2|3|\ncounter|NULL|7|3|\nname|NULL|1|NULL|\nname|NULL|2|NULL|\n"
            "name|NULL|3|NULL|\nregion-end|NULL|2|NULL|\n");
}

TEST_F(SqlToolbox, ArmsSayWhatASelectWaitedForAndWakersWhatEndedEachWait) {
  const auto reader = Reader::open(recording("wakers"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader,
                  "SELECT operation, coalesce(object.name, object_id) FROM arm"
                  " LEFT JOIN object ON object.id = object_id WHERE task_id = 1 AND ns ="
                  " (SELECT start_ns FROM span WHERE task_id = 1 AND reason = 'select')"),
            "recv|jobs|\nsend|9|\nafter|NULL|\n");
  EXPECT_EQ(query(*reader, "SELECT ns, task_id, operation, object_id FROM chosen_arm"),
            "51|1|after|NULL|\n");
  EXPECT_EQ(query(*reader, "SELECT task_id, ns, waker_id, waker_kind FROM wakeup ORDER BY ns"),
            "1|40|NULL|timer|\n2|60|1|task|\n3|70|NULL|network|\n4|70|NULL|process|\n"
            "5|80|NULL|thread|\n2|140|5|task|\n");
}

TEST_F(SqlToolbox, StatesOverTimeAddUpToThoseOfTheTasks) {
  for (std::uint32_t seed = 1; seed <= 5; ++seed) {
    const std::string path = random_recording(seed);
    const auto reader = Reader::open(path);
    ASSERT_TRUE(reader);
    const std::string sums =
        "SELECT sum(running_ns), sum(runnable_ns), sum(blocked_ns), sum(syscall_ns),"
        " sum(sleeping_ns) FROM ";
    const std::string expected = query(*reader, sums + "task");
    for (const char* parts : {"", "(1)", "(7)", "(1000)"}) {
      EXPECT_EQ(query(*reader, sums + "state_time" + parts), expected) << seed << parts;
    }
    // A stretch is what the spans say of it.
    const std::string half = std::to_string(reader->info().duration_ns / 2);
    EXPECT_EQ(query(*reader, "SELECT sum(blocked_ns) FROM state_time(13, 0, " + half + ")"),
              query(*reader, "SELECT sum(min(end_ns, " + half +
                                 ") - start_ns) FROM span"
                                 " WHERE state = 'blocked' AND start_ns < " +
                                 half));
    std::filesystem::remove(path);
  }
}

TEST_F(SqlToolbox, StatesOverTimeRefuseNonsense) {
  const auto reader = Reader::open(recording("ping_pong"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader, "SELECT * FROM state_time(0)"),
            "error: state_time(parts, from_ns, to_ns): parts is from 1 to 100000");
  EXPECT_EQ(query(*reader, "SELECT * FROM state_time(3, 50, 50)"), "");
  EXPECT_EQ(query(*reader, "SELECT * FROM state_time(3, -5, 50)"), "");
  EXPECT_EQ(query(*reader, "SELECT count(*) FROM state_time(3, 0, 9223372036854775807)"), "0|\n");
}

TEST_F(SqlToolbox, APlainExportHasTheSameRows) {
  const std::vector<std::string> tables = {"span", "event",  "region", "counter_sample",
                                           "task", "worker", "site",   "object",
                                           "log",  "name",   "counter"};
  for (const std::string& path : {random_recording(3), recording("annotations")}) {
    const std::string output = path + ".plain";
    const auto exported = export_plain(path, output);
    ASSERT_TRUE(exported) << exported.error().message;
    const auto reader = Reader::open(path);
    ASSERT_TRUE(reader);
    EXPECT_EQ(exported->spans, tests::all_spans(*reader).size());
    EXPECT_EQ(exported->events, reader->info().events);
    sqlite3* opened = nullptr;
    ASSERT_EQ(sqlite3_open(output.c_str(), &opened), SQLITE_OK);
    const DatabaseHandle database(opened);
    for (const std::string& table : tables) {
      const bool many = table == "span" || table == "event" || table == "region";
      const std::string all =
          "SELECT * FROM " + table + " ORDER BY " + (many ? "1, 2, 3, 4, 5, 6, 7, 8" : "1, 2");
      Statement rows(opened, all);
      ASSERT_TRUE(rows) << table;
      std::string plain;
      while (rows.step() == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows.get()); ++i) {
          const bool null = sqlite3_column_type(rows.get(), i) == SQLITE_NULL;
          plain += (null ? "NULL" : rows.text(i)) + '|';
        }
        plain += '\n';
      }
      EXPECT_EQ(plain, query(*reader, all)) << table;
    }
  }
}

TEST_F(SqlToolbox, APlainExportThatCannotBeLeavesNothing) {
  const std::string path = recording("ping_pong");
  const std::string output = folder_.file("plain.db");
  const auto files = [&] {
    return std::distance(std::filesystem::directory_iterator(folder_.path()), {});
  };
  ASSERT_TRUE(export_plain(path, output));
  EXPECT_EQ(export_plain(path, output).error().message,
            output + " exists already; remove it or choose another name.");
  EXPECT_FALSE(export_plain(folder_.file("missing"), folder_.file("b")));
  EXPECT_FALSE(export_plain(path, folder_.file("no/such/folder")));
  sqlite3* opened = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &opened), SQLITE_OK);
  {
    const DatabaseHandle database(opened);
    ASSERT_EQ(
        sqlite3_exec(opened, "UPDATE chunk SET data = zeroblob(9)", nullptr, nullptr, nullptr),
        SQLITE_OK);
  }
  const auto damaged = export_plain(path, folder_.file("c"));
  ASSERT_FALSE(damaged);
  EXPECT_NE(damaged.error().message.find("chunk 1"), std::string::npos) << damaged.error().message;
  EXPECT_EQ(files(), 2);
}

}  // namespace
}  // namespace taskscope::store
