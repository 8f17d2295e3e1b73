"""The runtime's workloads beside Go's: `./dev bench scheduler` and `./dev bench channels`."""

import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import time
import typing

from measure import median, median_ratio, result

HERE = pathlib.Path(__file__).resolve().parent
GO_MINOR_MIN = 23
GO_PLACES = ("go", "/usr/lib/go-1.24/bin/go", "/usr/lib/go-1.23/bin/go", "/usr/local/go/bin/go")
WORKERS = (1, 2)
REPETITION_S = 0.2  # of cases whose cost does not depend on their size
STUCK_S = 300  # a case that takes longer hangs
# A repetition counts as disturbed when others used more than this share of the machine.
FOREIGN_MAX = 0.1
TOUCHED_PAGE_BYTES = 4096
PARKED_EXTRA_BYTES = 600

SCHEDULER = ("yield", "yield1000", "spawn_join", "spawn_join_10k", "spawn_seq", "fib27", "skynet1M",
             "daisy", "parked", "timer_sleep", "timer_churn", "timer_reset", "timers_1M",
             "timer_idle", "timer_hog", "syscall", "echo64")
CHANNELS = ("chan_solo", "chan_pingpong", "chan_unbuf", "chan_buf128", "chan_mpmc", "pipeline",
            "sieve", "select2", "select8", "select_default", "mutex_solo", "mutex_8",
            "rwmutex_solo", "rwmutex_read8", "rwmutex_mix8", "ctx_cancel", "ctx_timeout")
# A million tasks or timers take seconds to come and go: every third round has them.
HEAVY = ("parked", "timers_1M")
PING_PONG = "chan_pingpong"
PING_PONG_GOAL = 0.5
MEAN_GOAL = 0.5
ECHO_GOAL = 1.25
BLOCKING_GOAL = 1.2
LIMITS = {"bytes_per_task": TOUCHED_PAGE_BYTES + PARKED_EXTRA_BYTES}


class Figure(typing.NamedTuple):
    """One of the numbers that a repetition reports."""
    key: str
    unit: str
    label: str = ""  # what its row says after the case
    judged: bool = True  # false: extremes, of which a few repetitions say little


NS_PER_OPERATION = Figure("ns_op", "ns")
LATENESS = (Figure("late_p50_us", "µs", "late: median"),
            Figure("late_p99_us", "µs", "late: 99 %", judged=False),
            Figure("late_max_us", "µs", "late: at most", judged=False))
# What a person waits for or pays in these cases; ns per operation in all others. The first figure
# is the case's, also traced; the others have a row each.
FIGURES = {
    "timer_sleep": (Figure("cpu_ns", "ns", "processor time"),
                    *(figure._replace(judged=False) for figure in LATENESS)),
    "timer_idle": LATENESS,
    "timer_hog": LATENESS,
    "timers_1M": (NS_PER_OPERATION, Figure("make_ns", "ns", "make"),
                  Figure("stop_ns", "ns", "stop"), Figure("fire_ns", "ns", "reset and fire"),
                  Figure("bytes_per_timer", "bytes", "memory of one")),
    "parked": (NS_PER_OPERATION, Figure("wake_ns", "ns", "wake and end"),
               Figure("bytes_per_task", "bytes", "memory of one")),
    "echo64": (NS_PER_OPERATION,
               Figure("latency_p99_us", "µs", "latency: 99 %", judged=False)),
}

# Rows of ours against the least that it can cost.
CALL_FLOOR = "ts::blocking over the raw call"
ECHO_FLOOR = "echo64 over bare epoll"

# Why Go is ahead or a goal is missed where it is, by parts of the row's name; that with the most
# parts is printed beneath the row. What has no reason here prints NOT_EXPLAINED.
NOT_EXPLAINED = "not explained yet"
EXTREME = "the worst few of some hundreds of sleeps: what else the machine did at that moment"
TIE = "a tie: two atomic operations on either side, and the processor waits for nothing else"
KERNEL = (
    "what the runtime adds is a fifth to a third, of which the kernel's part depends on the "
    "machine: the faster a system call, the more what is around it counts")
