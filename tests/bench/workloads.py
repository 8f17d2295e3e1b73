"""The runtime's workloads beside Go's: `./dev bench scheduler` and `./dev bench channels`."""

import json
import math
import os
import pathlib
import shutil
import subprocess

from measure import median, median_ratio, result

HERE = pathlib.Path(__file__).resolve().parent
GO_MINOR_MIN = 23
GO_PLACES = ("go", "/usr/lib/go-1.24/bin/go", "/usr/lib/go-1.23/bin/go", "/usr/local/go/bin/go")
WORKERS = (1, 2)
# A repetition counts as disturbed when others used more than this share of the machine.
FOREIGN_MAX = 0.1
TOUCHED_PAGE_BYTES = 4096
PARKED_EXTRA_BYTES = 600

SCHEDULER = ("yield", "yield1000", "spawn_join", "spawn_join_10k", "spawn_seq", "fib27", "skynet1M",
             "daisy", "parked", "timer_sleep", "timer_churn", "timer_reset", "timer_idle",
             "timer_hog", "syscall", "echo64")
CHANNELS = ("chan_solo", "chan_pingpong", "chan_unbuf", "chan_buf128", "chan_mpmc", "pipeline",
            "sieve", "select2", "select8", "select_default", "mutex_solo", "mutex_8",
            "rwmutex_solo", "rwmutex_read8", "rwmutex_mix8", "ctx_cancel", "ctx_timeout")
# What a person waits for or pays in these cases; ns per operation in all others.
FIGURES = {"timer_sleep": ("cpu_ns", "ns"), "timer_idle": ("late_p50_us", "us"),
           "timer_hog": ("late_p50_us", "us")}
PING_PONG_GOAL = 0.5
MEAN_GOAL = 0.5
ECHO_GOAL = 1.25


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


class Runner:
    """One program under one condition: a call measures one repetition after a warm one."""

    def __init__(self, bench, command, figure):
        self.bench, self.command, self.figure = bench, command, figure
        self.lines = []

    def __call__(self):
        line = json.loads(self.bench.run(*self.command).stdout.splitlines()[-1])
        self.lines.append(line)
        return line[self.figure]


def is_disturbed(line):
    return line["foreign_s"] + line["stolen_s"] > FOREIGN_MAX * line["wall_s"] * os.cpu_count()


def measure_case(bench, case, workers, go):
    """Values by condition, rounds taking turns; rounds in which others used the machine are left
    out where at least three others remain."""
    ours = [bench.build / "tests" / "bench" / "runtime_bench", "--case", case, "--workers", workers,
            "--repetitions", 1]
    theirs = [go, "-case", case, "-workers", workers, "-repetitions", 1]
    figure, unit = FIGURES.get(case, ("ns_op", "ns"))
    runners = {"ours": Runner(bench, ours, figure),
               "ours traced": Runner(bench, [*ours, "--traced"], figure)}
    if go is not None:
        runners["go"] = Runner(bench, theirs, figure)
        runners["go traced"] = Runner(bench, [*theirs, "-traced"], figure)
    rounds = max(3, bench.repetitions // 3)
    for _ in range(rounds):
        for runner in runners.values():
            runner()
    lines = {name: runner.lines for name, runner in runners.items()}
    calm = [i for i in range(rounds) if not any(is_disturbed(each[i]) for each in lines.values())]
    kept = calm if len(calm) >= 3 else range(rounds)
    return {name: [each[i] for i in kept] for name, each in lines.items()}, figure, unit


def plural(workers):
    return f"{workers} worker{'s' if workers > 1 else ''}"


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def compare(bench, cases, goals):
    go, peer = build_go(bench)
    available = bench.run(bench.build / "tests" / "bench" / "runtime_bench").stdout.split()
    results = []
    ratios = {"off": [], "traced over Go untraced": []}
    for case in (case for case in cases if case in available):
        for workers in WORKERS:
            lines, figure, unit = measure_case(bench, case, workers, go)
            values = {name: [line[figure] for line in each] for name, each in lines.items()}
            name = f"{case}, {plural(workers)}"
            results += rows_of(name, unit, values, peer, goals.get(case, 1), ratios)
            if case == "parked" and workers == 1:
                results += memory_rows(lines, peer)
    if go is not None:
        results += mean_rows(ratios)
    return results


def rows_of(name, unit, values, peer, goal, ratios):
    off, traced = median(values["ours"]), median(values["ours traced"])
    if "go" not in values:
        return [result(name, off, unit, peers={peer: None}),
                result(f"{name}, traced", traced, unit, peers={f"{peer} traced": None})]
    ratio = median_ratio(values["ours"], values["go"])
    traced_ratio = median_ratio(values["ours traced"], values["go traced"])
    if unit == "ns":  # lateness is nobody's speed
        ratios["off"].append(ratio)
        ratios["traced over Go untraced"].append(median_ratio(values["ours traced"], values["go"]))
    return [result(name, off, unit, peers={peer: median(values["go"])}, ratio=ratio,
                   goal=f"ratio <= {goal:g}", met=ratio <= goal),
            result(f"{name}, traced", traced, unit,
                   peers={f"{peer} traced": median(values["go traced"])}, ratio=traced_ratio,
                   goal="ratio <= 1", met=traced_ratio <= 1)]


def memory_rows(lines, peer):
    ours = median([line["bytes_per_task"] for line in lines["ours"]])
    theirs = median([line["bytes_per_task"] for line in lines["go"]]) if "go" in lines else None
    limit = TOUCHED_PAGE_BYTES + PARKED_EXTRA_BYTES
    return [result("memory of a parked task", ours, "bytes", peers={peer: theirs},
                   ratio=None if theirs is None else ours / theirs, goal=f"<= {limit} bytes",
                   met=ours <= limit)]


def mean_rows(ratios):
    rows = []
    for name, goal in (("off", MEAN_GOAL), ("traced over Go untraced", 1)):
        mean = geometric_mean(ratios[name])
        rows.append(result(f"geometric mean, {name}", mean, "× Go", ratio=mean,
                           goal=f"ratio <= {goal:g}", met=mean <= goal))
    return rows


def scheduler(bench):
    """Starting, switching, joining, sleeping and the network, with Go beside."""
    return compare(bench, SCHEDULER, {}) + echo_floor(bench)


def channels(bench):
    """Channels, select, locks and contexts, with Go beside."""
    return compare(bench, CHANNELS, {"chan_pingpong": PING_PONG_GOAL})


def echo_floor(bench):
    """The echo workload against bare epoll loops on as many threads."""
    programs = bench.build / "tests" / "bench"
    results = []
    for workers in WORKERS:
        def ns(*command):
            return json.loads(bench.run(*command).stdout.splitlines()[-1])["ns_op"]

        floor, ours = bench.interleaved(
            lambda: ns(programs / "epoll_echo", workers),
            lambda: ns(programs / "runtime_bench", "--case", "echo64", "--workers", workers,
                       "--repetitions", 1))
        ratio = median_ratio(ours, floor)
        results.append(result(f"echo64 over bare epoll, {plural(workers)}", median(ours), "ns",
                              peers={"epoll": median(floor)}, ratio=ratio,
                              goal=f"ratio <= {ECHO_GOAL:g}", met=ratio <= ECHO_GOAL))
    return results
