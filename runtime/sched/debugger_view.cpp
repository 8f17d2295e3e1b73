#include "runtime/sched/debugger_view.h"

#include <cstddef>
#include <cstdint>

#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"

// The script lies in the program itself, where gdb looks for it; it is not loaded with the program.
// The 4 says that it is text in Python and not the name of a file.
asm(R"(
    .pushsection ".debug_gdb_scripts", "MS", %progbits, 1
    .byte 4
    .ascii "gdb.inlined-script.taskscope\n"
    .incbin ")" TASKSCOPE_GDB_SCRIPT R"("
    .byte 0
    .popsection
)");

namespace taskscope::sched {
namespace {

struct Entry {
  const char* name;
  std::uint64_t value;
};

template <class T>
std::uint64_t address(const T* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

static_assert(sizeof(TaskStack) == sizeof(stack::StackId));

}  // namespace
}  // namespace taskscope::sched

// Read by their names; ends with a null.
extern "C" {
[[gnu::used, gnu::visibility("default")]] taskscope::sched::Entry taskscope_debugger_view[] = {
    {"tasks", 0},       // those that change come first, in the order of show_to_debuggers()
    {"task_count", 0},  // where the number of places in `tasks` stands
    {"stacks", 0},
    {"stack_bytes", 0},  // of each, its guard included
    {"switched", 0},
    {"current_run", 0},
    {"task_bytes", sizeof(taskscope::sched::Task)},
    {"task.id", offsetof(taskscope::sched::Task, id)},
    {"task.parent", offsetof(taskscope::sched::Task, parent)},
    {"task.name", offsetof(taskscope::sched::Task, name)},
    {"task.state", offsetof(taskscope::sched::Task, state)},
    {"task.stack", offsetof(taskscope::sched::Task, stack)},
    {"task.left_at",
     offsetof(taskscope::sched::Task, context) + taskscope::stack::Context::pointer_offset()},
    {"task.spawn_path", offsetof(taskscope::sched::Task, spawn_path)},
    {"task.wait.object", offsetof(taskscope::sched::Task, wait.object)},
    {"task.wait.file", offsetof(taskscope::sched::Task, wait.site_file)},
    {"task.wait.line", offsetof(taskscope::sched::Task, wait.site_line)},
    {"task.wait.reason", offsetof(taskscope::sched::Task, wait.reason)},
    {"task.wait.since", offsetof(taskscope::sched::Task, wait_since_ns)},
    {"spawn_path.file", offsetof(taskscope::sched::SpawnPath, site.file)},
    {"spawn_path.line", offsetof(taskscope::sched::SpawnPath, site.line)},
    {"object.name", taskscope::instrument::TracedObject::name_offset()},
    {"state:runnable", static_cast<std::uint64_t>(taskscope::sched::TaskState::Runnable)},
    {"state:running", static_cast<std::uint64_t>(taskscope::sched::TaskState::Running)},
    {"state:syscall", static_cast<std::uint64_t>(taskscope::sched::TaskState::InCall)},
    {"state:blocked", static_cast<std::uint64_t>(taskscope::sched::TaskState::Blocked)},
#define TASKSCOPE_BLOCK_REASON(number, name, text, reason_class) {"reason:" text, number},
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_BLOCK_REASON
    {nullptr, 0},
};
}

namespace taskscope::sched {

void show_to_debuggers(const Scheduler* scheduler) {
  Entry* entry = taskscope_debugger_view;
  const bool none = scheduler == nullptr;
  (entry++)->value = none ? 0 : address(scheduler->tasks().first());
  (entry++)->value = none ? 0 : address(scheduler->tasks().count_address());
  (entry++)->value = none ? 0 : address(scheduler->stacks().first());
  (entry++)->value = none ? 0 : scheduler->stacks().stack_bytes();
  (entry++)->value = stack::Context::resumes_at();
  (entry++)->value = address(&current_run_number);
}

}  // namespace taskscope::sched