REASONS = {
    "parked, memory of one":
        "every task touches a page of 4 KiB, the top of its stack; Go's stacks begin with 2 KiB",
    "timers_1M, stop":
        "Go marks a stopped timer and takes many out of its heap together, later; here one is "
        "taken out at once: its memory is free, and nobody waits while many are taken out",
    "timer_idle, late: at most": EXTREME,
    "timer_idle, late: 99 %": EXTREME,
    "timer_hog, late: at most": EXTREME,
    "timer_sleep, late: at most": EXTREME,
    "timer_sleep, late: 99 %": EXTREME,
    "mutex_solo": TIE,
    "rwmutex_solo": TIE,
    "rwmutex_read8, 1 worker": TIE,
    "rwmutex_mix8, 1 worker": TIE,
    "rwmutex_mix8, 2 workers":
        "a tie: tasks that wake each other at a lock are left to one worker, here as in Go, which "
        "wakes them later (DECISIONS.md, 29)",
    CALL_FLOOR: KERNEL,
    ECHO_FLOOR: KERNEL,
}


def find_go():
    """The path of a Go toolchain that is new enough, or None."""
    for place in GO_PLACES:
        path = shutil.which(place)
        if path is None:
            continue
        run = subprocess.run([path, "env", "GOVERSION"], capture_output=True, text=True,
                             check=False)
        version = run.stdout.strip().removeprefix("go").split(".")
        if len(version) >= 2 and version[0] == "1" and int(version[1]) >= GO_MINOR_MIN:
            return path
    return None


def build_go(bench):
    """Go's workloads, built; returns (program, name of the peer), or (None, "Go")."""
    go = find_go()
    if go is None:
        return None, "Go"
    program = bench.inputs / "go_workloads"
    bench.run(go, "build", "-o", program, ".", cwd=HERE / "workloads" / "go",
              env={"GOTOOLCHAIN": "local", "GOFLAGS": "-buildvcs=false -mod=mod"})
    version = bench.run(go, "env", "GOVERSION").stdout.strip().removeprefix("go")
    return program, f"Go {version}"


class Programs:
    """Our program and Go's, which measure one repetition of a case under one condition."""

    def __init__(self, bench):
        self.bench = bench
        self.ours = bench.build / "tests" / "bench" / "runtime_bench"
        self.go, self.peer = build_go(bench)
        listed = [json.loads(line) for line in bench.run(self.ours).stdout.splitlines()]
        # Both programs get the sizes of ours.
        self.sizes = {each["case"]: (each["warm"], each["size"]) for each in listed}

    def conditions(self):
        return ["ours", "ours traced"] + (["go", "go traced"] if self.go else [])

    def measure(self, condition, case, workers):
        program, *traced = condition.split()
        warm, size = self.sizes[case]
        options = {"case": case, "workers": workers, "warm": warm,
                   **({"size": size} if size else {"seconds": REPETITION_S})}
        dashes = "--" if program == "ours" else "-"
        run = self.bench.run(self.ours if program == "ours" else self.go,
                             *(word for name, value in options.items()
                               for word in (dashes + name, value)),
                             *(dashes + word for word in traced), timeout=STUCK_S)
        return json.loads(run.stdout.splitlines()[-1])


def is_disturbed(line):
    return line["foreign_s"] + line["stolen_s"] > FOREIGN_MAX * line["wall_s"] * os.cpu_count()


def measure_case(programs, case, workers):
    """(lines by condition, how many rounds were disturbed). In a round each condition has its turn;
    rounds in which others used the machine are left out where at least three others remain."""
    rounds = programs.bench.repetitions
    if case in HEAVY:
        rounds = (rounds + 2) // 3
    lines = {condition: [] for condition in programs.conditions()}
    for _ in range(rounds):
        for condition, kept in lines.items():
            kept.append(programs.measure(condition, case, workers))
    calm = [i for i in range(rounds) if not any(is_disturbed(each[i]) for each in lines.values())]
    kept = calm if len(calm) >= 3 else range(rounds)
    return {name: [each[i] for i in kept] for name, each in lines.items()}, rounds - len(calm)


def plural(count, noun):
    return f"{count} {noun}{'s' if count != 1 else ''}"


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def compare(bench, name, cases, goals):
    programs = Programs(bench)
    results = []
    ratios = {}
    for number, case in enumerate(cases, 1):
        print(f"bench: {name} {number}/{len(cases)} {case} … ", end="", file=sys.stderr, flush=True)
        begin = time.monotonic()
        disturbed = 0
        for workers in WORKERS:
            lines, count = measure_case(programs, case, workers)
            disturbed += count
            results += case_rows(case, workers, lines, programs.peer, goals.get(case, 1), ratios)
        note = f", others disturbed {plural(disturbed, 'round')}" if disturbed else ""
        print(f"{time.monotonic() - begin:.1f} s{note}", file=sys.stderr, flush=True)
    return results + mean_rows(ratios)


