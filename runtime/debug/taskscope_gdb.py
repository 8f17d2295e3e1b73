"""Tasks in gdb, of a process that runs and of a core file.

  info tasks                    every task: what it does, where it waits, where it was spawned
  task 7                        shows the stack of task 7 from now on, until `task none` or until
                                the program goes on
  task 7 COMMAND                COMMAND on the stack of task 7: `task 7 bt`, `task 7 info locals`
  task all COMMAND              the same for every task
  print-chan EXPRESSION         a channel, its values and who waits for it
  print MUTEX                   locks and wait groups, too, show who has them and who waits

The script lies in every program that is linked with Taskscope; gdb loads it if the program is in a
folder that it trusts (`add-auto-load-safe-path`), else `source` this file.

A core file must be the kernel's: gdb's own generate-core-file stops at the first guard page of a
stack and leaves the stacks out.

Nothing in the program is changed: a task's stack is shown by an unwinder that says that the frame
of the current thread was called from where the task was left.
"""

import re
import struct
import time

import gdb
import gdb.printing
import gdb.unwinder

NO_STACK = 0xFFFFFFFF
STACK_MASK = 0x3FFFFFFF  # without the monitor's claims
POINTER_REGISTER = {"i386:x86-64": ("rsp", "rip"), "aarch64": ("sp", "pc")}
BYTES_MAX = 1 << 24  # read at once


def memory(address, size):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return struct.unpack("<Q", memory(address, 8))[0]


def text(address, size_max=256):
    """The C string at `address`; empty for null."""
    out = b""
    while address and len(out) < size_max and b"\0" not in out:
        # Not over the end of a page, behind which may be nothing.
        size = min(64, 4096 - address % 4096)
        try:
            out += memory(address, size)
        except gdb.MemoryError:
            break
        address += size
    return out.split(b"\0")[0].decode(errors="replace")


def place(file, line):
    return f"{text(file).rsplit('/', 1)[-1]}:{line}" if file else "an unknown place"


