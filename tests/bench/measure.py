"""How benchmarks measure: repetitions that take turns, medians, and results of one shape."""

import json
import os
import statistics
import subprocess
import tempfile


def result(case, ours, unit, *, peers=None, ratio=None, goal=None, met=None, why=None):
    return {"case": case, "ours": ours, "unit": unit, "peers": peers or {}, "ratio": ratio,
            "goal": goal, "met": met, "why": why}


class Bench:
    def __init__(self, build, repetitions):
        self.build = build
        self.repetitions = repetitions
        self.taskscope = build / "app" / "taskscope"
        # Kept between calls: what is expensive to make and always the same.
        self.inputs = build / "bench_inputs"
        self.inputs.mkdir(exist_ok=True)

    def run(self, *command, env=None, cwd=None, timeout=None):
        command = [str(word) for word in command]
        try:
            run = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=timeout,
                                 env={**os.environ, **(env or {})}, check=False)
        except subprocess.TimeoutExpired as error:
            raise RuntimeError(f"{' '.join(command)} did not end in {timeout} s") from error
        if run.returncode != 0:
            raise RuntimeError(f"{command[0]} failed with exit code {run.returncode}:\n"
                               f"{run.stderr.strip()}")
        return run

    def kept_recording(self, name, make):
        """What `make(path)` records, kept between calls as long as this build can read it."""
        path = self.inputs / name
        known = subprocess.run([self.taskscope, "info", path], capture_output=True, check=False)
        if known.returncode != 0:
            unfinished = path.with_suffix(".unfinished.tscope")
            unfinished.unlink(missing_ok=True)
            make(unfinished)
            unfinished.rename(path)
        return path

    def interleaved(self, *measurements):
        """Calls each measurement in turn, `repetitions` times; returns one list of values each.

        Noise of the machine that lasts longer than one round hits all of them alike. The first
        round warms caches and is not kept.
        """
        values = [[] for _ in measurements]
        for repetition in range(self.repetitions + 1):
            for measure, kept in zip(measurements, values):
                value = measure()
                if repetition:
                    kept.append(value)
        return values

    def google_benchmark(self, program, **options):
        """Median ns per event by case; the cases' repetitions take turns."""
        run = self.run(program, "--benchmark_format=json",
                       f"--benchmark_repetitions={self.repetitions}",
                       "--benchmark_enable_random_interleaving=true",
                       "--benchmark_min_time=0.05", **options)
        return {case["run_name"]: case["event_s"] * 1e9
                for case in json.loads(run.stdout)["benchmarks"]
                if case.get("aggregate_name") == "median"}

    def scratch(self):
        return tempfile.TemporaryDirectory(prefix="taskscope-bench-")

    def recording_info(self, path):
        return json.loads(self.run(self.taskscope, "info", path, "--json").stdout)


def median(values):
    return statistics.median(values)


def median_ratio(ours, theirs):
    """Of pairs that were measured next to each other."""
    return median([mine / other for mine, other in zip(ours, theirs)])