def case_rows(case, workers, lines, peer, goal, ratios):
    """Rows of one case; adds to `ratios`, by name, what the means are made of."""
    name = f"{case}, {plural(workers, 'worker')}"
    first, *further = FIGURES.get(case, (NS_PER_OPERATION,))

    def values(condition, figure):
        return [line[figure.key] for line in lines.get(condition, [])]

    def row(words, figure, condition="ours", other="go", goal=1):
        title = ", ".join(word for word in (name, words, figure.label) if word)
        other_name = other.replace("go", peer)
        return row_of(title, figure.unit, values(condition, figure), values(other, figure),
                      other_name, goal, LIMITS.get(figure.key))

    rows = [row("", first, goal=goal), row("traced", first, "ours traced", "go traced")]
    if case == PING_PONG:
        rows.append(row("traced over Go untraced", first, "ours traced"))
    for figure in further:
        rows.append(row("", figure, goal=1 if figure.judged else None))
    if "go" in lines and first.unit == "ns":  # lateness is nobody's speed
        for mean, ours, other in (("untraced", "ours", "go"),
                                  ("traced", "ours traced", "go traced"),
                                  ("traced over Go untraced", "ours traced", "go")):
            ratio = median_ratio(values(ours, first), values(other, first))
            ratios.setdefault(mean, []).append(ratio)
    return rows


def row_of(name, unit, ours, theirs, peer, goal, limit=None):
    """Ours beside theirs, which may be missing; `goal` is of the ratio, `limit` of ours alone."""
    value = median(ours)
    ratio = median_ratio(ours, theirs) if theirs else None
    said, met = None, None
    if limit is not None:
        said, met = f"<= {limit} {unit}", value <= limit
    elif goal is not None and ratio is not None:
        said, met = f"ratio <= {goal:g}", ratio <= goal
    behind = met is False or (ratio is not None and ratio > 1)
    return result(name, value, unit, peers={peer: median(theirs) if theirs else None}, ratio=ratio,
                  goal=said, met=met, why=reason(name) if behind else None)


def reason(name):
    """Why the row of this name is one that Go leads or that misses its goal."""
    parts = set(name.split(", "))
    fitting = [known for known in REASONS if parts.issuperset(known.split(", "))]
    return REASONS[max(fitting, key=lambda known: known.count(", "))] if fitting else NOT_EXPLAINED


def mean_rows(ratios):
    rows = []
    for name, goal in (("untraced", MEAN_GOAL), ("traced", None), ("traced over Go untraced", 1)):
        if name in ratios:
            mean = geometric_mean(ratios[name])
            rows.append(result(f"geometric mean, {name}", mean, "× Go", ratio=mean,
                               goal=None if goal is None else f"ratio <= {goal:g}",
                               met=None if goal is None else mean <= goal))
    return rows


def scheduler(bench):
    """Starting, switching, joining, sleeping, calls and the network, with Go beside."""
    programs = bench.build / "tests" / "bench"
    floors = []
    for workers in WORKERS:
        ours = (programs / "runtime_bench", "--workers", workers, "--case")
        floors += [
            floor_row(bench, f"{CALL_FLOOR}, {plural(workers, 'worker')}",
                      (*ours, "syscall"), "raw", (*ours, "rawsyscall"), BLOCKING_GOAL),
            floor_row(bench, f"{ECHO_FLOOR}, {plural(workers, 'worker')}",
                      (*ours, "echo64"), "epoll", (programs / "epoll_echo", workers), ECHO_GOAL)]
    return compare(bench, "scheduler", SCHEDULER, {}) + floors


def channels(bench):
    """Channels, select, locks and contexts, with Go beside."""
    return compare(bench, "channels", CHANNELS, {PING_PONG: PING_PONG_GOAL})


def floor_row(bench, name, command, floor_name, floor_command, goal):
    """One of our workloads against the least that it can cost, both per operation."""
    def ns(command):
        return json.loads(bench.run(*command, timeout=STUCK_S).stdout.splitlines()[-1])["ns_op"]

    print(f"bench: {name}", file=sys.stderr, flush=True)
    floor, ours = bench.interleaved(lambda: ns(floor_command), lambda: ns(command))
    ratio = median_ratio(ours, floor)
    met = ratio <= goal
    return result(name, median(ours), "ns", peers={floor_name: median(floor)}, ratio=ratio,
                  goal=f"ratio <= {goal:g}", met=met, why=None if met else reason(name))
