#include "viewer/model/wait_for_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "viewer/analysis/findings.h"
#include "viewer/model/format.h"

namespace taskscope::viewer {
namespace {

using store::BlockReason;
using store::TaskState;
using trace_format::ReasonClass;

using NodeIndex = std::uint32_t;
constexpr NodeIndex kNoNode = 0xffff'ffff;
constexpr std::uint32_t kNoObject = 0xffff'ffff;
constexpr std::size_t kTasksBetweenLooks = 256;

// Who waits alike: alone if it is known whose lock it is, else all that were started at one place,
// wait at one place, and for objects of one name that were made at one place.
struct WaitKey {
  TaskIndex alone = kNoTask;
  std::uint32_t group = 0;
  store::SiteId site = 0;
  BlockReason reason = BlockReason::None;
  NodeIndex object = kNoNode;

  auto operator<=>(const WaitKey&) const = default;
};

// What stands for objects: one, or all of a kind with one name that were made at one place.
struct ObjectKey {
  std::uint32_t object = kNoObject;
  store::ObjectKind kind = store::ObjectKind::Unknown;
  std::string name;
  store::SiteId site = 0;
  std::string without;  // of waits for no object: "nil channel"

  auto operator<=>(const ObjectKey&) const = default;
};

// The last that happened to an object before the instant.
struct LastUse {
  std::int64_t end_ns = -1;
  TaskIndex owner = kNoTask;  // whose wait for it ended
  TaskIndex waker = kNoTask;  // who ended that
};

struct Wait {
  TaskIndex task = kNoTask;
  SpanDetail detail;
};

class Builder {
 public:
  Builder(const TraceSession& session, const FindingList& findings, std::int64_t ns,
          const std::atomic<bool>& stop)
      : session_(session), findings_(findings), stop_(stop) {
    graph_.ns = std::clamp<std::int64_t>(ns, 0, std::max<std::int64_t>(session.duration_ns(), 0));
    at_end_ = graph_.ns >= session.duration_ns();
  }

  WaitForGraph build() {
    find_waits();
    add_waits();
    find_last_uses();
    add_holders();
    find_cycles();
    place();
    return std::move(graph_);
  }

 private:
  // ---- Who waits ----

  // The span of a task at the instant, or its last if it is unfinished and the recording ends.
  SpanIndex span_at(TaskIndex index) const {
    const Task& task = session_.tasks()[index];
    if (task.span_count == 0) return kNoSpan;
    if (at_end_) {
      return task.last_span_unfinished ? task.first_span + task.span_count - 1 : kNoSpan;
    }
    const std::size_t at = task.track.span_at(graph_.ns);
    return at < task.span_count ? task.first_span + static_cast<SpanIndex>(at) : kNoSpan;
  }

  static bool waits_for_others(const SpanDetail& detail) {
    if (detail.state != TaskState::Blocked) return false;
    const ReasonClass of = trace_format::reason_class(detail.reason);
    return of == ReasonClass::Channel || of == ReasonClass::Lock;
  }

  void find_waits() {
    const auto count = static_cast<TaskIndex>(session_.tasks().size());
    for (TaskIndex index = 0; index < count; ++index) {
      if (index % kTasksBetweenLooks == 0 && stop_.load()) return;
      const SpanIndex span = span_at(index);
      if (span == kNoSpan) continue;
      const SpanDetail detail = session_.span_detail(span);
      if (waits_for_others(detail)) waits_.push_back({index, detail});
    }
    graph_.waiting = waits_.size();
  }

  // Whether somebody is known to have what it waits for, by proof.
  TaskIndex proved_holder(TaskIndex task) const {
    return at_end_ ? findings_.holder_of(task) : kNoTask;
  }

  ObjectKey object_key(const Wait& wait) const {
    const store::ObjectRow* object = session_.find_object(wait.detail);
    if (object == nullptr) {
      return {.without = std::string(trace_format::to_text(wait.detail.reason))};
    }
    const bool alone = proved_holder(wait.task) != kNoTask;
    if (alone) return {.object = wait.detail.object, .name = {}, .without = {}};
    return {.kind = object->kind, .name = object->name, .site = object->site_id, .without = {}};
  }

