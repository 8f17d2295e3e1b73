// A made-up server that hangs in every way at once, for tests of who waits for whom: handlers that
// wait for a lock whose owner sleeps, a main task that waits for them, transfers with each other's
// locks, and askers that nobody can answer any more.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/story.h"
#include "tests/support/temporary_folder.h"
#include "viewer/analysis/report.h"
#include "viewer/model/findings.h"
#include "viewer/model/loader.h"

namespace taskscope::tests {

struct HangingServer {
  HangingServer() {
    const Result<void> recorded = ingest::record_text(trace(), path);
    EXPECT_TRUE(recorded) << recorded.error().message;
    session = viewer::SessionLoader(path, {}).wait().session;
    const auto reader = store::Reader::open(path);
    EXPECT_TRUE(reader) << reader.error().message;
    auto report = analysis::build_report(*reader);
    EXPECT_TRUE(report) << report.error().message;
    // shared: FindingListPtr
    findings = std::make_shared<const viewer::FindingList>(*session, report->findings, false);
  }

  TemporaryFolder folder;
  std::string path = folder.file("server.tscope");
  viewer::SessionPtr session;
  viewer::FindingListPtr findings;
  std::size_t waiting = 8;  // tasks that wait for others in the end

  static std::string trace() {
    Story story;
    story.site(1, 10, "main");
    story.site(2, 20, "serve");
    story.site(3, 30, "transfer");
    story.site(4, 40, "ask");
    story.object(101, "mutex", "cache");
    story.object(102, "wait_group", "all");
    story.object(103, "mutex", "a");
    story.object(104, "mutex", "b");
    story.object(105, "channel", "replies");
    story.run(0, 5, 1);
    const auto start = [&](std::int64_t ns, int task, int site, const char* name) {
      story.spawn(0, ns, task, site);
      story.name(task, name);
    };
    start(6, 2, 1, "refresh");
    for (int task = 3; task <= 5; ++task) start(4 + task, task, 2, "handler");
    start(12, 8, 3, "transfer");
    start(13, 9, 3, "transfer");
    start(14, 10, 4, "asker");
    start(15, 11, 4, "asker");
    story.block(0, 20, 102, "wait_group", 1);
    story.run(0, 30, 2);
    story.block(0, 40, 101, "mutex", 1);  // refresh waits, gets it, and sleeps with it
    story.run(1, 41, 3);
    story.ready(1, 42, 2);
    story.run(0, 50, 2);
    story.block(0, 60, 0, "sleep", 1);
    story.block(1, 65, 101, "mutex", 2);
    for (int task = 4; task <= 5; ++task) {
      story.run(1, 60 + 2 * task, task);
      story.block(1, 61 + 2 * task, 101, "mutex", 2);
    }
    story.run(0, 80, 8);
    story.block(0, 81, 103, "mutex", 3);
    story.run(0, 82, 9);
    story.block(0, 83, 104, "mutex", 3);
    for (int task = 10; task <= 11; ++task) {
      story.run(0, 70 + 2 * task, task);
      story.block(0, 71 + 2 * task, 105, "chan recv", 4);
    }
    story.put(0, 1'000, "worker-park");
    return story.text() +
           "ext 980 finding task=8 \"lock_deadlock\\tproved\\t1\\t\\t\\t8\\t9\\t0\\t0\\t0\\t4096"
           "\\t9\\t8\\t0\\t0\\t0\\t4096\"\n"
           "ext 981 finding task=10 \"leaked\\tproved\\t2\\t\\t\\t10\\t0\\t0\\t0\\t0\\t4096"
           "\\t11\\t0\\t0\\t0\\t0\\t4096\"\n";
  }
};

}  // namespace taskscope::tests
