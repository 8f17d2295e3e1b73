"""`./dev bench memory`: collected memory beside malloc's, Boehm's collector and Go's."""

import pathlib
import shutil

import workloads
from measure import median, median_ratio, result

HERE = pathlib.Path(__file__).parent
LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
PRELOADED = {  # name: the file that Debian's package brings
    "mimalloc": "libmimalloc.so.2.0",
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}
DEPTH = 18
CASES = {  # case: name, goal in ns
    "heap": ("an object of 24 bytes on the heap, collections included", 6),
    "arena": ("the same in a scope", 1.5),
    "scope": ("a scope with nothing in it", 1.1),
    "store": ("a handle stored in an object", 1),
}
TREES = {"trees_heap": ("binary-trees, a node, on the heap", 20),
         "trees_scoped": ("binary-trees, a node, each tree in a scope", 4)}
MARK_GOAL_MB_S = 1000
PAUSE_GOAL_US = 500
WHY = {
    "arena": "where the task's arena is found takes four loads one after the other",
    "scope": "opening and closing are calls, and older frames are looked at",
    "trees_heap": "a third of it is marking, which one thread does while the others wait",
    "trees_scoped": "handles are looked at when they are stored; the tree takes 32 bytes a node",
    "pause": "all threads wait for the last of them to answer its signal, and to be let go on",
}


def peers_of_malloc(bench, program, argument):
    peers = {"malloc": lambda: float(bench.run(program, argument).stdout)}
    for name, file in PRELOADED.items():
        library = LIBRARIES / file
        if library.exists():
            peers[name] = lambda path=library: float(
                bench.run(program, argument, env={"LD_PRELOAD": str(path)}).stdout)
    return peers


def go_trees(bench):
    """A function that measures Go's, or None where there is no Go."""
    go = workloads.find_go() or shutil.which("go")  # an older one will do
    if go is None:
        return None
    program = bench.inputs / "go_trees"
    bench.run(go, "build", "-o", program, "trees.go", cwd=HERE / "memory" / "go",
              env={"GOTOOLCHAIN": "local", "GO111MODULE": "off"})
    return lambda: float(bench.run(program, DEPTH).stdout)


def measured(bench, ours, peers):
    values = bench.interleaved(ours, *[measure for measure in peers.values() if measure])
    rest = iter(values[1:])
    found = {name: next(rest) if measure else None for name, measure in peers.items()}
    medians = {name: median(times) if times else None for name, times in found.items()}
    first = next((times for times in found.values() if times), None)
    ratio = median_ratio(values[0], first) if first else None
    return median(values[0]), medians, ratio


def memory(bench):
    """What collected memory costs, beside other allocators and collectors."""
    folder = bench.build / "tests" / "bench"
    ours = folder / "memory_bench"
    malloc = folder / "trees_malloc"
    bdwgc = folder / "trees_bdwgc"

    def measure(case):
        return lambda: float(bench.run(ours, case, DEPTH).stdout)

    all_names = ["malloc", *PRELOADED]
    results = []

    def add(case, name, unit, goal, met, peers):
        value, medians, ratio = measured(bench, measure(case), peers)
        results.append(result(name, value, unit, peers=medians, ratio=ratio, goal=goal,
                              met=met(value), why=None if met(value) else WHY.get(case)))

    pairs = dict.fromkeys(all_names)
    pairs.update(peers_of_malloc(bench, malloc, "pairs"))
    for case, (name, limit) in CASES.items():
        add(case, name, "ns", f"<= {limit} ns", lambda ns, most=limit: ns <= most,
            pairs if case in ("heap", "arena") else {})
    trees = dict.fromkeys(["Go", "bdwgc", *all_names])
    trees["Go"] = go_trees(bench)
    if bdwgc.exists():
        trees["bdwgc"] = lambda: float(bench.run(bdwgc, DEPTH).stdout)
    trees.update(peers_of_malloc(bench, malloc, DEPTH))
    for case, (name, limit) in TREES.items():
        add(case, f"{name}, depth {DEPTH}", "ns", f"<= {limit} ns",
            lambda ns, most=limit: ns <= most, trees)
    add("mark", "marking a shuffled graph of 4 M nodes", "MB/s", f">= {MARK_GOAL_MB_S} MB/s",
        lambda rate: rate >= MARK_GOAL_MB_S, {})
    add("pause", "the longest pause, 2 M nodes and 100,000 parked tasks", "us",
        f"<= {PAUSE_GOAL_US} us", lambda us: us <= PAUSE_GOAL_US, {})
    return results
