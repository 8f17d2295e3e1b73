// A trace in text form, told step by step: knows the numbers that tasks' events carry, so that a
// test says only what happens when.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace taskscope::tests {

class Story {
 public:
  static constexpr int kWorkers = 2;

  // Begins with its workers and with the main task, number 1, spawned.
  Story() {
    for (int w = 0; w < kWorkers; ++w) put(w, 0, fmt::format("worker-start thread={}", 100 + w));
    put(0, 0, "spawn task=1 site=0");
  }

  void site(int id, int line, std::string_view function) {
    put(0, 0, fmt::format("site site={} \"{}\\tserver.cpp\\t{}\"", id, line, function));
  }
  void spawn(int worker, std::int64_t ns, int task, int site) {
    put(worker, ns, fmt::format("spawn task={} site={}", task, site));
  }
  void name(int task, std::string_view name) {
    put(0, 0, fmt::format("task-name task={} \"{}\"", task, name));
  }
  void object(int id, std::string_view kind, std::string_view name) {
    put(0, 0, fmt::format("object object={} kind={} site=0", id, kind));
    put(0, 0, fmt::format("object-name object={} \"{}\"", id, name));
  }
  void run(int worker, std::int64_t ns, int task) {
    put(worker, ns, fmt::format("run task={} seq={}", task, ++sequence_[task]));
  }
  void ready(int worker, std::int64_t ns, int task) {
    put(worker, ns, fmt::format("ready task={} seq={}", task, ++sequence_[task]));
  }
  void block(int worker, std::int64_t ns, int object, std::string_view reason, int site) {
    put(worker, ns, fmt::format("block object={} reason=\"{}\" site={}", object, reason, site));
  }
  // Any other event: "yield", "worker-park", "timer-fire count=3".
  void put(int worker, std::int64_t ns, std::string_view what) {
    lines_.emplace_back(ns, fmt::format("w{} {} {}\n", worker, ns, what));
  }

  std::string text() const {
    std::vector<std::pair<std::int64_t, std::string>> sorted = lines_;
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::string text;
    for (const auto& [ns, line] : sorted) text += line;
    return text;
  }

 private:
  std::map<int, std::uint32_t> sequence_;
  std::vector<std::pair<std::int64_t, std::string>> lines_;
};

}  // namespace taskscope::tests
