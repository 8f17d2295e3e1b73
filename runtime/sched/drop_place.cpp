#include "runtime/sched/drop_place.h"

#include <utility>
#include <vector>

#include "runtime/debug/short_name.h"
#include "runtime/debug/stack_trace.h"

namespace taskscope::sched {
namespace {

bool is_of_standard_library(const debug::Frame& frame) {
  return frame.file.find("/include/c++/") != std::string::npos ||
         frame.function.starts_with("std::");
}

}  // namespace

debug::Frame DropPlaces::find(const HandleDrop& drop) {
  if (drop.calls[0] == 0) return {};
  const base::LockGuard guard(lock_);
  const auto [known, is_new] = known_.try_emplace(drop.calls);
  if (!is_new) return known->second;
  if (symbolizer_ == nullptr) symbolizer_ = std::make_unique<debug::Symbolizer>();
  std::vector<debug::Frame> frames;
  for (const std::uint64_t call : drop.calls) {
    if (call == 0) break;
    const auto& inlined = symbolizer_->lookup(static_cast<std::uintptr_t>(call) - 1);
    frames.insert(frames.end(), inlined.begin(), inlined.end());
  }
  for (debug::Frame& frame : debug::hide_runtime(std::move(frames))) {
    if (frame.file.empty() || is_of_standard_library(frame)) continue;
    frame.function = debug::short_name(frame.function);
    known->second = std::move(frame);
    break;
  }
  return known->second;
}

std::string line_of(const debug::Frame& place) {
  return place.file.empty() ? std::string() : place.file + ':' + std::to_string(place.line);
}

std::string describe_drop(const HandleDrop& drop, const debug::Frame& place) {
  if (drop.ns == 0) return {};
  std::string text = "the last other handle was given up";
  if (drop.task != 0) text += " by task " + std::to_string(drop.task);
  if (!place.file.empty()) text += " at " + line_of(place) + " (" + place.function + ')';
  return text;
}

}  // namespace taskscope::sched
