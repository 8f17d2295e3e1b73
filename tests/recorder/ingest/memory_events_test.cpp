// What collected memory says of itself, on its way into the tables, from traces in text form.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/memory_tables.h"
#include "recorder/store/reader.h"
#include "recorder/store/sqlite.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

class MemoryEventsTest : public testing::Test {
 protected:
  void record(const std::string& trace) {
    const auto recorded = record_text(trace, path_);
    ASSERT_TRUE(recorded) << recorded.error().message;
  }
  void record_golden() {
    record(tests::read_file(TASKSCOPE_SOURCE_DIR "/tests/golden/recorder/memory.trace"));
  }
  using Rows = std::vector<std::string>;
  Rows rows(const std::string& sql) {
    const auto reader = store::Reader::open(path_);
    EXPECT_TRUE(reader) << reader.error().message;
    Rows found;
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

  const tests::TemporaryFolder folder_;
  const std::string path_ = folder_.file("a.tscope");
};

TEST_F(MemoryEventsTest, BeginningAndEndOfACollectionAreOneRow) {
  record_golden();
  EXPECT_EQ(rows("SELECT id, start_ns, end_ns, forced, before_bytes, live_bytes, freed_bytes,"
                 " task_id FROM gc_cycle ORDER BY id"),
            (Rows{"6 - 6 - - 1000 500 -", "7 20 61 0 2100 900 1200 1", "8 90 - 1 1500 - - 2"}));
}

TEST_F(MemoryEventsTest, APhaseWasWhenItsTextSaysAndIsCutWhereTheRecordingBegins) {
  record_golden();
  EXPECT_EQ(rows("SELECT cycle_id, phase, start_ns, end_ns, worker_id, task_id FROM gc_phase"
                 " ORDER BY rowid"),
            (Rows{"6 sweep 0 2 0 1", "7 handshake 20 25 0 1", "7 pause 25 55 0 1",
                  "7 mark 25 45 0 1", "7 sweep 45 55 0 1", "8 assist 92 94 - 2"}));
}

TEST_F(MemoryEventsTest, TheViewsSayWhatWasFreedAndHowLongNobodyRan) {
  record_golden();
  EXPECT_EQ(rows("SELECT cycle_id, pause_ns, longest_pause_ns, mark_ns, freed_bytes FROM gc"),
            (Rows{"6 0 - 0 500", "7 30 30 20 1200", "8 0 - 0 -"}));
  EXPECT_EQ(rows("SELECT ns, cycle_id FROM gc_pause LIMIT 1"), Rows{"30 7"});
  EXPECT_EQ(rows("SELECT place, type, escaped, objects, reasons FROM escapes LIMIT 1"),
            Rows{"main.cpp:12 Msg 812 1000 sent to channel, stored in heap object"});
}

TEST_F(MemoryEventsTest, WhatIsSaidLastOfASiteCounts) {
  record_golden();
  const auto reader = store::Reader::open(path_);
  ASSERT_TRUE(reader);
  const auto sites = store::escape_sites(*reader);
  ASSERT_TRUE(sites) << sites.error().message;
  ASSERT_EQ(sites->size(), 2u);
  const store::EscapeSiteRow& worst = sites->front();
  EXPECT_EQ(worst.escaped, 812u);
  EXPECT_EQ(worst.objects(), 1000u);
  EXPECT_EQ(worst.reasons[static_cast<std::size_t>(store::EscapeReason::Sent)], 800u);
  EXPECT_TRUE(worst.learned);
  EXPECT_EQ(sites->back().heap, 20u);
}

TEST_F(MemoryEventsTest, NoneOfItIsAnEventAndWhatMakesNoSenseIsCounted) {
  record_golden();
  EXPECT_EQ(rows("SELECT count(*) FROM event WHERE kind LIKE 'gc%' OR kind = 'escape-site'"),
            Rows{"0"});
  const Rows notes = rows("SELECT value FROM meta WHERE key = 'notes'");
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes.front().find("4 "), std::string::npos) << notes.front();
}

}  // namespace
}  // namespace taskscope::ingest
