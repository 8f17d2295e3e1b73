#include "recorder/ingest/call_stacks.h"

#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "runtime/trace_format/stack_text.h"

namespace taskscope::ingest {
namespace tf = trace_format;

// Two lanes may both tell of it.
bool CallStacks::take_stack(std::uint64_t id, std::string_view text) {
  auto calls = tf::parse_stack(text);
  if (!calls || id == 0 || id > tf::kStackMax) return false;
  put_stack({.id = id, .kind = store::StackKind::Call, .calls = std::move(*calls)});
  return true;
}

void CallStacks::put_stack(Stack stack) {
  tf::TextBuffer text;
  tf::format_stack(stack.calls, text);
  writer_.put_stack({.id = stack.id, .kind = stack.kind, .addresses = std::string(text.view())});
  stacks_.push_back(std::move(stack));
}

bool CallStacks::take_module(std::string_view text) {
  const auto module = tf::parse_module(text);
  if (!module) return false;
  const std::size_t number = code_.add({.bias = module->bias,
                                        .first = module->first,
                                        .end = module->end,
                                        .build_id = std::string(module->build_id),
                                        .path = std::string(module->path)});
  writer_.put_module({.id = number,
                      .path = std::string(module->path),
                      .build_id = std::string(module->build_id),
                      .bias = module->bias,
                      .first = module->first,
                      .end = module->end});
  return true;
}

std::optional<CallStacks::Sample> CallStacks::take_sample(std::string_view text) {
  const auto sample = tf::parse_sample(text);
  if (!sample) return std::nullopt;
  Calls calls{sample->calls.front()};
  const Calls missing = code_.frameless_callers(sample->calls.front(), sample->top_words);
  calls.insert(calls.end(), missing.begin(), missing.end());
  calls.insert(calls.end(), sample->calls.begin() + 1, sample->calls.end());
  return Sample{.stack_id = sampled_stack(calls),
                .worker = sample->worker,
                .thread = sample->thread,
                .lost = sample->lost};
}

store::StackId CallStacks::sampled_stack(const Calls& calls) {
  const auto [found, is_new] = sampled_.try_emplace(calls, kFirstSampled + sampled_.size());
  if (is_new) {
    put_stack({.id = found->second, .kind = store::StackKind::Sample, .calls = calls});
  }
  return found->second;
}

void CallStacks::name_frames() {
  using Place = std::tuple<std::string, std::string, int>;
  std::map<Place, store::SiteId> sites;
  std::set<store::StackId> named;
  for (const Stack& stack : stacks_) {
    if (!named.insert(stack.id).second) continue;
    const auto first = stack.kind == store::StackKind::Sample
                           ? symbols::ProgramCode::First::NextInstruction
                           : symbols::ProgramCode::First::ReturnAddress;
    std::uint32_t depth = 0;
    for (const symbols::CodeFrame& frame : code_.frames(stack.calls, first)) {
      const auto [site, is_new] =
          sites.try_emplace(Place(frame.function, frame.file, frame.line), 0);
      if (is_new) {
        site->second = writer_.add_frame_site({.id = 0,
                                               .file = frame.file,
                                               .line = static_cast<std::uint32_t>(frame.line),
                                               .function = frame.function});
      }
      writer_.put_frame({.stack_id = stack.id,
                         .depth = depth++,
                         .site_id = site->second,
                         .address = frame.address,
                         .module_id = frame.module,
                         .inlined = frame.inlined,
                         .runtime = frame.runtime});
    }
  }
}

}  // namespace taskscope::ingest