  void add_waits() {
    std::map<WaitKey, std::vector<TaskIndex>> groups;
    for (const Wait& wait : waits_) {
      const NodeIndex object = object_node(wait);
      if (wait.detail.object != kNoObject) node_of_object_.emplace(wait.detail.object, object);
      const bool alone = proved_holder(wait.task) != kNoTask;
      groups[{.alone = alone ? wait.task : kNoTask,
              .group = session_.tasks()[wait.task].group,
              .site = wait.detail.site_id,
              .reason = wait.detail.reason,
              .object = object}]
          .push_back(wait.task);
    }
    std::vector<std::pair<WaitKey, std::vector<TaskIndex>>> ordered(groups.begin(), groups.end());
    // Those of findings first, then the largest.
    std::stable_sort(ordered.begin(), ordered.end(), [&](const auto& a, const auto& b) {
      const bool stuck_a = stuck_finding(a.second).has_value();
      const bool stuck_b = stuck_finding(b.second).has_value();
      return stuck_a != stuck_b ? stuck_a : a.second.size() > b.second.size();
    });
    for (std::size_t at = 0; at < ordered.size(); ++at) {
      const auto& [key, tasks] = ordered[at];
      if (at >= WaitForGraph::kGroupsMax) {
        graph_.left_out += tasks.size();
        continue;
      }
      const NodeIndex node = add_tasks(
          WaitForNode::Kind::Waiting, tasks,
          fmt::format("{}: {}", session_.site_text(key.site), trace_format::to_text(key.reason)));
      for (const TaskIndex task : tasks) node_of_task_[task] = node;
      add_edge(node, key.object, HolderKind::Unknown);
    }
    drop_unused_objects();
  }

  NodeIndex object_node(const Wait& wait) {
    ObjectKey key = object_key(wait);
    const auto [known, fresh] =
        objects_.emplace(std::move(key), static_cast<NodeIndex>(graph_.nodes.size()));
    if (!fresh) {
      members_[known->second].insert(wait.detail.object);
      return known->second;
    }
    WaitForNode node{.kind = WaitForNode::Kind::Object, .title = {}, .text = {}, .tasks = {}};
    if (const store::ObjectRow* object = session_.find_object(wait.detail)) {
      node.title = session_.object_text(wait.detail);
      if (object->site_id != 0) node.text = "made at " + session_.site_text(object->site_id);
    } else {
      node.title = known->first.without;
      node.text = "nobody can end that";
      if (wait.detail.reason == BlockReason::Select) {
        node.title = "several channels";
        node.text = session_.arms_text(span_at(wait.task));
      }
    }
    graph_.nodes.push_back(std::move(node));
    members_[known->second].insert(wait.detail.object);
    return known->second;
  }

  // Those of groups that were left out.
  void drop_unused_objects() {
    for (auto& [node, objects] : members_) {
      if (objects.size() > 1) {
        graph_.nodes[node].title =
            fmt::format("{} × {}", count_text(objects.size()), kind_text(*objects.begin()));
      }
    }
    used_.assign(graph_.nodes.size(), false);
    for (const WaitForEdge& edge : graph_.edges) used_[edge.from] = used_[edge.to] = true;
  }
  std::string kind_text(std::uint32_t object) const {
    const store::ObjectRow& row = session_.objects()[object];
    const std::string kind(trace_format::to_text(row.kind));
    return row.name.empty() ? kind : kind + ' ' + row.name;
  }

  std::optional<std::uint32_t> stuck_finding(const std::vector<TaskIndex>& tasks) const {
    if (!at_end_) return std::nullopt;
    for (const TaskEvidence& evidence : findings_.of_task(tasks.front())) {
      if (analysis::says_stuck(findings_[evidence.finding].row)) return evidence.finding;
    }
    return std::nullopt;
  }

  NodeIndex add_tasks(WaitForNode::Kind kind, const std::vector<TaskIndex>& tasks,
                      std::string text) {
    WaitForNode node{.kind = kind, .title = {}, .text = std::move(text), .tasks = tasks};
    const Task& first = session_.tasks()[tasks.front()];
    node.title = tasks.size() == 1 ? numbered_label(first)
                                   : fmt::format("{} × {}", count_text(tasks.size()),
                                                 session_.groups()[first.group].label);
    if (kind == WaitForNode::Kind::Waiting) node.finding = stuck_finding(tasks);
    graph_.nodes.push_back(std::move(node));
    return static_cast<NodeIndex>(graph_.nodes.size() - 1);
  }

  void add_edge(NodeIndex from, NodeIndex to, HolderKind kind) {
    if (!edge_known_.emplace(std::pair(from, to), graph_.edges.size()).second) return;
    graph_.edges.push_back({.from = from, .to = to, .kind = kind});
  }

  // ---- Who has it ----

