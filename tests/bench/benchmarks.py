"""The benchmarks by name. Each is a function of a Bench that returns a list of results."""

import json
import os
import random
import re
import sqlite3
import subprocess
import time

import memory_bench
import workloads
from measure import median, median_ratio, result

EVENT_GOAL_NS = 12
NAMED_GOAL_NS = 24  # with a name to look up: as two
RECORDING_GOAL = 1.05
OPEN_GOAL_S = 1.0
OPEN_EVENTS = 10_000_000
OPEN_RING_RECORDS = 1 << 24  # holds every event, so that none is lost on a busy machine
HUGE_EVENTS = 104_200_000  # of which a hundred million end a span
HUGE_TASKS = 100_000
CROWDED_EVENTS = 20_000_000
CROWDED_TASKS = 1_000_000
LIVE_S = 20
LIVE_EVENTS_PER_S = 1_000_000
LIVE_TASKS = 128
RECORDER_EVENTS = 10_000_000
LONG_EVENTS = 100_000_000
RECORDER_GOALS = {  # case: name, unit, divisor, comparison, goal
    "ingest_events_per_s": ("records to file on one core", "M events/s", 1e6, ">=", 20),
    "decode_events_per_s": ("chunks to columns, all of them", "M events/s", 1e6, ">=", 60),
    "decode_spans_per_s": ("chunks to columns, spans only", "M events/s", 1e6, ">=", 60),
    "bytes_per_event": ("size of the file", "bytes/event", 1, "<=", 3),
    "query_ms_per_10m": ("count and sum blocked spans in 1 % of the time, of 10 M spans", "ms", 1,
                         "<=", 10),
    "live_ms": ("age of the newest event that a reader beside sees, median", "ms", 1, "<=", 20),
    "memory_mb": (f"memory of storing {LONG_EVENTS / 1e6:.0f} M events", "MB", 1, "<=", 200),
    "record_memory_mb": ("memory of taskscope record with millions of tasks", "MB", 1,
                         "<=", 200),
    "overview_ms": (f"from a file of {LONG_EVENTS / 1e6:.0f} M events to its first picture", "ms",
                    1, "<=", 300),
}
LOOKS_PER_S = 60
PULSE_S = 3
PULSE_TASKS = 50  # each ms: a load that leaves room for the recorder and the reader on two cores
CROWD_S = 12
CROWD_TASKS = 200  # each ms; of many more, ends would be lost, and what has no end stays in memory


def trace(bench):
    """What one event costs the traced program."""
    cases = bench.google_benchmark(bench.build / "tests" / "bench" / "trace_bench")
    timestamp = cases["timestamp"]
    results = []
    for case, name in (("event", "one event with its timestamp"),
                       ("hand_off", "an event of a hand-off: two share a timestamp"),
                       ("full_ring", "an event that finds no room and is counted")):
        results.append(result(name, cases[case], "ns", peers={"timestamp alone": timestamp},
                              ratio=cases[case] / timestamp, goal=f"<= {EVENT_GOAL_NS} ns",
                              met=cases[case] <= EVENT_GOAL_NS))
    for case, name in (("region", "an end of a region (its name looked up at every other)"),
                       ("counter", "a sample of a counter, with its name looked up")):
        results.append(result(name, cases[case], "ns", peers={"timestamp alone": timestamp},
                              ratio=cases[case] / timestamp, goal=f"<= {NAMED_GOAL_NS} ns",
                              met=cases[case] <= NAMED_GOAL_NS))
    return results


def record(bench):
    """What being recorded costs a real program."""
    corpus = make_corpus(bench)
    wordcount = bench.build / "runtime" / "examples" / "wordcount"

    def seconds(run):
        return float(re.search(r"([\d.]+) s\n", run.stderr).group(1))

    with bench.scratch() as folder:
        def plain():
            return seconds(bench.run(wordcount, corpus))

        def recorded():
            return seconds(bench.run(bench.taskscope, "record", "-o", f"{folder}/run.tscope", "--",
                                     wordcount, corpus))

        theirs, ours = bench.interleaved(plain, recorded)
        lost = bench.recording_info(f"{folder}/run.tscope")["lost_events"]
    ratio = median_ratio(ours, theirs)
    return [result("wordcount while recorded", median(ours), "s",
                   peers={"not recorded": median(theirs)}, ratio=ratio,
                   goal=f"ratio <= {RECORDING_GOAL}", met=ratio <= RECORDING_GOAL),
            result("events lost by it", lost, "events", goal="0", met=lost == 0)]


