#include "runtime/debug/stack_trace.h"

#include <unwind.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace taskscope::debug {
namespace {

constexpr std::size_t kDepthMax = 128;

_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* argument) {
  auto& stack = *static_cast<std::vector<std::uintptr_t>*>(argument);
  int before_instruction = 0;
  std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (address == 0) return _URC_END_OF_STACK;
  // A return address is the instruction after the call; one less lies in the call's own line.
  if (before_instruction == 0) --address;
  stack.push_back(address);
  return stack.size() < kDepthMax ? _URC_NO_REASON : _URC_END_OF_STACK;
}

bool starts_with_any(std::string_view text, std::initializer_list<std::string_view> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [text](std::string_view prefix) { return text.starts_with(prefix); });
}

// "void taskscope::sched::spawn<…>(…)": a template's name comes with its result type.
std::string_view without_result(std::string_view function) {
  const std::size_t at = function.find(" taskscope::");
  const std::size_t bracket = function.find_first_of("<(");
  return at != std::string_view::npos && at < bracket ? function.substr(at + 1) : function;
}

// The last function of an exception's way out of a task: everything before it is machinery.
bool is_throw(std::string_view function) {
  return starts_with_any(function, {"__cxa_throw", "__cxa_rethrow", "std::rethrow_exception",
                                    "__cxxabiv1::", "std::terminate", "__interceptor___cxa"});
}

bool is_runtime(std::string_view function) {
  const std::string_view name = without_result(function);
  return starts_with_any(name, {"taskscope::sched::", "taskscope::channel::", "taskscope::sync::",
                                "taskscope::stack::", "taskscope::debug::", "taskscope::base::",
                                "taskscope_"}) ||
         starts_with_any(name,
                         {"taskscope::Chan<", "taskscope::Sender<", "taskscope::Receiver<",
                          "taskscope::Mutex::", "taskscope::RWMutex::", "taskscope::WaitGroup::",
                          "taskscope::go<", "taskscope::run<", "int taskscope::run<"}) ||
         starts_with_any(name, {"std::scoped_lock<taskscope::", "std::lock_guard<taskscope::",
                                "std::unique_lock<taskscope::", "std::shared_lock<taskscope::"});
}

// Names in the tests' own unnamed namespaces inside taskscope:: are not the runtime's.
bool is_unnamed(std::string_view function) {
  return without_result(function).find("::(anonymous namespace)::") <
         without_result(function).find_first_of("<");
}

// The headers whose templates are compiled into the program.
bool is_runtime_header(std::string_view file) {
  for (const std::string_view header :
       {"/runtime/sched/go.h", "/runtime/sched/run.h", "/runtime/channel/chan.h",
        "/runtime/sync/mutex.h", "/runtime/sync/mutex_guards.h", "/runtime/sync/wait_group.h"}) {
    if (file.ends_with(header)) return true;
  }
  return false;
}

// The closure that the runtime's function `function` calls; empty if it is another function.
std::string called_closure(std::string_view function) {
  function = without_result(function);
  for (const std::string_view body :
       {"taskscope::sched::run_inline<", "taskscope::sched::run_heap<"}) {
    const std::size_t end = function.rfind(">(");
    if (!function.starts_with(body) || end == std::string_view::npos) continue;
    return std::string(function.substr(body.size(), end - body.size())) + "::operator()()";
  }
  return {};
}

}  // namespace

std::vector<std::uintptr_t> capture_stack() {
  std::vector<std::uintptr_t> stack;
  stack.reserve(kDepthMax);
  _Unwind_Backtrace(add_frame, &stack);
  return stack;
}

std::vector<Frame> hide_runtime(std::vector<Frame> frames) {
  // Where the exception was thrown.
  constexpr std::size_t kMachineryMax = 16;
  const std::size_t top = std::min(frames.size(), kMachineryMax);
  for (std::size_t i = top; i > 0; --i) {
    if (!is_throw(frames[i - 1].function)) continue;
    frames.erase(frames.begin(), frames.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  std::vector<Frame> kept;
  for (Frame& frame : frames) {
    const std::string closure = called_closure(frame.function);
    if (!closure.empty() && !frame.file.empty()) {
      // A task's closure is often inlined into the function that calls it. With full debug
      // information it has a frame before this one, else the source line shows whose code it is.
      if (!is_runtime_header(frame.file)) {
        frame.function = closure;
        kept.push_back(std::move(frame));
      } else if (!kept.empty() && kept.back().function == "operator()") {
        kept.back().function = closure;
      }
      continue;
    }
    if (is_runtime_header(frame.file)) continue;
    if (is_runtime(frame.function) && !is_unnamed(frame.function)) continue;
    kept.push_back(std::move(frame));
  }
  return kept;
}

std::vector<Frame> readable_frames(const std::vector<std::uintptr_t>& stack) {
  const Symbolizer symbolizer;
  std::vector<Frame> frames;
  for (const std::uintptr_t address : stack) {
    for (Frame& frame : symbolizer.lookup(address)) frames.push_back(std::move(frame));
  }
  return hide_runtime(std::move(frames));
}

}  // namespace taskscope::debug
