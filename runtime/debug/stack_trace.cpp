#include "runtime/debug/stack_trace.h"

#include <ucontext.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "runtime/debug/short_name.h"

namespace taskscope::debug {
namespace {

// A walk costs 0.2 to 0.7 µs a frame; a GiB of small frames is not walked to its end.
constexpr std::size_t kDepthMax = std::size_t{1} << 22;
constexpr std::size_t kFirstShown = 16;
constexpr std::size_t kLastShown = 4;

_Unwind_Reason_Code add_frame(_Unwind_Context* context, void* argument) {
  auto& stack = *static_cast<CapturedStack*>(argument);
  int before_instruction = 0;
  std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  if (address == 0) return _URC_END_OF_STACK;
  if (stack.count == kDepthMax) {
    stack.cut = true;
    return _URC_END_OF_STACK;
  }
  // A return address is the instruction after the call; one less lies in the call's own line.
  if (before_instruction == 0) --address;
  stack.add(address);
  return _URC_NO_REASON;
}

// The walk through a signal's frame, which leaves out what comes before it.
struct InterruptedWalk {
  CapturedStack stack;
  std::uintptr_t interrupted_at;
  bool arrived = false;
};

_Unwind_Reason_Code add_interrupted_frame(_Unwind_Context* context, void* argument) {
  auto& walk = *static_cast<InterruptedWalk*>(argument);
  int before_instruction = 0;
  const std::uintptr_t address = _Unwind_GetIPInfo(context, &before_instruction);
  walk.arrived |= before_instruction != 0 && address == walk.interrupted_at;
  return walk.arrived ? add_frame(context, &walk.stack) : _URC_NO_REASON;
}

CapturedStack walk_from(std::uintptr_t interrupted_at) {
  InterruptedWalk walk{.stack = {}, .interrupted_at = interrupted_at};
  _Unwind_Backtrace(add_interrupted_frame, &walk);
  return walk.stack;
}

#if defined(__x86_64__)
std::uintptr_t instruction_of(const ucontext_t& context) {
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
}
// As if the function that has just been called had returned.
void undo_call(ucontext_t& context) {
  auto& registers = context.uc_mcontext.gregs;
  registers[REG_RIP] = *reinterpret_cast<const greg_t*>(registers[REG_RSP]);
  registers[REG_RSP] += static_cast<greg_t>(sizeof(greg_t));
}
#else
std::uintptr_t instruction_of(const ucontext_t& context) { return context.uc_mcontext.pc; }
void undo_call(ucontext_t& context) { context.uc_mcontext.pc = context.uc_mcontext.regs[30]; }
#endif

// Leaves the first frames and the last ones, by short names.
void shorten(ReadableStack& stack) {
  std::vector<Frame>& first = stack.first;
  std::vector<Frame>& last = stack.last;
  if (last.empty() && first.size() > kFirstShown + kLastShown) {
    const auto begin = first.end() - static_cast<std::ptrdiff_t>(kLastShown);
    last.assign(std::make_move_iterator(begin), std::make_move_iterator(first.end()));
    first.erase(begin, first.end());
  }
  if (!last.empty() && first.size() > kFirstShown) {
    stack.left_out += first.size() - kFirstShown;
    first.resize(kFirstShown);
  }
  if (last.size() > kLastShown) {
    const std::size_t surplus = last.size() - kLastShown;
    last.erase(last.begin(), last.begin() + static_cast<std::ptrdiff_t>(surplus));
    stack.left_out += surplus;
  }
  for (Frame& frame : first) frame.function = short_name(frame.function);
  for (Frame& frame : last) frame.function = short_name(frame.function);
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
         starts_with_any(name, {"taskscope::Chan<", "taskscope::Sender<", "taskscope::Receiver<",
                                "taskscope::Mutex::", "taskscope::RWMutex::",
                                "taskscope::WaitGroup::", "taskscope::go<", "taskscope::run<",
                                "int taskscope::run<", "taskscope::dump_tasks"}) ||
         starts_with_any(name, {"std::scoped_lock<taskscope::", "std::lock_guard<taskscope::",
                                "std::unique_lock<taskscope::", "std::shared_lock<taskscope::"});
}

// Names in the tests' own unnamed namespaces inside taskscope:: are not the runtime's.
bool is_unnamed(std::string_view function) {
  return without_result(function).find("::(anonymous namespace)::") <
         without_result(function).find_first_of("<");
}

// The closure that the runtime's function `function` calls; empty if it is another function.
std::string called_closure(std::string_view function) {
  function = without_result(function);
  for (const std::string_view body :
       {"taskscope::sched::run_inline<", "taskscope::sched::run_heap<"}) {
    const std::size_t end = function.rfind(">(");
    if (!function.starts_with(body) || end == std::string_view::npos) continue;
    std::string_view closure = function.substr(body.size(), end - body.size());
    if (closure.ends_with(' ')) closure.remove_suffix(1);
    return std::string(closure) + "::operator()()";
  }
  return {};
}

// The folder in which the `runtime` lies that `file` is of; empty if it is of none.
std::string runtime_root(const std::string& file) {
  if (file.find("/runtime/") == std::string::npos) return {};
  const std::string path = std::filesystem::path(file).lexically_normal().string();
  const std::size_t slash = path.rfind('/');
  const std::size_t begin = path.rfind("/runtime/", slash - 1);
  if (slash == std::string::npos || begin == std::string::npos) return {};
  constexpr std::size_t kPrefix = std::string_view("/runtime/").size();
  const std::string folder = path.substr(begin + kPrefix, slash - begin - kPrefix);
  constexpr std::array<std::string_view, 17> kFolders = {
      "base",  "trace_format", "stack",    "instrument", "debug",  "sched",
      "sync",  "memory",       "annotate", "channel",    "time",   "context",
      "scope", "net",          "os",       "patterns",   "testing"};
  if (std::find(kFolders.begin(), kFolders.end(), folder) == kFolders.end()) return {};
  std::string root = path.substr(0, begin);
  return root.ends_with("/tests") ? std::string() : root;
}

// The headers whose templates are compiled into the program, and what of the runtime calls them.
//
// With little debug information an inlined function has its last name only, so the file has to say
// whose it is. Others have folders of such names, too: the runtime's is where this file is from, or
// a function of the stack that is certainly the runtime's. (A program need not be built from the
// same sources as the recorder that names its frames.)
class RuntimeHeaders {
 public:
  explicit RuntimeHeaders(const std::vector<Frame>& frames) {
    add(__FILE__);
    for (const Frame& frame : frames) {
      const bool named = without_result(frame.function).starts_with("taskscope::");
      if (named && called_closure(frame.function).empty()) add(frame.file);
    }
  }
  bool contain(const std::string& file) const {
    if (!file.ends_with(".h") && !file.ends_with("/runtime/sched/dump.cpp")) return false;
    const std::string root = runtime_root(file);
    return !root.empty() && std::find(roots_.begin(), roots_.end(), root) != roots_.end();
  }

