#include "recorder/ingest/call_stacks.h"

#include <algorithm>
#include <string>
#include <utility>

#include "runtime/trace_format/stack_text.h"

namespace taskscope::ingest {
namespace tf = trace_format;

// Two lanes may both tell of it, and a program as often as it likes.
bool CallStacks::take_stack(std::uint64_t id, std::string_view text) {
  auto calls = tf::parse_stack(text);
  if (!calls || id == 0 || id > tf::kStackMax) return false;
  const auto [told, is_new] = told_.try_emplace(id, std::move(*calls));
  if (is_new) put_stack(id, store::StackKind::Call, told->second);
  return true;
}

void CallStacks::put_stack(store::StackId id, store::StackKind kind, const Calls& calls) {
  tf::TextBuffer text;
  tf::format_stack(calls, text);
  writer_.put_stack({.id = id, .kind = kind, .addresses = std::string(text.view())});
}

bool CallStacks::take_module(std::string_view text) {
  const auto module = tf::parse_module(text);
  if (!module) return false;
  const std::size_t number = code_.add({.bias = module->bias,
                                        .first = module->first,
                                        .end = module->end,
                                        .build_id = std::string(module->build_id),
                                        .path = std::string(module->path)});
  if (number == 0) return false;
  writer_.put_module({.id = number,
                      .path = std::string(module->path),
                      .build_id = std::string(module->build_id),
                      .bias = module->bias,
                      .first = module->first,
                      .end = module->end});
  return true;
}

std::optional<CallStacks::Sample> CallStacks::take_sample(std::string_view text, std::int64_t ns) {
  const auto sample = tf::parse_sample(text);
  if (!sample) return std::nullopt;
  if (sample->calls.empty()) return Sample{.lost = sample->lost};
  Calls calls{sample->calls.front()};
  const Calls missing = code_.frameless_callers(sample->calls.front(), sample->top_words);
  calls.insert(calls.end(), missing.begin(), missing.end());
  calls.insert(calls.end(), sample->calls.begin() + 1, sample->calls.end());
  return Sample{.is_there = true,
                .stack_id = sampled_stack(calls, ns),
                .worker = sample->worker,
                .thread = sample->thread,
                .lost = sample->lost};
}

store::StackId CallStacks::sampled_stack(const Calls& calls, std::int64_t ns) {
  const auto known = sampled_.find(calls);
  if (known != sampled_.end()) {
    known->second.last_ns = std::max(known->second.last_ns, ns);
    return known->second.id;
  }
  if (sampled_.size() == sampled_max_) return 0;
  const store::StackId id = next_sampled_++;
  sampled_.try_emplace(calls, Sampled{.id = id, .last_ns = ns});
  put_stack(id, store::StackKind::Sample, calls);
  return id;
}

void CallStacks::forget_samples(std::int64_t ns) {
  std::erase_if(sampled_, [ns](const auto& stack) { return stack.second.last_ns < ns; });
}

void CallStacks::name_frames() {
  for (const auto& [id, calls] : told_) {
    name_stack(id, calls, symbols::ProgramCode::First::ReturnAddress);
  }
  for (const auto& [calls, sampled] : sampled_) {
    name_stack(sampled.id, calls, symbols::ProgramCode::First::NextInstruction);
  }
}

void CallStacks::name_stack(store::StackId id, const Calls& calls,
                            symbols::ProgramCode::First first) {
  std::uint32_t depth = 0;
  for (const symbols::CodeFrame& frame : code_.frames(calls, first)) {
    const auto [site, is_new] =
        frame_sites_.try_emplace(Place(frame.function, frame.file, frame.line), 0);
    if (is_new) {
      site->second = writer_.add_frame_site({.id = 0,
                                             .file = frame.file,
                                             .line = static_cast<std::uint32_t>(frame.line),
                                             .function = frame.function});
    }
    writer_.put_frame({.stack_id = id,
                       .depth = depth++,
                       .site_id = site->second,
                       .address = frame.address,
                       .module_id = frame.module,
                       .inlined = frame.inlined,
                       .runtime = frame.runtime});
  }
}

}  // namespace taskscope::ingest