  static bool is_lock(BlockReason reason) {
    return reason == BlockReason::Mutex || reason == BlockReason::RwMutexRead ||
           reason == BlockReason::RwMutexWrite;
  }
  static bool waits_for_children(BlockReason reason) {
    return reason == BlockReason::WaitGroup || reason == BlockReason::Scope ||
           reason == BlockReason::Join || reason == BlockReason::ScopeLimit ||
           reason == BlockReason::Future;
  }

  void find_last_uses() {
    const auto count = static_cast<TaskIndex>(session_.tasks().size());
    for (TaskIndex index = 0; index < count && !node_of_object_.empty(); ++index) {
      if (index % kTasksBetweenLooks == 0 && stop_.load()) return;
      const Task& task = session_.tasks()[index];
      TrackWalk walk(task.track, INT64_MIN);
      std::size_t at = 0;
      while (const TrackSpan* span = walk.next()) {
        const bool ended = ++at < task.span_count || !task.last_span_unfinished;
        if (span->end_ns > graph_.ns || !ended) break;
        const SpanDetail& detail = session_.detail(span->payload);
        if (detail.state != TaskState::Blocked || !node_of_object_.contains(detail.object))
          continue;
        LastUse& use = uses_[detail.object];
        if (span->end_ns <= use.end_ns) continue;
        use = {span->end_ns, index, span->extra == 0 ? kNoTask : span->extra - 1};
      }
    }
  }

  void add_holders() {
    const std::unordered_map<store::TaskId, NodeIndex> parents = parents_of_waited_for();
    for (const Wait& wait : waits_) {
      const auto from = node_of_task_.find(wait.task);
      if (from == node_of_task_.end()) continue;
      const NodeIndex object = graph_.edges[edge_from(from->second)].to;
      const TaskIndex proved = proved_holder(wait.task);
      const bool lost = proved == kNoTask && graph_.nodes[from->second].finding.has_value() &&
                        is_lost(findings_[*graph_.nodes[from->second].finding]);
      if (proved != kNoTask) {
        add_edge(object, doer(proved), HolderKind::Proved);
      } else if (lost) {
        add_edge(object, nobody(), HolderKind::Unknown);
      } else if (!waits_for_children(wait.detail.reason)) {
        add_last_user(wait, object);
      }
    }
    if (parents.empty()) return;
    const auto count = static_cast<TaskIndex>(session_.tasks().size());
    for (TaskIndex index = 0; index < count; ++index) {
      const auto parent = parents.find(session_.tasks()[index].row.parent_id);
      if (parent == parents.end() || span_at(index) == kNoSpan) continue;
      add_edge(parent->second, doer(index), HolderKind::Child);
    }
  }

  // Where all are asleep somebody may still have what is waited for.
  static bool is_lost(const ShownFinding& finding) {
    return finding.proved && finding.row.kind == "leak";
  }

  std::size_t edge_from(NodeIndex node) const {
    const auto at = std::find_if(graph_.edges.begin(), graph_.edges.end(),
                                 [&](const WaitForEdge& edge) { return edge.from == node; });
    return static_cast<std::size_t>(at - graph_.edges.begin());
  }

  // The nodes of what tasks wait for that wait for their children, by the ids of these tasks.
  std::unordered_map<store::TaskId, NodeIndex> parents_of_waited_for() const {
    std::unordered_map<store::TaskId, NodeIndex> parents;
    for (const Wait& wait : waits_) {
      const auto node = node_of_task_.find(wait.task);
      if (node == node_of_task_.end() || !waits_for_children(wait.detail.reason)) continue;
      if (graph_.nodes[node->second].finding) continue;
      parents.emplace(session_.tasks()[wait.task].row.id, graph_.edges[edge_from(node->second)].to);
    }
    return parents;
  }

  void add_last_user(const Wait& wait, NodeIndex object) {
    const auto use = uses_.find(wait.detail.object);
    if (use == uses_.end()) return;
    const bool lock = is_lock(wait.detail.reason);
    const TaskIndex holder = lock ? use->second.owner : use->second.waker;
    // Who waits for it now has it no more, unless it locks it twice, which only it knows.
    if (holder == kNoTask || holder == wait.task) return;
    add_edge(object, doer(holder), lock ? HolderKind::LastOwner : HolderKind::LastWaker);
  }

