#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "recorder/store/writer.h"
#include "tests/support/golden.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::store {
namespace {

class RecordingFile : public testing::Test {
 protected:
  std::string recording(const std::string& trace) {
    const std::string text = tests::read_file(std::string(TASKSCOPE_SOURCE_DIR) +
                                              "/tests/golden/recorder/" + trace + ".trace");
    const std::string path = folder_.file(trace + ".tscope");
    EXPECT_TRUE(ingest::record_text(text, path));
    return path;
  }
  static std::string refusal(const std::string& path) {
    const auto reader = Reader::open(path);
    return reader ? "opened" : reader.error().message;
  }
  void run_sql(const std::string& path, const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }
  static std::string query(const Reader& reader, const std::string& sql) {
    std::string out;
    Reader::QueryError error;
    const bool ok = reader.query(
        sql, {},
        [&out](const auto&, const std::vector<const char*>& values) {
          for (const char* value : values)
            out += (value == nullptr ? "NULL" : value) + std::string("|");
          out += '\n';
          return true;
        },
        error);
    return ok ? out : "error at " + std::to_string(error.offset) + ": " + error.message;
  }

  tests::TemporaryFolder folder_;
};

TEST_F(RecordingFile, WhatIsNoRecordingIsRefusedInOneSentence) {
  const std::string path = folder_.file("x");
  EXPECT_EQ(refusal(path), "Cannot open " + path + ": No such file or directory.");
  EXPECT_EQ(refusal(folder_.path()), folder_.path() + " is a folder, not a recording.");
  std::ofstream(path).flush();
  EXPECT_EQ(refusal(path), path + " is empty: nothing was recorded into it.");
  std::ofstream(path) << std::string(500, 'x');
  EXPECT_EQ(refusal(path), path + " is not a recording (it is not a SQLite database).");
  const std::string other = folder_.file("other.db");
  run_sql(other, "CREATE TABLE a(b)");
  EXPECT_EQ(refusal(other), other + " is a SQLite database, but not a recording of Taskscope.");
}

TEST_F(RecordingFile, WhoOpensARecordingThatWasNeverFinishedLearnsWhereItIs) {
  const std::string path = folder_.file("run.tscope");
  ASSERT_TRUE(Writer::create(path + ".partial"));
  EXPECT_EQ(refusal(path), "Cannot open " + path + ": No such file or directory; " + path +
                               ".partial is there: its recorder was stopped before it could "
                               "finish, or is still at work; open that.");
  EXPECT_EQ(refusal(path + ".partial"), "opened");
}

TEST_F(RecordingFile, AnUnfinishedRecordingKnowsItsLengthButNoStatesOfWhatLived) {
  const std::string path = folder_.file("run.tscope.partial");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  writer->put_task({.id = 1, .created_ns = 10}, Totals::NotYet);
  writer->put_task({.id = 2, .created_ns = 20, .ended_ns = 70, .state = TaskState::Done},
                   Totals::Known);
  ASSERT_TRUE(writer->commit());
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_FALSE(reader->info().complete);
  EXPECT_EQ(reader->info().duration_ns, 70);
  EXPECT_EQ(reader->info().tasks, 2u);
  const auto tasks = reader->tasks();
  ASSERT_TRUE(tasks);
  EXPECT_FALSE(tasks->front().state_known);
  EXPECT_TRUE(tasks->back().state_known);
  EXPECT_EQ(query(*reader, "SELECT state FROM task ORDER BY id"), "NULL|\ndone|\n");
}

TEST_F(RecordingFile, OfATaskThatIsPutAgainTheLastRowStaysHoweverManyWait) {
  const std::string path = folder_.file("run.tscope");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  for (const int round : {1, 2}) {
    for (TaskId id = 10'000; id > 0; --id) {
      writer->put_task({.id = id, .name = "n" + std::to_string(id), .created_ns = round},
                       Totals::NotYet);
      if (id % 2 == 0) continue;
      writer->put_task({.id = id, .created_ns = round, .wakeups = id}, Totals::Known);
    }
  }
  ASSERT_TRUE(writer->finish());
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader,
                  "SELECT count(*), min(created_ns), count(wakeups),"
                  " sum(wakeups = id), sum(name = 'n' || id) FROM task"),
            "10000|2|5000|5000|5000|\n");
}