def make_corpus(bench, files=1500, words_per_file=8000):
    """A tree of about 75 MB of text, the same every time."""
    corpus = bench.inputs / f"corpus-{files}x{words_per_file}"
    if corpus.exists():
        return corpus
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlucmfwypvbgkjqxz", k=chance.randint(2, 10)))
             for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]  # as in real languages (Zipf)
    unfinished = corpus.with_suffix(".unfinished")
    for number in range(files):
        folder = unfinished / f"d{number % 40}"
        folder.mkdir(parents=True, exist_ok=True)
        text = " ".join(chance.choices(words, weights, k=words_per_file))
        (folder / f"{number}.txt").write_text(text + "\n", encoding="ascii")
    unfinished.rename(corpus)
    return corpus


def open_recording(bench):
    """From the file to the first frame, and to a finished picture, of a large recording."""
    recording = make_recording(bench)
    events = bench.recording_info(recording)["events"]
    with bench.scratch() as folder:
        def first_frame():
            return viewer_figures(bench, recording)["first_frame_s"]

        def picture():
            start = time.monotonic()
            bench.run(bench.taskscope, "screenshot", recording, "-o", f"{folder}/x.png")
            return time.monotonic() - start

        first, complete = bench.interleaved(first_frame, picture)
    size = f"{events / 1e6:.1f} M events"
    return [result(f"open {size} and draw the first frame (a summary)", median(first), "s",
                   goal=f"< {OPEN_GOAL_S} s", met=median(first) < OPEN_GOAL_S),
            result(f"open {size} and write the complete picture", median(complete), "s")]


def viewer(bench):
    """The window at 1920x1080: a hundred million spans, a million tasks."""
    huge = make_made_up(bench, HUGE_EVENTS, HUGE_TASKS)
    crowded = make_made_up(bench, CROWDED_EVENTS, CROWDED_TASKS)
    figures = {"huge": [], "crowded": [], "raster": [], "live": []}
    for _ in range(bench.repetitions):
        figures["live"].append(live_figures(bench))
        figures["huge"].append(viewer_figures(bench, huge))
        figures["crowded"].append(viewer_figures(bench, "unfolded", crowded))
        figures["raster"].append(viewer_figures(bench, "raster"))

    def judged_viewer(which, key, name, unit, goal=None):
        ours = median([one[key] for one in figures[which]])
        if goal is None:
            return result(name, ours, unit)
        return result(name, ours, unit, goal=f"<= {goal} {unit}", met=ours <= goal)

    spans = f"{figures['huge'][0]['spans'] / 1e6:.0f} M spans of {HUGE_TASKS:,} tasks"
    tasks = f"{figures['crowded'][0]['tasks']:,} tasks"
    return [
        judged_viewer("huge", "first_frame_s", f"{spans}: open and draw the first frame", "s", 0.5),
        judged_viewer("huge", "frame_p99_ms", f"{spans}: a frame, p99 of the slowest zoom", "ms",
                      4),
        judged_viewer("huge", "memory_mb", f"{spans}: memory", "MB", 1000),
        judged_viewer("huge", "bytes_per_span", f"{spans}: packed", "bytes/span"),
        judged_viewer("huge", "complete_s", f"{spans}: open until all of it is there", "s"),
        judged_viewer("huge", "picture_ms", f"{spans}: a jump until every row is exact, slowest",
                      "ms"),
        judged_viewer("crowded", "frame_p99_ms",
                      f"{tasks}, a row each: a frame, p99 of the slowest zoom", "ms", 10),
        judged_viewer("crowded", "memory_mb", f"{tasks}: memory", "MB"),
        judged_viewer("raster", "raster_ms",
                      "20,000 rectangles and 5,000 labels to pixels without a GPU", "ms", 25),
        judged_viewer("live", "age_at_last_s",
                      f"followed, {LIVE_EVENTS_PER_S:,} events/s: age of the picture after "
                      f"{LIVE_S} s", "s", 1),
        judged_viewer("live", "frame_max_ms", "the same: slowest frame", "ms"),
        judged_viewer("live", "memory_mb", "the same: memory, recorder and all", "MB"),
    ]


def make_made_up(bench, events, tasks):
    """A recording of that many events of that many tasks, the same every time."""
    program = bench.build / "tests" / "bench" / "recorder_bench"
    return bench.kept_recording(f"made-up-{events}-{tasks}.tscope",
                                lambda path: bench.run(program, "store", events, path, tasks))


