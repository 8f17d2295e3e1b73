// The graph of who can wake whom, against brute force.
#include "runtime/debug/wait_graph.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <set>
#include <vector>

namespace taskscope::debug {
namespace {

using Node = WaitGraph::Node;

struct Graph : WaitGraph {
  Graph() : WaitGraph(std::pmr::get_default_resource()) {}
  std::vector<Node> add_tasks(std::size_t count) {
    std::vector<Node> nodes(count);
    for (Node& node : nodes) node = add(true);
    return nodes;
  }
};

TEST(WaitGraph, WhoWaitsForOneThatCanActCanAct) {
  Graph graph;
  const auto task = graph.add_tasks(3);
  graph.make_root(task[0]);
  graph.connect(task[0], task[1]);
  graph.connect(task[1], task[2]);
  graph.solve();
  for (const Node node : task) EXPECT_TRUE(graph.can_act(node));
}

TEST(WaitGraph, ACircleIsTheCauseOfThoseThatWaitForIt) {
  Graph graph;
  const auto task = graph.add_tasks(5);
  graph.connect(task[0], task[1]);
  graph.connect(task[1], task[0]);
  graph.connect(task[1], task[2]);
  graph.connect(task[2], task[3]);
  graph.make_root(task[4]);
  graph.solve();
  EXPECT_TRUE(graph.can_act(task[4]));
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(graph.can_act(task[i]));
    EXPECT_EQ(graph.cause(task[i]), graph.cause(task[0]));
    EXPECT_EQ(graph.is_cause(task[i]), i < 2);
  }
}

TEST(WaitGraph, WhoWaitsForNobodyIsACauseOfItsOwn) {
  Graph graph;
  const auto task = graph.add_tasks(2);
  const Node end = graph.add(false);  // of a channel that nobody has
  graph.connect(end, task[0]);
  graph.solve();
  EXPECT_TRUE(graph.is_cause(task[0]));
  EXPECT_TRUE(graph.is_cause(task[1]));
  EXPECT_NE(graph.cause(task[0]), graph.cause(task[1]));
}

TEST(WaitGraph, WhatStandsBetweenTasksPassesTheCauseOn) {
  Graph graph;
  const auto task = graph.add_tasks(2);
  const Node memory = graph.add(false);
  graph.connect(task[0], memory);
  graph.connect(memory, task[1]);
  graph.solve();
  EXPECT_EQ(graph.cause(task[1]), graph.cause(task[0]));
  EXPECT_FALSE(graph.is_cause(task[1]));
}

// As long as there are tasks: without recursion, and in linear time.
TEST(WaitGraph, AChainOf50000TasksEndsWithTheOneThatCanAct) {
  constexpr std::size_t kTasks = 50'000;
  for (const bool alive : {true, false}) {
    Graph graph;
    const auto task = graph.add_tasks(kTasks);
    for (std::size_t i = kTasks - 1; i > 0; --i) graph.connect(task[i - 1], task[i]);
    if (alive) graph.make_root(task[0]);
    graph.solve();
    EXPECT_EQ(graph.can_act(task[kTasks - 1]), alive);
    if (alive) continue;
    EXPECT_TRUE(graph.is_cause(task[0]));
    EXPECT_FALSE(graph.is_cause(task[kTasks - 1]));
    EXPECT_EQ(graph.cause(task[kTasks - 1]), graph.cause(task[0]));
  }
}

TEST(WaitGraph, SaysOfRandomGraphsWhatTryingEveryPathSays) {
  std::mt19937 random(17);
  for (int round = 0; round < 2'000; ++round) {
    const std::size_t count = 1 + random() % 12;
    Graph graph;
    const auto nodes = graph.add_tasks(count);
    std::vector<std::vector<bool>> leads(count, std::vector<bool>(count, false));
    for (std::size_t edges = random() % (2 * count); edges > 0; --edges) {
      const std::size_t from = random() % count;
      const std::size_t to = random() % count;
      graph.connect(nodes[from], nodes[to]);
      leads[from][to] = true;
    }
    std::set<std::size_t> roots;
    for (std::size_t i = random() % 3; i > 0; --i) roots.insert(random() % count);
    for (const std::size_t root : roots) graph.make_root(nodes[root]);
    graph.solve();
    for (std::size_t k = 0; k < count; ++k) {  // Floyd and Warshall
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          if (leads[i][k] && leads[k][j]) leads[i][j] = true;
        }
      }
    }
    std::vector<bool> acts(count);
    for (std::size_t i = 0; i < count; ++i) {
      acts[i] = roots.contains(i);
      for (const std::size_t root : roots) acts[i] = acts[i] || leads[root][i];
      EXPECT_EQ(graph.can_act(nodes[i]), acts[i]) << "round " << round;
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (acts[i]) continue;
      bool is_cause = true;
      for (std::size_t j = 0; j < count; ++j) {
        if (leads[j][i] && !leads[i][j]) is_cause = false;
      }
      EXPECT_EQ(graph.is_cause(nodes[i]), is_cause) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace taskscope::debug