// However far they are from each other, and whether they are there or not.
TEST_F(RecordingFile, TasksAreFoundByTheirIds) {
  const std::string path = folder_.file("a");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  std::vector<TaskId> there;
  std::mt19937 random(4);
  for (TaskId id = 1; there.size() < 500; id += 1 + (random() % 5 == 0 ? random() % 100 : 0)) {
    there.push_back(id);
    writer->put_task({.id = id, .wakeups = id + 7}, Totals::Known);
  }
  ASSERT_TRUE(writer->commit());
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  for (const std::size_t share : {1U, 3U, 50U}) {
    std::vector<TaskId> asked;
    std::vector<TaskId> expected;
    for (TaskId id = 1; id < there.back() + 10; ++id) {
      if (random() % share != 0) continue;
      asked.push_back(id);
      if (std::binary_search(there.begin(), there.end(), id)) expected.push_back(id);
    }
    const auto rows = reader->tasks_of(asked);
    ASSERT_TRUE(rows);
    std::vector<TaskId> found;
    for (const TaskRow& row : *rows) {
      found.push_back(row.id);
      EXPECT_EQ(row.wakeups, row.id + 7);
    }
    EXPECT_EQ(found, expected);
  }
}

TEST_F(RecordingFile, IdleTimesAndLossesAreReadFromWhereTheLastOnesEnded) {
  const std::string path = folder_.file("a");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  Reader::IdlePlaces places;
  std::int64_t lost_place = 0;
  for (std::int64_t round = 0; round < 3; ++round) {
    writer->add_park({.worker_id = 1, .start_ns = round, .end_ns = round + 1});
    writer->add_park({.worker_id = 2, .start_ns = round, .end_ns = round + 2});
    writer->add_spin({.worker_id = 3, .start_ns = round, .end_ns = round + 3});
    writer->add_lost({.worker_id = 1, .start_ns = round, .end_ns = round, .events = 9});
    ASSERT_TRUE(writer->commit());
    std::vector<ParkRow> parks;
    std::vector<ParkRow> spins;
    ASSERT_TRUE(reader->idle_after(places, parks, spins));
    ASSERT_EQ(parks.size(), 2u);
    ASSERT_EQ(spins.size(), 1u);
    EXPECT_EQ(parks[1].worker_id, 2u);
    EXPECT_EQ(parks[1].end_ns, round + 2);
    EXPECT_EQ(spins[0].start_ns, round);
    const auto lost = reader->lost_after(lost_place);
    ASSERT_TRUE(lost);
    ASSERT_EQ(lost->size(), 1u);
    EXPECT_EQ(lost->front().start_ns, round);
  }
}

TEST_F(RecordingFile, IsCompletedWhileSomebodyReadsIt) {
  const std::string path = folder_.file("run.tscope");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  writer->put_site({.id = 1, .file = "a.cpp", .line = 1, .function = "f"});
  ASSERT_TRUE(writer->commit());
  const auto beside = Reader::open(path);
  ASSERT_TRUE(beside);
  EXPECT_EQ(beside->sites()->size(), 1u);
  writer->put_site({.id = 2, .file = "a.cpp", .line = 2, .function = "g"});
  writer->put_meta("complete", 1);
  const auto finished = writer->finish();
  ASSERT_TRUE(finished) << finished.error().message;
  EXPECT_EQ(beside->sites()->size(), 2u);
  // All is in the one file: what lies beside it may be thrown away.
  std::filesystem::copy_file(path, folder_.file("copy.tscope"));
  const auto copy = Reader::open(folder_.file("copy.tscope"));
  ASSERT_TRUE(copy);
  EXPECT_TRUE(copy->info().complete);
  EXPECT_EQ(copy->sites()->size(), 2u);
}

TEST_F(RecordingFile, ANewerVersionSaysWhatToDo) {
  const std::string path = recording("ping_pong");
  run_sql(path, "PRAGMA user_version=7");
  EXPECT_EQ(refusal(path), path +
                               " was written by a newer Taskscope (format 7); this one reads 6: "
                               "update taskscope.");
}