def live_figures(bench):
    """A recorder and a window that follows it, of a program with a steady load."""
    program = bench.build / "tests" / "bench" / "live_bench"
    with bench.scratch() as folder:
        run = bench.run(program, LIVE_S, LIVE_EVENTS_PER_S, LIVE_TASKS, f"{folder}/live.tscope")
    return json.loads(run.stdout)


def viewer_figures(bench, *arguments):
    program = bench.build / "tests" / "bench" / "viewer_bench"
    return json.loads(bench.run(program, *arguments).stdout)


def make_recording(bench):
    def record(path):
        bench.run(bench.taskscope, "record", "-o", path, "--",
                  bench.build / "tests" / "bench" / "relay", OPEN_EVENTS,
                  env={"TASKSCOPE_WORKERS": "2",
                       "TASKSCOPE_RING_RECORDS": str(OPEN_RING_RECORDS)})
        events = bench.recording_info(path)["events"]
        if events < OPEN_EVENTS:
            raise RuntimeError(f"the recording has {events} events, {OPEN_EVENTS} were wanted")

    return bench.kept_recording(f"relay-{OPEN_EVENTS}.tscope", record)


def recorder(bench):
    """The recorder: how fast, how small, how soon, how much memory."""
    program = bench.build / "tests" / "bench" / "recorder_bench"
    values = {case: [] for case in RECORDER_GOALS}
    with bench.scratch() as folder:
        short, long = f"{folder}/short.tscope", f"{folder}/long.tscope"
        stored = json.loads(bench.run(program, "store", LONG_EVENTS, long).stdout)
        values["memory_mb"].append(stored["memory_mb"])
        crowd = recorded_beside(bench, f"{folder}/crowd.tscope", CROWD_S, CROWD_TASKS)
        values["record_memory_mb"].append(crowd["memory_mb"])
        for _ in range(bench.repetitions):
            stored = json.loads(bench.run(program, "store", RECORDER_EVENTS, short).stdout)
            stored |= json.loads(bench.run(program, "read", short).stdout)
            for case in stored.keys() & values.keys() - {"memory_mb"}:
                values[case].append(stored[case])
            first = viewer_figures(bench, "first", long)["first_frame_s"]
            values["overview_ms"].append(first * 1e3)
            live = recorded_beside(bench, f"{folder}/live.tscope", PULSE_S, PULSE_TASKS)
            values["live_ms"].append(median(live["ages_ms"]))
            for file in (short, f"{folder}/live.tscope"):
                os.unlink(file)
    return [judged(case, median(measured)) for case, measured in values.items()]


def judged(case, value):
    name, unit, divisor, comparison, goal = RECORDER_GOALS[case]
    ours = value / divisor
    met = ours >= goal if comparison == ">=" else ours <= goal
    return result(name, ours, unit, goal=f"{comparison} {goal} {unit}", met=met)


def recorded_beside(bench, path, seconds, tasks):
    """Records pulse while a reader looks: the ages of the newest event that it saw, and the most
    memory that the recorder (or the program, if that is more) took."""
    command = [bench.taskscope, "record", "-q", "-o", path, "--",
               bench.build / "tests" / "bench" / "pulse", seconds, tasks]
    looks = []
    with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                          env={**os.environ, "TASKSCOPE_WORKERS": "2"}) as run:
        beacon_ns = int(run.stdout.readline())
        database = sqlite3.connect(f"file:{path}.partial?mode=ro", uri=True)
        end_ns = beacon_ns + (seconds * 1000 - 100) * 1_000_000  # the end is another thing
        while time.monotonic_ns() < end_ns:
            time.sleep(1 / LOOKS_PER_S)
            (newest_ns,), = database.execute("SELECT max(end_ns) FROM chunk WHERE id >"
                                             " (SELECT max(id) FROM chunk) - 64")
            looks.append((time.monotonic_ns(), newest_ns))
        database.close()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
    if run.returncode != 0:
        raise RuntimeError(f"taskscope record ended with {run.returncode}")
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    (created_ns,), = database.execute("SELECT created_ns FROM task WHERE name = 'beacon'")
    database.close()
    start_ns = beacon_ns - created_ns
    return {"ages_ms": [(now_ns - start_ns - newest_ns) / 1e6 for now_ns, newest_ns in looks
                        if newest_ns is not None],
            "memory_mb": used.ru_maxrss / 1024}


# Of what takes long; others: 15.
REPETITIONS = {"recorder": 7, "memory": 5, "scheduler": 5, "channels": 5, "viewer": 3}
ALL = {"trace": trace, "record": record, "recorder": recorder, "open": open_recording,
       "viewer": viewer, "memory": memory_bench.memory,
       "scheduler": workloads.scheduler, "channels": workloads.channels}
