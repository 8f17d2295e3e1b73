"""The benchmarks by name. Each is a function of a Bench that returns a list of results."""

import json
import random
import re
import time

import workloads
from measure import median, median_ratio, result

EVENT_GOAL_NS = 12
RECORDING_GOAL = 1.05
OPEN_GOAL_S = 1.0
OPEN_EVENTS = 10_000_000
OPEN_RING_RECORDS = 1 << 24  # holds every event, so that none is lost on a busy machine
FRAME_GOAL_MS = 4
MANY_TASKS = 100_000
RECORDER_EVENTS = 4_000_000
RECORDER_GOALS = {  # case: name, unit, divisor, comparison, goal
    "ingest_events_per_s": ("records to file on one core", "M events/s", 1e6, ">=", 20),
    "decode_events_per_s": ("chunks to columns, all of them", "M events/s", 1e6, ">=", 60),
    "decode_spans_per_s": ("chunks to columns, spans only", "M events/s", 1e6, ">=", 60),
    "bytes_per_event": ("size of the file", "bytes/event", 1, "<=", 3),
    "query_ms_per_10m": ("count and sum spans in 1 % of the time, of 10 M events", "ms", 1,
                         "<=", 10),
}


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
    """What a frame of the window costs at 1920x1080, at the slowest of five zooms."""
    recording = make_recording(bench)

    def large():
        return viewer_figures(bench, recording)["frame_ms"]

    def many():
        return viewer_figures(bench, "tasks", MANY_TASKS)["frame_ms"]

    results = []
    for name, values in zip((f"a frame of {OPEN_EVENTS / 1e6:.0f} M events",
                             f"a frame of {MANY_TASKS:,} tasks, unfolded"),
                            bench.interleaved(large, many)):
        results.append(result(name, median(values), "ms", goal=f"<= {FRAME_GOAL_MS} ms",
                              met=median(values) <= FRAME_GOAL_MS))
    return results


def viewer_figures(bench, *arguments):
    program = bench.build / "tests" / "bench" / "viewer_bench"
    return json.loads(bench.run(program, *arguments).stdout)


def make_recording(bench):
    path = bench.inputs / f"relay-{OPEN_EVENTS}.tscope"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished.tscope")
        bench.run(bench.taskscope, "record", "-o", unfinished, "--",
                  bench.build / "tests" / "bench" / "relay", OPEN_EVENTS,
                  env={"TASKSCOPE_WORKERS": "2",
                       "TASKSCOPE_RING_RECORDS": str(OPEN_RING_RECORDS)})
        events = bench.recording_info(unfinished)["events"]
        if events < OPEN_EVENTS:
            raise RuntimeError(f"the recording has {events} events, {OPEN_EVENTS} were wanted")
        unfinished.rename(path)
    return path


def recorder(bench):
    """The recorder without the program: how fast, and how small."""
    values = {case: [] for case in RECORDER_GOALS}
    with bench.scratch() as folder:
        for repetition in range(bench.repetitions):
            run = bench.run(bench.build / "tests" / "bench" / "recorder_bench", RECORDER_EVENTS,
                            f"{folder}/{repetition}.tscope")
            for case, value in json.loads(run.stdout).items():
                values[case].append(value)
    results = []
    for case, (name, unit, divisor, comparison, goal) in RECORDER_GOALS.items():
        ours = median(values[case]) / divisor
        met = ours >= goal if comparison == ">=" else ours <= goal
        results.append(result(name, ours, unit, goal=f"{comparison} {goal} {unit}", met=met))
    return results


ALL = {"trace": trace, "record": record, "recorder": recorder, "open": open_recording,
       "viewer": viewer, "scheduler": workloads.scheduler, "channels": workloads.channels}