TEST_F(RecordingFile, AnOlderVersionSaysWhatToDo) {
  const std::string path = recording("ping_pong");
  run_sql(path, "PRAGMA user_version=1");
  EXPECT_EQ(refusal(path), path +
                               " was written by an older Taskscope (format 1); this one reads 6: "
                               "record it again.");
}

TEST_F(RecordingFile, CutFilesAndDamagedChunksAreErrorsNotCrashes) {
  const std::string path = recording("ping_pong");
  const auto size = std::filesystem::file_size(path);
  const std::string cut = folder_.file("cut");
  std::filesystem::copy_file(path, cut);
  std::filesystem::resize_file(cut, size / 2);
  EXPECT_NE(refusal(cut).find("is cut off"), std::string::npos) << refusal(cut);
  run_sql(path, "UPDATE chunk SET data = zeroblob(40)");
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  std::vector<Span> spans;
  const auto read = reader->read_spans(1, spans);
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("chunk 1"), std::string::npos);
  EXPECT_NE(query(*reader, "SELECT sum(end_ns) FROM span").find("chunk 1"), std::string::npos);
}

TEST_F(RecordingFile, AFinishedRecordingIsOneFile) {
  recording("ping_pong");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
    files += entry.is_regular_file();
  }
  EXPECT_EQ(files, 1);
}

TEST_F(RecordingFile, SpansAndEventsAreReadTogetherAsTheyAreReadApart) {
  const auto reader = Reader::open(recording("scheduler"));
  ASSERT_TRUE(reader);
  const auto chunks = reader->chunks();
  ASSERT_TRUE(chunks);
  constexpr std::array kKinds = {EventKind::PollWake, EventKind::QueueLength};
  std::vector<EventRow> found;
  for (const ChunkSummary& chunk : *chunks) {
    std::vector<Span> spans;
    std::vector<EventRow> events;
    ASSERT_TRUE(reader->read_spans(chunk.id, spans));
    ASSERT_TRUE(reader->read_events(chunk.id, events));
    std::erase_if(events, [&](const EventRow& event) {
      return std::find(kKinds.begin(), kKinds.end(), event.kind) == kKinds.end();
    });
    std::vector<Span> spans_too;
    std::vector<EventRow> events_too;
    ASSERT_TRUE(reader->read_spans_and_events(chunk.id, kKinds, spans_too, events_too, {}));
    EXPECT_EQ(spans_too, spans);
    EXPECT_EQ(events_too, events);
    found.insert(found.end(), events_too.begin(), events_too.end());
  }
  ASSERT_EQ(found.size(), 3U);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.ns < b.ns; });
  EXPECT_EQ(found[2].kind, EventKind::QueueLength);
  EXPECT_EQ(found[2].arg, 3U);
}

TEST_F(RecordingFile, SpansAndEventsAreTablesOfSql) {
  const auto reader = Reader::open(recording("two_workers"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader, "SELECT count(*) FROM event"), "29|\n");
  EXPECT_EQ(query(*reader, "SELECT count(*) FROM span"), "17|\n");
  EXPECT_EQ(query(*reader,
                  "SELECT task_id, reason, object_id, woken_by FROM span"
                  " WHERE state = 'blocked' ORDER BY task_id"),
            "1|wait_group|10|2|\n2|mutex|9|NULL|\n");
  EXPECT_EQ(query(*reader,
                  "SELECT ns, task_id FROM event WHERE kind = 'exit' AND worker_id = 0"
                  " AND ns >= 230 AND ns < 300 ORDER BY ns"),
            "230|3|\n255|2|\n");
  EXPECT_EQ(query(*reader, "SELECT count(*) FROM span WHERE state = 'nonsense'"), "0|\n");
  EXPECT_EQ(query(*reader, "SELECT worker_id, reason FROM span WHERE state = 'sleeping'"),
            "NULL|sleep|\n");
}

TEST_F(RecordingFile, ConditionsThatAreSkippedByChunksGiveTheSameRows) {
  const auto reader = Reader::open(recording("two_workers"));
  ASSERT_TRUE(reader);
  // A plus sign keeps SQLite from handing the condition to the table.
  for (const char* column : {"start_ns", "end_ns", "worker_id", "task_id"}) {
    for (const char* test : {" > 40", " >= 40", " < 212.5", " <= 85", " = 1", " IS NULL"}) {
      const std::string sql = "SELECT count(*), sum(start_ns), sum(end_ns) FROM span WHERE ";
      EXPECT_EQ(query(*reader, sql + column + test), query(*reader, sql + "+" + column + test))
          << column << test;
    }
  }
}

