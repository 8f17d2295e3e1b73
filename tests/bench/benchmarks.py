"""The benchmarks by name. Each is a function of a Bench that returns a list of results."""

import json
import random
import re
import time

from measure import median, median_ratio, result

EVENT_GOAL_NS = 12
RECORDING_GOAL = 1.05
OPEN_GOAL_S = 1.0
OPEN_EVENTS = 10_000_000
RECORDER_EVENTS = 4_000_000
RECORDER_GOALS = {  # case: name, unit, divisor, comparison, goal
    "ingest_events_per_s": ("records to file on one core", "M events/s", 1e6, ">=", 20),
    "decode_events_per_s": ("chunks to columns, all of them", "M events/s", 1e6, ">=", 60),
    "decode_spans_per_s": ("chunks to columns, spans only", "M events/s", 1e6, ">=", 60),
    "bytes_per_event": ("size of the file", "bytes/event", 1, "<=", 3),
    "query_ms_per_10m": ("count and sum spans in 1 % of the time, of 10 M events", "ms", 1,
                         "<=", 100),
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
    """From the command to a finished picture of a large recording."""
    recording = make_recording(bench)
    events = bench.recording_info(recording)["events"]
    with bench.scratch() as folder:
        def picture():
            start = time.monotonic()
            bench.run(bench.taskscope, "screenshot", recording, "-o", f"{folder}/x.png")
            return time.monotonic() - start

        (ours,) = bench.interleaved(picture)
    seconds = median(ours)
    return [result(f"open {events / 1e6:.1f} M events and draw the first frame to a PNG", seconds,
                   "s", goal=f"< {OPEN_GOAL_S} s", met=seconds < OPEN_GOAL_S)]


def make_recording(bench):
    path = bench.inputs / f"relay-{OPEN_EVENTS}.tscope"
    if not path.exists():
        unfinished = path.with_suffix(".unfinished.tscope")
        bench.run(bench.taskscope, "record", "-o", unfinished, "--",
                  bench.build / "tests" / "bench" / "relay", OPEN_EVENTS,
                  env={"TASKSCOPE_WORKERS": "2"})
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


ALL = {"trace": trace, "record": record, "recorder": recorder, "open": open_recording}