class View:
    """The table that the runtime keeps for debuggers (runtime/sched/debugger_view.cpp)."""

    def __init__(self):
        try:
            at = int(gdb.parse_and_eval("(unsigned long)&taskscope_debugger_view"))
        except gdb.error as error:
            raise gdb.GdbError("this program is not linked with Taskscope") from error
        self.values = {}
        while True:
            name, value = struct.unpack("<QQ", memory(at, 16))
            if name == 0:
                break
            self.values[text(name)] = value
            at += 16
        self.states = self.named("state:")
        self.reasons = self.named("reason:")

    def __getitem__(self, name):
        return self.values[name]

    def named(self, prefix):
        return {value: name[len(prefix):] for name, value in self.values.items()
                if name.startswith(prefix)}

    def tasks(self):
        """Every task that has not ended."""
        if self["tasks"] == 0:
            return
        count = word(self["task_count"])
        size = self["task_bytes"]
        portion = max(1, BYTES_MAX // size)
        for first in range(0, count, portion):
            number = min(portion, count - first)
            block = memory(self["tasks"] + first * size, number * size)
            for i in range(number):
                raw = block[i * size:(i + 1) * size]
                if raw[self["task.state"]] in self.states:
                    yield Task(self, raw)

    def task(self, number):
        for task in self.tasks():
            if task.number == number:
                return task
        raise gdb.GdbError(f"there is no task {number}")

    def task_at(self, address):
        return Task(self, memory(address, self["task_bytes"]))


class Task:
    def __init__(self, view, raw):
        self.view = view
        self.raw = raw
        self.number = self.read("task.id")
        self.name = text(self.read("task.name"))
        self.state = view.states.get(raw[view["task.state"]], "ended")
        self.sp = self.read("task.left_at")
        stack = self.read("task.stack", "<I")
        self.low = self.high = 0
        if stack != NO_STACK:
            self.low = view["stacks"] + (stack & STACK_MASK) * view["stack_bytes"]
            self.high = self.low + view["stack_bytes"]

    def read(self, name, form="<Q"):
        return struct.unpack_from(form, self.raw, self.view[name])[0]

    def __str__(self):
        return f'task {self.number} "{self.name}"' if self.name else f"task {self.number}"

    def doing(self):
        if self.state != "blocked":
            return self.state
        out = self.view.reasons.get(self.raw[self.view["task.wait.reason"]], "blocked")
        wanted = self.read("task.wait.object")
        name = text(word(wanted + self.view["object.name"])) if wanted else ""
        if name:
            out += f' "{name}"'
        seconds = seconds_since(self.read("task.wait.since"))
        return out + (f", {seconds} s" if seconds else "")

    def waits_at(self):
        if self.state != "blocked":
            return ""
        return place(self.read("task.wait.file"), self.read("task.wait.line", "<I"))

    def spawned_at(self):
        path = self.read("task.spawn_path")
        if path == 0:
            return ""
        line = struct.unpack("<I", memory(path + self.view["spawn_path.line"], 4))[0]
        return place(word(path + self.view["spawn_path.file"]), line)


def seconds_since(monotonic_ns):
    """Of a process on this machine that lives; else 0."""
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is None or connection.type != "native":
        return 0
    return max(0, int(time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic_ns / 1e9))


def registers():
    architecture = gdb.selected_inferior().architecture().name()
    if architecture not in POINTER_REGISTER:
        raise gdb.GdbError(f"tasks have no stacks that are known on {architecture}")
    return POINTER_REGISTER[architecture]


def stack_pointer(thread):
    thread.switch()
    return int(gdb.newest_frame().read_register(registers()[0])) & 0xFFFFFFFFFFFFFFFF


def stack_pointers():
    """(stack pointer, thread) of every thread."""
    before = gdb.selected_thread()
    frame = gdb.selected_frame() if before else None
    found = [(stack_pointer(thread), thread) for thread in gdb.selected_inferior().threads()]
    if before:
        before.switch()
        frame.select()
    return found


def thread_of(task, pointers):
    for pointer, thread in pointers:
        if task.low <= pointer < task.high:
            return thread
    return None


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class TaskUnwinder(gdb.unwinder.Unwinder):
    """Says that the innermost frame was called by the task that is to be shown."""

    def __init__(self):
        super().__init__("taskscope")
        self.task = None

    def show(self, task):
        self.task = task
        gdb.invalidate_cached_frames()

    def __call__(self, pending):
        if self.task is None:
            return None
        sp_name, pc_name = registers()
        sp = pending.read_register(sp_name)
        pc = pending.read_register(pc_name)
        if self.task.low <= int(sp) & 0xFFFFFFFFFFFFFFFF < self.task.high:
            return None  # already there: the unwind information knows the rest
        # A caller's frame lies above.
        info = pending.create_unwind_info(FrameId(gdb.Value(self.task.sp - 64).cast(sp.type), pc))
        info.add_saved_register(sp_name, gdb.Value(self.task.sp).cast(sp.type))
        info.add_saved_register(pc_name, gdb.Value(self.task.view["switched"]).cast(pc.type))
        return info


UNWINDER = TaskUnwinder()


def without_first_frame(output):
    """Frame 0 is the current thread's own."""
    lines = []
    skipping = False
    for line in output.splitlines():
        number = re.match(r"#(\d+)( *)", line)
        if number:
            skipping = number.group(1) == "0"
            line = f"#{int(number.group(1)) - 1:<2} " + line[number.end():]
        if not skipping:
            lines.append(line)
    return "\n".join(lines) + "\n" if lines else ""


def run_on(task, command, pointers):
    """What `command` prints on the stack of the task."""
    if task.low == 0:
        return f"{task} has not run yet\n"
    before = gdb.selected_thread()
    thread = thread_of(task, pointers)
    try:
        if thread is not None:
            thread.switch()
            return gdb.execute(command, to_string=True)
        UNWINDER.show(task)
        gdb.newest_frame().older().select()
        output = gdb.execute(command, to_string=True)
        is_list = re.match(r"(bt|backtrace|where)\b", command)
        return without_first_frame(output) if is_list else output
    finally:
        UNWINDER.show(None)
        before.switch()


class InfoTasks(gdb.Command):
    """All tasks: what each does, where it waits and where it was spawned."""

    def __init__(self):
        super().__init__("info tasks", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        view = View()
        pointers = stack_pointers()
        count = 0
        for task in view.tasks():
            thread = thread_of(task, pointers)
            where = f"on thread {thread.num}" if thread else task.waits_at()
            mark = "*" if thread and thread == gdb.selected_thread() else " "
            spawned = "started at" if task.number == 1 else "spawned at"
            print(f"{mark} {task}  [{task.doing()}]  {where}  {spawned} {task.spawned_at()}")
            count += 1
        print("no ts::run is active" if view["tasks"] == 0 else f"{count} tasks")


class TaskCommand(gdb.Command):
    """task N [COMMAND], task all COMMAND, task none: the stack of a task."""

    def __init__(self):
        super().__init__("task", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        which, _, command = argument.strip().partition(" ")
        if which == "none":
            UNWINDER.show(None)
        elif which == "all" and command:
            view = View()
            pointers = stack_pointers()
            for task in view.tasks():
                print(f"\n{task} [{task.doing()}]:")
                print(run_on(task, command, pointers), end="")
        elif which.isdigit() and command:
            print(run_on(View().task(int(which)), command, stack_pointers()), end="")
        elif which.isdigit():
            self.stay_on(View().task(int(which)))
        else:
            raise gdb.GdbError("task N [COMMAND], task all COMMAND, or task none")

    @staticmethod
    def stay_on(task):
        UNWINDER.show(None)
        thread = thread_of(task, stack_pointers())
        if thread is not None:
            thread.switch()
            print(f"{task} runs on thread {thread.num}")
        elif task.low == 0:
            raise gdb.GdbError(f"{task} has not run yet")
        else:
            UNWINDER.show(task)
            gdb.newest_frame().older().select()
            print(f"the stack of {task} begins with frame 1, until `task none`")


# ---- What tasks wait for ------------------------------------------------------------------------


def waiters(queue):
    """The tasks in a WaitQueue, longest first."""
    view = View()
    run = struct.unpack("<I", memory(view["current_run"], 4))[0]
    if int(queue["run_"]) != run:
        return []
    found = []
    waiter = queue["first_"]
    while int(waiter) != 0:
        found.append(view.task_at(int(waiter["task"])))
        waiter = waiter["next"]
    return found


def list_of(tasks):
    return ", ".join(str(task) for task in tasks)


def atomic(value):
    """What a std::atomic holds."""
    fields = {field.name for field in value.type.strip_typedefs().fields()}
    if "_M_base" in fields:
        return atomic(value["_M_base"])
    for name in ("_M_i", "_M_p"):
        if name in fields:
            return value[name]
    for field in value.type.strip_typedefs().fields():
        if field.is_base_class:
            return atomic(value[field])
    raise gdb.GdbError(f"{value.type} is no atomic of this library")


def title(kind, traced):
    name = traced["name_"]
    site = traced["made_at_"]
    label = f' "{text(int(name))}"' if int(name) else ""
    return f"{kind}{label} made at {place(int(site['file']), int(site['line']))}"


def describe_chan(core, element):
    """A ChanCore; `element` is the type of its values, or None."""
    if int(core.address or 0) == 0:
        return "nil channel"
    count = int(core["count_"])
    capacity = int(core["capacity_"])
    parts = [title("channel", core["traced_"]), f"{count} of {capacity}"]
    if atomic(core["closed_"]):
        parts.append("closed")
    if element is not None and count:
        first = core["buffer_"].cast(element.pointer())
        at = int(core["recv_at_"])
        shown = [str((first + (at + i) % capacity).dereference()) for i in range(min(count, 10))]
        parts.append("values: " + ", ".join(shown) + (", …" if count > 10 else ""))
    for queue, what in (("receivers_", "receivers wait"), ("senders_", "senders wait")):
        waiting = waiters(core[queue])
        if waiting:
            parts.append(f"{what}: {list_of(waiting)}")
    return "; ".join(parts)


def core_of(value):
    """(ChanCore or None, element type) of a Chan, one of its ends, or a ChanCore."""
    if value.type.strip_typedefs().code in (gdb.TYPE_CODE_PTR, gdb.TYPE_CODE_REF):
        value = value.referenced_value()
    kind = value.type.strip_typedefs().unqualified()
    if kind.name.endswith("channel::ChanCore"):
        return value, None
    element = kind.template_argument(0)
    reference = next((value[field] for field in kind.fields()
                      if (field.type.strip_typedefs().name or "").startswith(
                          "taskscope::channel::EndRef<")), None)
    if reference is None:
        raise gdb.GdbError(f"{kind} is no channel")
    word = int(reference["word_"])
    if word == 0:
        return None, element
    core = gdb.lookup_type("taskscope::channel::ChanCore")
    # The highest bits mark a handle, the lowest say which end it is.
    return gdb.Value(word & (1 << 56) - 8).cast(core.pointer()).dereference(), element


class PrintChan(gdb.Command):
    """print-chan EXPRESSION: a channel, its values and who waits for it."""

    def __init__(self):
        super().__init__("print-chan", gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, _from_tty):
        core, element = core_of(gdb.parse_and_eval(argument))
        print("nil channel" if core is None else describe_chan(core, element))


class ChanPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        core, element = core_of(self.value)
        return "nil channel" if core is None else describe_chan(core, element)


class LockPrinter:
    LOCKED = 1
    READER = 1 << 6

    def __init__(self, value):
        self.value = value

    def to_string(self):
        kind = "RWMutex" if "RWMutex" in str(self.value.type) else "Mutex"
        traced = self.value["traced_"]
        state = int(atomic(traced["state"]))
        parts = [title(kind, traced), self.holder(traced, state)]
        for queue, what in (("writers_", "waiting"), ("readers_", "readers waiting")):
            waiting = waiters(self.value[queue])
            if waiting:
                parts.append(f"{what}: {list_of(waiting)}")
        return "; ".join(parts)

    def holder(self, traced, state):
        if state & self.LOCKED == 0:
            readers = state // self.READER
            return f"{readers} readers have it" if readers else "free"
        number = int(atomic(traced["holder"])) & (1 << 63) - 1
        if number == 0:
            return "a thread that is no task's has it"
        try:
            return f"{View().task(number)} has it"
        except gdb.GdbError:
            return f"task {number} had it when it ended"


class WaitGroupPrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        count = int(atomic(self.value["state_"])) >> 32
        parts = [title("WaitGroup", self.value["traced_"]), f"count {count}"]
        waiting = waiters(self.value["waiters_"])
        if waiting:
            parts.append(f"waiting: {list_of(waiting)}")
        return "; ".join(parts)


class SemaphorePrinter:
    def __init__(self, value):
        self.value = value

    def to_string(self):
        taken = int(self.value["taken_"])
        parts = [title("Semaphore", self.value["traced_"]),
                 f"{taken} of {int(self.value['permits_'])} taken"]
        waiting = waiters(self.value["requests_"])
        if waiting:
            parts.append(f"waiting: {list_of(waiting)}")
        return "; ".join(parts)


def install():
    printers = gdb.printing.RegexpCollectionPrettyPrinter("taskscope")
    printers.add_printer("channel", r"^taskscope::(Chan|Sender|Receiver)<.*>$", ChanPrinter)
    printers.add_printer("lock", r"^taskscope::(Mutex|RWMutex)$", LockPrinter)
    printers.add_printer("wait group", r"^taskscope::WaitGroup$", WaitGroupPrinter)
    printers.add_printer("semaphore", r"^taskscope::Semaphore$", SemaphorePrinter)
    gdb.printing.register_pretty_printer(None, printers, replace=True)
    gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)
    gdb.events.cont.connect(lambda _event: UNWINDER.show(None))
    InfoTasks()
    TaskCommand()
    PrintChan()


install()