TEST_F(RecordingFile, AJoinWithTasksReadsTheEventsOnce) {
  const auto reader = Reader::open(recording("ping_pong"));
  ASSERT_TRUE(reader);
  for (const char* table : {"event", "span"}) {
    const std::string sql = std::string("EXPLAIN QUERY PLAN SELECT count(*) FROM ") + table +
                            " JOIN task ON task.id = task_id WHERE program_id = 1";
    const std::string plan = query(*reader, sql.c_str());
    const auto task = plan.find("SEARCH task");
    ASSERT_NE(task, std::string::npos) << plan;
    EXPECT_LT(plan.find(std::string("SCAN ") + table), task) << plan;
  }
}

TEST_F(RecordingFile, QueriesOnlyReadAndSayWhereTheyAreWrong) {
  const auto reader = Reader::open(recording("ping_pong"));
  ASSERT_TRUE(reader);
  EXPECT_EQ(query(*reader, "SELECT nonsense FROM task"), "error at 7: no such column: nonsense");
  for (const char* sql : {"DELETE FROM task", "ATTACH 'x' AS y", "PRAGMA user_version=7",
                          "CREATE TEMP TABLE a(b)", "SELECT load_extension('x')"}) {
    EXPECT_NE(query(*reader, sql).find("error"), std::string::npos) << sql;
  }
  EXPECT_EQ(query(*reader, "SELECT 1; SELECT 2"), "error at 10: only one statement at a time");
  EXPECT_EQ(query(*reader, " "), "error at -1: there is no SQL statement");
}

TEST_F(RecordingFile, TheExamplesOfTheSchemaPageRun) {
  // Between them they have something of everything.
  const auto reader = Reader::open(recording("preempted"));
  const auto other = Reader::open(recording("wakers"));
  const auto third = Reader::open(recording("attached"));
  const auto fourth = Reader::open(recording("annotations"));
  const auto fifth = Reader::open(recording("labels"));
  const auto sixth = Reader::open(recording("memory"));
  ASSERT_TRUE(reader && other && third && fourth && fifth && sixth);
  const std::string page =
      tests::read_file(std::string(TASKSCOPE_SOURCE_DIR) + "/recorder/store/SCHEMA.md");
  int examples = 0;
  for (std::size_t at = page.find("```sql\n"); at != std::string::npos;
       at = page.find("```sql\n", at + 1)) {
    const std::size_t start = at + 7;
    const std::string sql = page.substr(start, page.find("```", start) - start);
    const std::string rows = query(*reader, sql);
    EXPECT_EQ(rows.find("error"), std::string::npos) << sql << rows;
    EXPECT_NE(rows + query(*other, sql) + query(*third, sql) + query(*fourth, sql) +
                  query(*fifth, sql) + query(*sixth, sql),
              "")
        << sql;
    ++examples;
  }
  EXPECT_EQ(examples, 18);
}

TEST_F(RecordingFile, FindingsAreReplacedInAFinishedRecording) {
  const std::string path = recording("ping_pong");
  const std::vector<FindingRow> findings = {
      {.kind = "deadlock", .tier = "proved", .severity = "severe", .summary = "A.", .task_id = 1}};
  ASSERT_TRUE(write_findings(path, findings));
  ASSERT_TRUE(write_findings(path, findings));
  const auto reader = Reader::open(path);
  ASSERT_TRUE(reader);
  EXPECT_EQ(reader->info().findings, 1u);
  const auto rows = reader->findings();
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->front().kind, "deadlock");
  EXPECT_EQ(rows->front().task_id, 1u);
}