  // The node of a task that others wait for: where it waits itself, or what it does.
  NodeIndex doer(TaskIndex task) {
    if (const auto waits = node_of_task_.find(task); waits != node_of_task_.end()) {
      return waits->second;
    }
    const std::string text = doing_text(task);
    const auto key = std::pair(session_.tasks()[task].group, text);
    if (const auto known = doers_.find(key); known != doers_.end()) {
      WaitForNode& node = graph_.nodes[known->second];
      if (std::find(node.tasks.begin(), node.tasks.end(), task) == node.tasks.end()) {
        node.tasks.push_back(task);
        node.title = fmt::format("{} × {}", count_text(node.tasks.size()),
                                 session_.groups()[key.first].label);
      }
      return known->second;
    }
    const NodeIndex node = add_tasks(WaitForNode::Kind::Doing, {task}, text);
    doers_.emplace(key, node);
    return node;
  }
  NodeIndex nobody() {
    if (nobody_ == kNoNode) {
      graph_.nodes.push_back({.kind = WaitForNode::Kind::Doing,
                              .title = "nobody",
                              .text = "no task can get at it any more",
                              .tasks = {}});
      nobody_ = static_cast<NodeIndex>(graph_.nodes.size() - 1);
    }
    return nobody_;
  }

  std::string doing_text(TaskIndex task) const {
    const SpanIndex span = span_at(task);
    if (span == kNoSpan) return session_.tasks()[task].row.ended_ns ? "has ended" : "not seen";
    const SpanDetail detail = session_.span_detail(span);
    switch (detail.state) {
      case TaskState::Running:
        return "running";
      case TaskState::Runnable:
        return "waiting for a worker";
      case TaskState::Syscall:
        return "in a call";
      case TaskState::Sleeping:
        return "asleep";
      default:
        return fmt::format("waits: {}", trace_format::to_text(detail.reason));
    }
  }

  // ---- Circles and places ----

  // Tarjan's algorithm without recursion: a component of more than one node is a circle.
  void find_cycles() {
    const std::size_t count = graph_.nodes.size();
    next_.assign(count, {});
    for (const WaitForEdge& edge : graph_.edges) next_[edge.from].push_back(edge.to);
    component_.assign(count, kNoNode);
    std::vector<NodeIndex> low(count, 0);
    std::vector<NodeIndex> number(count, 0);
    std::vector<bool> open(count, false);
    std::vector<NodeIndex> stack;
    std::vector<std::pair<NodeIndex, std::size_t>> path;
    NodeIndex numbers = 0;
    NodeIndex components = 0;
    for (NodeIndex root = 0; root < count; ++root) {
      if (number[root] != 0) continue;
      path.emplace_back(root, 0);
      while (!path.empty()) {
        auto& [node, at] = path.back();
        if (at == 0) {
          number[node] = low[node] = ++numbers;
          stack.push_back(node);
          open[node] = true;
        }
        if (at < next_[node].size()) {
          const NodeIndex to = next_[node][at++];
          if (number[to] == 0) {
            path.emplace_back(to, 0);
          } else if (open[to]) {
            low[node] = std::min(low[node], number[to]);
          }
          continue;
        }
        const NodeIndex done = node;
        path.pop_back();
        if (!path.empty()) low[path.back().first] = std::min(low[path.back().first], low[done]);
        if (low[done] != number[done]) continue;
        std::size_t members = 0;
        for (NodeIndex last = kNoNode; last != done; ++members) {
          last = stack.back();
          stack.pop_back();
          open[last] = false;
          component_[last] = components;
        }
        cycles_.push_back(members > 1);
        ++components;
      }
    }
    for (NodeIndex node = 0; node < count; ++node) {
      graph_.nodes[node].in_cycle = cycles_[component_[node]];
    }
    for (WaitForEdge& edge : graph_.edges) {
      edge.in_cycle = component_[edge.from] == component_[edge.to];
    }
  }

  // Columns by the longest way from those nobody waits for; an edge that closes a circle does not
  // count.
  void place() {
    const std::size_t count = graph_.nodes.size();
    Walk walk{.state = std::vector<Seen>(count, Seen::No), .order = {}, .backward = {}};
    for (const bool first : {true, false}) {
      for (NodeIndex root = 0; root < count; ++root) {
        if (walk.state[root] == Seen::No && (!first || starts_here(root))) visit_from(root, walk);
      }
    }
    std::reverse(walk.order.begin(), walk.order.end());
    for (const NodeIndex node : walk.order) {
      for (const NodeIndex to : next_[node]) {
        if (walk.backward.contains({node, to})) continue;
        graph_.nodes[to].column = std::max(graph_.nodes[to].column, graph_.nodes[node].column + 1);
      }
    }
    assign_rows();
  }

  bool starts_here(NodeIndex node) const {
    if (graph_.nodes[node].kind != WaitForNode::Kind::Waiting) return false;
    return std::none_of(graph_.edges.begin(), graph_.edges.end(),
                        [&](const WaitForEdge& edge) { return edge.to == node; });
  }

