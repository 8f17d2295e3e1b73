#include "viewer/model/wait_for_graph.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/hanging_server.h"
#include "tests/support/story.h"
#include "tests/support/trace_session.h"

namespace taskscope::viewer {
namespace {

WaitForGraph graph_of(const SessionPtr& session, std::int64_t ns,
                      const FindingList& findings = FindingList()) {
  return wait_for_graph(*session, findings, ns, false);
}

// "2 × reader -> channel jobs -ended by> producer": an edge a line, in the order of nodes.
std::string text(const WaitForGraph& graph) {
  std::vector<std::string> lines;
  for (const WaitForEdge& edge : graph.edges) {
    const std::string_view how =
        edge.kind == HolderKind::Unknown ? std::string_view() : to_text(edge.kind);
    lines.push_back(fmt::format("{} {}{}> {}\n", graph.nodes[edge.from].title, how,
                                edge.in_cycle ? "=" : "-", graph.nodes[edge.to].title));
  }
  std::string all;
  for (const std::string& line : lines) all += line;
  return all;
}

TEST(WaitForGraph, OfAHangingServerLeadsToTheOneThatSleeps) {
  const tests::HangingServer server;
  const WaitForGraph graph = graph_of(server.session, 900, *server.findings);
  const std::string lines = text(graph);
  EXPECT_NE(lines.find("3 × handler -> mutex cache\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("mutex cache had last by-> refresh"), std::string::npos) << lines;
  EXPECT_EQ(graph.waiting, server.waiting);
  EXPECT_EQ(graph.left_out, 0U);
}

TEST(WaitForGraph, ACircleIsFoundAndDrawnOnce) {
  const tests::HangingServer server;
  const WaitForGraph graph = graph_of(server.session, INT64_MAX, *server.findings);
  const std::string lines = text(graph);
  EXPECT_NE(lines.find("mutex a had by=> transfer 9\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("mutex b had by=> transfer 8\n"), std::string::npos) << lines;
  const auto in_cycle = std::count_if(graph.nodes.begin(), graph.nodes.end(),
                                      [](const WaitForNode& node) { return node.in_cycle; });
  EXPECT_EQ(in_cycle, 4) << "two tasks and two locks";
}

TEST(WaitForGraph, WhatIsProvedToBeLostLeadsToNobody) {
  const tests::HangingServer server;
  const std::string lines = text(graph_of(server.session, INT64_MAX, *server.findings));
  EXPECT_NE(lines.find("2 × asker -> channel replies\n"), std::string::npos) << lines;
  EXPECT_NE(lines.find("channel replies -> nobody\n"), std::string::npos) << lines;
}

TEST(WaitForGraph, WhoWaitsForItsTasksLeadsToThoseThatLive) {
  const tests::HangingServer server;
  const std::string lines = text(graph_of(server.session, 900, *server.findings));
  EXPECT_NE(lines.find("wait_group all its task-> 3 × handler\n"), std::string::npos) << lines;
}

TEST(WaitForGraph, IsOfTheInstantThatIsAskedFor) {
  const tests::HangingServer server;
  const WaitForGraph graph = graph_of(server.session, 15, *server.findings);
  EXPECT_EQ(graph.waiting, 0U);
  EXPECT_TRUE(graph.nodes.empty());
}

// Whatever waits for whatever: all that wait are there once, each node has a place of its own, and
// ways lead to the right unless they close a circle.
TEST(WaitForGraph, OfRandomProgramsIsWhole) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    tests::Story story;
    const int tasks = 2 + static_cast<int>(random() % 30);
    const int locks = 1 + static_cast<int>(random() % 8);
    for (int lock = 0; lock < locks; ++lock) {
      story.object(100 + lock, "mutex", fmt::format("of_{}", lock % 3));
    }
    store::FindingRow proof;
    proof.kind = "lock_deadlock";
    for (int task = 2; task < 2 + tasks; ++task) {
      story.spawn(0, task, task, 1 + static_cast<int>(random() % 2));
      story.run(0, 100 + 10 * task, task);
      story.block(0, 101 + 10 * task, 100 + static_cast<int>(random() % locks), "mutex", 1);
      if (random() % 2 == 0) {
        proof.holders.push_back(
            {static_cast<store::TaskId>(task), static_cast<store::TaskId>(2 + random() % tasks)});
      }
    }
    story.put(0, 5'000, "worker-park");
    const SessionPtr session = tests::session_of_trace(story.text());
    const WaitForGraph graph = graph_of(session, INT64_MAX, FindingList(*session, {proof}, false));
    ASSERT_EQ(graph.waiting, static_cast<std::size_t>(tasks));
    std::size_t shown = 0;
    std::set<std::pair<std::uint32_t, std::uint32_t>> places;
    for (const WaitForNode& node : graph.nodes) {
      if (node.kind == WaitForNode::Kind::Waiting) shown += node.tasks.size();
      EXPECT_TRUE(places.emplace(node.column, node.row).second);
      EXPECT_LT(node.column, graph.columns);
      EXPECT_LT(node.row, graph.rows);
    }
    EXPECT_EQ(shown + graph.left_out, static_cast<std::size_t>(tasks));
    for (const WaitForEdge& edge : graph.edges) {
      const bool ahead = graph.nodes[edge.from].column < graph.nodes[edge.to].column;
      EXPECT_TRUE(ahead || edge.in_cycle) << round;
    }
  }
}

TEST(WaitForGraph, OfVeryManyGroupsShowsTheLargestAndCountsTheRest) {
  tests::Story story;
  constexpr int kGroups = 60;
  int task = 2;
  for (int group = 0; group < kGroups; ++group) {
    story.site(10 + group, 10 + group, fmt::format("f{}", group));
    story.object(1'000 + group, "channel", fmt::format("c{}", group));
    for (int member = 0; member < (group == 50 ? 3 : 1); ++member, ++task) {
      story.spawn(0, task, task, 10 + group);
      story.run(0, 1'000 + 10 * task, task);
      story.block(0, 1'001 + 10 * task, 1'000 + group, "chan recv", 10 + group);
    }
  }
  story.put(0, 90'000, "worker-park");
  const WaitForGraph graph = graph_of(tests::session_of_trace(story.text()), INT64_MAX);
  EXPECT_EQ(graph.waiting, 62U);
  EXPECT_EQ(graph.left_out, 20U);
  ASSERT_FALSE(graph.nodes.empty());
  EXPECT_EQ(graph.nodes.size(), 2 * WaitForGraph::kGroupsMax) << "and no object without a waiter";
  EXPECT_EQ(graph.nodes[0].tasks.size(), 3U) << "the largest is the first";
}

}  // namespace
}  // namespace taskscope::viewer