 private:
  void add(const std::string& file) {
    std::string root = runtime_root(file);
    const bool is_new = std::find(roots_.begin(), roots_.end(), root) == roots_.end();
    if (!root.empty() && is_new) roots_.push_back(std::move(root));
  }

  std::vector<std::string> roots_;
};

// What lies between a function object of the standard library and the program's function in it.
bool is_plumbing(std::string_view file) {
  return file.ends_with("/bits/std_function.h") || file.ends_with("/bits/invoke.h");
}

}  // namespace

void CapturedStack::add(std::uintptr_t address) {
  if (count < kFirstMax) {
    first[count] = address;
  } else {
    last[count % kLastMax] = address;
  }
  ++count;
}

std::size_t CapturedStack::last_count() const { return std::min(count - first_count(), kLastMax); }

std::uintptr_t CapturedStack::last_at(std::size_t i) const {
  return last[(count - last_count() + i) % kLastMax];
}

CapturedStack capture_stack() {
  CapturedStack stack;
  _Unwind_Backtrace(add_frame, &stack);
  return stack;
}

CapturedStack capture_interrupted_stack(void* context) {
  auto& interrupted = *static_cast<ucontext_t*>(context);
  const std::uintptr_t instruction = instruction_of(interrupted);
  CapturedStack stack = walk_from(instruction);
  if (stack.count > 1) return stack;
  // There is no code, so nobody knows its frame. The unwinder reads the registers from `context`.
  const mcontext_t registers = interrupted.uc_mcontext;
  undo_call(interrupted);
  const CapturedStack callers = walk_from(instruction_of(interrupted));
  interrupted.uc_mcontext = registers;
  if (callers.count < 2) return stack;
  return callers;
}

std::size_t format_addresses(const CapturedStack& stack, char* text, std::size_t size) {
  std::size_t length = 0;
  const auto add_length = [&](int written) {
    if (written > 0) length = std::min(length + static_cast<std::size_t>(written), size - 1);
  };
  const auto append = [&](std::uintptr_t address) {
    add_length(std::snprintf(text + length, size - length, "0x%zx ", address));
  };
  for (std::size_t i = 0; i < stack.first_count(); ++i) append(stack.first[i]);
  if (stack.left_out() > 0) {
    add_length(
        std::snprintf(text + length, size - length, "… %zu frames more … ", stack.left_out()));
  }
  for (std::size_t i = 0; i < stack.last_count(); ++i) append(stack.last_at(i));
  return length;
}

std::vector<bool> mark_runtime(std::vector<Frame>& frames) {
  const RuntimeHeaders runtime_headers(frames);
  std::vector<bool> hidden(frames.size(), true);
  Frame* last_shown = nullptr;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Frame& frame = frames[i];
    const std::string closure = called_closure(frame.function);
    if (!closure.empty() && !frame.file.empty()) {
      // A task's closure is often inlined into the function that calls it. With full debug
      // information it has a frame before this one, else the source line shows whose code it is.
      if (runtime_headers.contain(frame.file)) {
        if (last_shown != nullptr && last_shown->function == "operator()") {
          last_shown->function = closure;
        }
        continue;
      }
      frame.function = closure;
    } else if (runtime_headers.contain(frame.file) || is_plumbing(frame.file) ||
               (is_runtime(frame.function) && !is_unnamed(frame.function))) {
      continue;
    }
    hidden[i] = false;
    last_shown = &frame;
  }
  return hidden;
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
  const std::vector<bool> hidden = mark_runtime(frames);
  std::vector<Frame> kept;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (!hidden[i]) kept.push_back(std::move(frames[i]));
  }
  return kept;
}

ReadableStack readable_stack(const CapturedStack& stack) {
  return readable_stack(stack, Symbolizer());
}

ReadableStack readable_stack(const CapturedStack& stack, const Symbolizer& symbolizer) {
  std::vector<Frame> first;
  std::vector<Frame> last;
  const auto name = [&](std::uintptr_t address, std::vector<Frame>& frames) {
    for (const Frame& frame : symbolizer.lookup(address)) frames.push_back(frame);
  };
  for (std::size_t i = 0; i < stack.first_count(); ++i) name(stack.first[i], first);
  const bool whole = stack.left_out() == 0;
  for (std::size_t i = 0; i < stack.last_count(); ++i) {
    name(stack.last_at(i), whole ? first : last);
  }
  ReadableStack readable{
      .first = hide_runtime(first), .left_out = stack.left_out(), .cut = stack.cut, .last = {}};
  if (readable.first.empty()) readable.first = std::move(first);
  if (!whole) readable.last = hide_runtime(std::move(last));
  shorten(readable);
  return readable;
}

}  // namespace taskscope::debug