  enum class Seen : std::uint8_t { No, OnPath, Done };
  struct Walk {
    std::vector<Seen> state;
    std::vector<NodeIndex> order;  // the last first: each behind those that it leads to
    std::set<std::pair<NodeIndex, NodeIndex>> backward;  // edges that close a circle
  };
  void visit_from(NodeIndex root, Walk& walk) const {
    std::vector<std::pair<NodeIndex, std::size_t>> path{{root, 0}};
    walk.state[root] = Seen::OnPath;
    while (!path.empty()) {
      auto& [node, at] = path.back();
      if (at == next_[node].size()) {
        walk.state[node] = Seen::Done;
        walk.order.push_back(node);
        path.pop_back();
        continue;
      }
      const NodeIndex to = next_[node][at++];
      if (walk.state[to] == Seen::OnPath) walk.backward.emplace(node, to);
      if (walk.state[to] != Seen::No) continue;
      walk.state[to] = Seen::OnPath;
      path.emplace_back(to, 0);
    }
  }

  // In each column by the middle of those that lead to a node; groups keep their order in the
  // first. Nodes then stand in the order of their places.
  void assign_rows() {
    const std::size_t count = graph_.nodes.size();
    used_.resize(count, true);
    std::vector<std::vector<NodeIndex>> columns;
    for (NodeIndex node = 0; node < count; ++node) {
      if (!used_[node]) continue;
      const std::uint32_t column = graph_.nodes[node].column;
      if (columns.size() <= column) columns.resize(column + 1);
      columns[column].push_back(node);
    }
    for (std::vector<NodeIndex>& column : columns) {
      std::stable_sort(column.begin(), column.end(), [&](NodeIndex a, NodeIndex b) {
        return middle_before(a) < middle_before(b);
      });
      for (std::size_t row = 0; row < column.size(); ++row) {
        graph_.nodes[column[row]].row = static_cast<std::uint32_t>(row);
      }
      graph_.rows = std::max(graph_.rows, static_cast<std::uint32_t>(column.size()));
    }
    graph_.columns = static_cast<std::uint32_t>(columns.size());
    reorder(columns);
  }

  double middle_before(NodeIndex node) const {
    double sum = 0;
    int count = 0;
    for (const WaitForEdge& edge : graph_.edges) {
      const bool before =
          edge.to == node && graph_.nodes[edge.from].column < graph_.nodes[node].column;
      if (!before) continue;
      sum += graph_.nodes[edge.from].row;
      ++count;
    }
    return count == 0 ? 0 : sum / count;
  }

  void reorder(const std::vector<std::vector<NodeIndex>>& columns) {
    std::vector<NodeIndex> place(graph_.nodes.size(), kNoNode);
    std::vector<WaitForNode> nodes;
    for (const std::vector<NodeIndex>& column : columns) {
      for (const NodeIndex node : column) {
        place[node] = static_cast<NodeIndex>(nodes.size());
        nodes.push_back(std::move(graph_.nodes[node]));
      }
    }
    graph_.nodes = std::move(nodes);
    for (WaitForEdge& edge : graph_.edges) {
      edge.from = place[edge.from];
      edge.to = place[edge.to];
    }
  }

  const TraceSession& session_;
  const FindingList& findings_;
  const std::atomic<bool>& stop_;
  bool at_end_ = false;
  WaitForGraph graph_;
  std::vector<Wait> waits_;
  std::map<ObjectKey, NodeIndex> objects_;
  std::map<NodeIndex, std::set<std::uint32_t>> members_;  // objects that a node stands for
  std::unordered_map<std::uint32_t, NodeIndex> node_of_object_;
  std::unordered_map<TaskIndex, NodeIndex> node_of_task_;
  std::map<std::pair<NodeIndex, NodeIndex>, std::size_t> edge_known_;
  std::unordered_map<std::uint32_t, LastUse> uses_;
  std::map<std::pair<std::uint32_t, std::string>, NodeIndex> doers_;
  NodeIndex nobody_ = kNoNode;
  std::vector<bool> used_;
  std::vector<std::vector<NodeIndex>> next_;
  std::vector<NodeIndex> component_;
  std::vector<bool> cycles_;  // by component
};

}  // namespace

WaitForGraph wait_for_graph(const TraceSession& session, const FindingList& findings,
                            std::int64_t ns, const std::atomic<bool>& stop) {
  return Builder(session, findings, ns, stop).build();
}

}  // namespace taskscope::viewer
