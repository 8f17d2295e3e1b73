#include "viewer/model/call_profile.h"

#include <algorithm>
#include <cctype>
#include <tuple>
#include <unordered_map>

namespace taskscope::viewer {
namespace {

// How much of the question belongs to each stack.
struct Weights {
  std::vector<std::int64_t> by_stack;
  std::int64_t without = 0;

  void add(std::uint32_t stack, std::int64_t weight) {
    if (stack < by_stack.size()) {
      by_stack[stack] += weight;
    } else {
      without += weight;
    }
  }
};

void add_samples(const TraceSession& session, const ProfileQuestion& question, Weights& weights) {
  const SampleTable& samples = session.samples();
  if (question.scope == ProfileScope::Task || question.scope == ProfileScope::Worker) {
    const RowSamples row = question.scope == ProfileScope::Task ? samples.of_task(question.index)
                                                                : samples.of_worker(question.index);
    const RowSamples within = samples.within(row, question.range);
    for (std::size_t at = within.first; at < within.last; ++at) {
      weights.add(samples.at(at).stack, 1);
    }
    return;
  }
  const auto [first, last] = samples.within(question.range);
  for (std::size_t at = first; at < last; ++at) {
    const Sample& sample = samples[at];
    const bool within =
        question.scope == ProfileScope::All ||
        (sample.task != kNoTask && session.tasks()[sample.task].group == question.index);
    if (within) weights.add(sample.stack, 1);
  }
}

void add_waits(const TraceSession& session, TaskIndex index, TimeRange range, Weights& weights) {
  const Task& task = session.tasks()[index];
  TrackWalk walk(task.track, range.start_ns);
  for (const TrackSpan* span = walk.next(); span != nullptr; span = walk.next()) {
    if (span->start_ns >= range.end_ns) break;
    const SpanDetail& detail = session.detail(span->payload);
    const bool waits =
        detail.state == store::TaskState::Blocked || detail.state == store::TaskState::Sleeping;
    if (!waits) continue;
    weights.add(session.stack_number(index, detail),
                std::min(span->end_ns, range.end_ns) - std::max(span->start_ns, range.start_ns));
  }
}

void add_waits(const TraceSession& session, const ProfileQuestion& question, Weights& weights,
               const std::atomic<bool>& stop) {
  if (question.scope == ProfileScope::Task) {
    return add_waits(session, question.index, question.range, weights);
  }
  const auto count = static_cast<TaskIndex>(session.tasks().size());
  const std::vector<TaskIndex>* group =
      question.scope == ProfileScope::Group ? &session.groups()[question.index].tasks : nullptr;
  const std::size_t tasks = group != nullptr ? group->size() : count;
  for (std::size_t at = 0; at < tasks && !stop.load(std::memory_order_relaxed); ++at) {
    add_waits(session, group != nullptr ? (*group)[at] : static_cast<TaskIndex>(at), question.range,
              weights);
  }
}

// Counts functions, each once a stack.
class FunctionTable {
 public:
  explicit FunctionTable(std::size_t functions) : totals_(functions), seen_(functions) {}

  void add(std::span<const store::StackCall> calls, std::int64_t weight) {
    ++stack_;
    for (const store::StackCall& call : calls) {
      if (seen_[call.function] == stack_) continue;
      seen_[call.function] = stack_;
      totals_[call.function].total += weight;
    }
    totals_[calls.front().function].self += weight;
    lines_[std::uint64_t{calls.front().function} << 32 | calls.front().line] += weight;
  }

  std::vector<ProfiledFunction> take() {
    std::vector<std::int64_t> most(totals_.size());
    for (const auto& [key, weight] : lines_) {
      const auto function = static_cast<std::size_t>(key >> 32);
      const auto line = static_cast<std::uint32_t>(key);
      ProfiledFunction& of = totals_[function];
      if (std::tuple(-weight, line) >= std::tuple(-most[function], of.line) && most[function] > 0)
        continue;
      most[function] = weight;
      of.line = line;
    }
    for (std::size_t at = 0; at < totals_.size(); ++at) {
      totals_[at].function = static_cast<std::uint32_t>(at);
    }
    std::erase_if(totals_, [](const ProfiledFunction& function) { return function.total == 0; });
    std::sort(totals_.begin(), totals_.end(), [](const auto& a, const auto& b) {
      return std::tuple(-a.self, -a.total, a.function) < std::tuple(-b.self, -b.total, b.function);
    });
    return std::move(totals_);
  }

 private:
  std::vector<ProfiledFunction> totals_;  // by function
  std::vector<std::uint64_t> seen_;       // by function: the last stack that has it
  std::unordered_map<std::uint64_t, std::int64_t> lines_;  // by function and line
  std::uint64_t stack_ = 0;
};

// Who called whom, grown stack by stack and then put in order.
class CallTree {
 public:
  void add(std::span<const store::StackCall> calls, std::int64_t weight) {
    std::uint32_t at = 0;
    nodes_[at].total += weight;
    for (auto call = calls.rbegin(); call != calls.rend(); ++call) {
      at = child(at, call->function);
      nodes_[at].total += weight;
    }
    nodes_[at].self += weight;
  }