// Writes chunk after chunk and tells the pipe of each that was committed. Never returns.
[[noreturn]] void write_until_killed(const std::string& path, int pipe_end) {
  auto writer = Writer::create(path);
  if (!writer) _exit(1);
  ChunkCompressor compressor;
  ChunkEncoder encoder;
  std::vector<StoredRow> rows(1000);
  for (std::int64_t chunk = 0;; ++chunk) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = {.ns = chunk * 1000 + static_cast<std::int64_t>(i),
                 .task_id = i * 77 % 1013,
                 .kind = EventKind::Spawn};
    }
    for (const StoredRow& row : rows) encoder.add(row);
    writer->put_chunk(0, encoder.pack(compressor), 1, 0);
    if (!writer->commit()) _exit(2);
    if (write(pipe_end, "x", 1) != 1) _exit(3);
  }
}

TEST_F(RecordingFile, AKilledRecorderLosesNoChunkThatItCommitted) {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    const std::string path = folder_.file("killed" + std::to_string(round));
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
      close(ends[0]);
      write_until_killed(path, ends[1]);
    }
    close(ends[1]);
    std::size_t committed = 0;
    const std::size_t enough = 1 + random() % 150;
    char byte;
    while (committed < enough && read(ends[0], &byte, 1) == 1) ++committed;
    kill(child, SIGKILL);
    while (read(ends[0], &byte, 1) == 1) ++committed;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    const auto reader = Reader::open(path);
    ASSERT_TRUE(reader) << reader.error().message;
    EXPECT_FALSE(reader->info().complete);
    const auto chunks = reader->chunks();
    ASSERT_TRUE(chunks);
    EXPECT_GE(chunks->size(), committed) << "round " << round;
    EXPECT_EQ(tests::all_events(*reader).size(), chunks->size() * 1000);
    EXPECT_EQ(reader->info().duration_ns, static_cast<std::int64_t>(chunks->size()) * 1000 - 1);
  }
}

// Writes `chunks` chunks of 64 kB under a file size limit. Never returns: exits with 0 if the file
// is whole, 1 if the writer said so in one sentence, 2 if what it said is of no use.
[[noreturn]] void write_with_limit(const std::string& path, rlim_t bytes, int chunks) {
  signal(SIGXFSZ, SIG_IGN);
  rlimit limit{};
  getrlimit(RLIMIT_FSIZE, &limit);
  limit.rlim_cur = bytes;
  setrlimit(RLIMIT_FSIZE, &limit);
  auto writer = Writer::create(path);
  if (!writer) _exit(3);
  const std::vector<std::byte> blob(64 * 1024, std::byte{7});
  ChunkStatistics statistics;
  statistics.summary.events = 1;
  Result<void> stored;
  for (int i = 0; i < chunks && stored; ++i) {
    writer->put_chunk(0, {.blob = blob, .statistics = statistics}, 1, 0);
    stored = writer->commit();
  }
  const auto finished = writer->finish();
  if (finished) _exit(stored ? 0 : 2);
  const bool clear =
      finished.error().message ==
      "Cannot write " + path + ": the file size limit is reached (raise it with ulimit -f).";
  if (!clear) std::fprintf(stderr, "%s\n", finished.error().message.c_str());
  _exit(clear ? 1 : 2);
}

// SQLite begins to move what was committed into the database after 8 MB: the limit shows there, in
// commits afterwards, and when the WAL is folded in at the end.
TEST_F(RecordingFile, ALimitThatShowsWhileTheWalIsFoldedInLosesNothing) {
  constexpr int kChunks = 150;
  int whole = 0;
  for (rlim_t bytes = 8'100'001; bytes < 11'000'000; bytes += 233'333) {
    const std::string path = folder_.file("limit" + std::to_string(bytes));
    const pid_t child = fork();
    if (child == 0) write_with_limit(path, bytes, kChunks);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << bytes;
    ASSERT_LE(WEXITSTATUS(status), 1) << bytes;
    const auto reader = Reader::open(path);
    ASSERT_TRUE(reader) << reader.error().message;
    const auto chunks = reader->chunks();
    ASSERT_TRUE(chunks);
    whole += WEXITSTATUS(status) == 0;
    // At least what fits below the limit.
    EXPECT_GE(chunks->size(), WEXITSTATUS(status) == 0 ? kChunks : 8'000'000 / 90'000) << bytes;
    std::filesystem::remove(path);
  }
  EXPECT_GT(whole, 0);
  EXPECT_LT(whole, 12);
}

}  // namespace
}  // namespace taskscope::store