  // Depth first, without recursion: stacks may be deep.
  std::vector<ProfileNode> take() {
    for (Node& node : nodes_) {
      std::sort(node.children.begin(), node.children.end(), [&](std::uint32_t a, std::uint32_t b) {
        return std::tuple(-nodes_[a].total, nodes_[a].function) <
               std::tuple(-nodes_[b].total, nodes_[b].function);
      });
    }
    std::vector<ProfileNode> out;
    out.reserve(nodes_.size());
    struct Open {
      std::uint32_t node;
      std::uint32_t placed;     // in out
      std::size_t child = 0;    // that comes next
      std::int64_t before = 0;  // where that begins
    };
    std::vector<Open> open;
    const auto place = [&](std::uint32_t node, std::uint32_t parent, std::int64_t before) {
      const auto placed = static_cast<std::uint32_t>(out.size());
      out.push_back({.function = nodes_[node].function,
                     .parent = parent,
                     .depth = static_cast<std::uint32_t>(open.size()),
                     .before = before,
                     .self = nodes_[node].self,
                     .total = nodes_[node].total});
      open.push_back({node, placed, 0, before});
    };
    place(0, 0, 0);
    while (!open.empty()) {
      Open& top = open.back();
      const std::vector<std::uint32_t>& children = nodes_[top.node].children;
      if (top.child == children.size()) {
        out[top.placed].next = static_cast<std::uint32_t>(out.size());
        open.pop_back();
        continue;
      }
      const std::uint32_t child = children[top.child++];
      const std::int64_t before = top.before;
      top.before += nodes_[child].total;
      place(child, top.placed, before);
    }
    return out;
  }

 private:
  struct Node {
    std::uint32_t function = ProfileNode::kRoot;
    std::int64_t self = 0;
    std::int64_t total = 0;
    std::vector<std::uint32_t> children;
  };

  std::uint32_t child(std::uint32_t of, std::uint32_t function) {
    const auto [at, fresh] = numbers_.try_emplace(std::uint64_t{of} << 32 | function,
                                                  static_cast<std::uint32_t>(nodes_.size()));
    if (fresh) {
      nodes_.push_back({.function = function, .children = {}});
      nodes_[of].children.push_back(at->second);
    }
    return at->second;
  }

  std::vector<Node> nodes_{1};
  std::unordered_map<std::uint64_t, std::uint32_t> numbers_;  // by parent and function
};

}  // namespace

CallProfile call_profile(const TraceSession& session, const ProfileQuestion& question,
                         const std::atomic<bool>& stop) {
  const store::StackTable& stacks = session.stacks();
  Weights weights{std::vector<std::int64_t>(stacks.size())};
  if (question.of == ProfileOf::Cpu) {
    add_samples(session, question, weights);
  } else {
    add_waits(session, question, weights, stop);
  }
  CallProfile profile{.of = question.of, .without = weights.without, .functions = {}, .nodes = {}};
  const auto inner = question.of == ProfileOf::Cpu ? store::StackTable::Inner::All
                                                   : store::StackTable::Inner::CalledOnly;
  FunctionTable functions(stacks.functions().size());
  CallTree tree;
  for (std::uint32_t stack = 0; stack < stacks.size(); ++stack) {
    if (stop.load(std::memory_order_relaxed)) break;
    const std::int64_t weight = weights.by_stack[stack];
    if (weight == 0) continue;
    const auto calls = stacks.own_calls(stack, inner);
    if (calls.empty()) {
      profile.without += weight;
      continue;
    }
    profile.whole += weight;
    functions.add(calls, weight);
    tree.add(calls, weight);
  }
  profile.functions = functions.take();
  profile.nodes = tree.take();
  for (const ProfileNode& node : profile.nodes) {
    profile.depth_max = std::max(profile.depth_max, node.depth);
  }
  return profile;
}

std::uint32_t find_node(const CallProfile& profile, std::span<const std::uint32_t> path) {
  std::uint32_t at = 0;
  for (const std::uint32_t function : path) {
    std::uint32_t child = at + 1;
    const std::uint32_t end = profile.nodes.empty() ? 0 : profile.nodes[at].next;
    while (child < end && profile.nodes[child].function != function) {
      child = profile.nodes[child].next;
    }
    if (child >= end) break;
    at = child;
  }
  return at;
}

std::vector<std::uint32_t> path_to(const CallProfile& profile, std::uint32_t node) {
  std::vector<std::uint32_t> path;
  for (; node != 0; node = profile.nodes[node].parent) {
    path.push_back(profile.nodes[node].function);
  }
  std::reverse(path.begin(), path.end());
  return path;
}

bool name_matches(const std::string& name, const std::string& typed) {
  if (typed.empty()) return false;
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(name.begin(), name.end(), typed.begin(), typed.end(), same) != name.end();
}

std::int64_t weight_of_matches(const CallProfile& profile, const store::StackTable& stacks,
                               const std::string& typed) {
  std::int64_t weight = 0;
  for (std::uint32_t at = 1; at < profile.nodes.size();) {
    const ProfileNode& node = profile.nodes[at];
    const bool matches = name_matches(stacks.functions()[node.function].name, typed);
    if (matches) weight += node.total;
    at = matches ? node.next : at + 1;
  }
  return weight;
}

}  // namespace taskscope::viewer
