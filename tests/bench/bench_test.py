#!/usr/bin/env python3
"""`./dev bench` prints what its readers expect, and every workload runs. The figures themselves are
nobody's test."""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest
from unittest import mock

import benchmarks
import measure
import run as bench_run
import workloads
from measure import result

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = pathlib.Path(os.environ["TASKSCOPE_BINARY_DIR"], "tests/bench/runtime_bench")
KEYS = {"case", "ours", "unit", "peers", "ratio", "goal", "met", "why"}
# The least that makes a workload go through all that it does.
SMALL = {"yield1000": 1000, "spawn_join_10k": 10_000, "fib27": 6, "skynet1M": 100,
         "timer_hog": 1, "timer_idle": 1, "echo64": 64}
SMALL_OTHERS = 80
# What a workload computes, where it does, from SMALL.
VALUES = {"fib27": 8, "skynet1M": 4950, "sieve": 409, "mutex_8": 80, "rwmutex_mix8": 8}


def bench(*arguments):
    return subprocess.run([sys.executable, HERE / "run.py", "--build",
                           os.environ["TASKSCOPE_BINARY_DIR"], "--repetitions", "2", *arguments],
                          capture_output=True, text=True, check=False)


class Output(unittest.TestCase):
    def test_json_is_a_list_of_cases(self):
        run = bench("trace", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        cases = json.loads(run.stdout)
        self.assertGreaterEqual(len(cases), 3)
        for case in cases:
            self.assertEqual(set(case), KEYS)
            self.assertGreater(case["ours"], 0)
            self.assertIsInstance(case["met"], bool)

    def test_the_table_has_a_line_per_case(self):
        run = bench("trace")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("<= 12 ns", run.stdout)
        self.assertEqual(run.stdout.splitlines()[0].split()[:3], ["case", "ours", "unit"])

    def test_an_unknown_name_is_wrong_usage(self):
        run = bench("nonsense")
        self.assertEqual(run.returncode, 2)
        self.assertIn("nonsense", run.stderr)


    def test_a_row_that_go_leads_says_why(self):
        rows = table([result("alpha", 2.0, "ns", peers={"Go": 1.0}, ratio=2.0, goal="ratio <= 1",
                             met=False, why="it counts twice"),
                      result("beta", 1.0, "ns", peers={"Go": 2.0}, ratio=0.5, goal="ratio <= 1",
                             met=True)])
        self.assertEqual(len(rows), 4)
        self.assertEqual(rows[1].split(), "alpha 2.00 ns Go 1.00 2.00 ratio <= 1 NO".split())
        self.assertEqual(rows[2].strip(), "why: it counts twice")
        self.assertEqual(rows[3].split(), "beta 1.00 ns Go 2.00 0.500 ratio <= 1 yes".split())

    def test_numbers_stand_right_and_below_each_other(self):
        rows = table([result("alpha", 1234.0, "ns", peers={"Go": 2468.0}, ratio=0.5),
                      result("beta", 7.0, "ns", peers={"Go": 0.5}, ratio=14.0)])
        ends = [[word.end() for word in re.finditer(r"\S+", row)] for row in rows]
        for column in (1, 4, 5):  # ours, theirs, ratio
            self.assertEqual(len({row[column] for row in ends}), 1, rows)
        self.assertEqual([row.split()[4] for row in rows], ["theirs", "2,468", "0.500"])


class Recorder(unittest.TestCase):
    def test_every_figure_of_the_recorder_has_a_goal(self):
        small = {"RECORDER_EVENTS": 200_000, "LONG_EVENTS": 300_000, "PULSE_S": 1, "CROWD_S": 1,
                 "CROWD_TASKS": 10}
        bench = measure.Bench(pathlib.Path(os.environ["TASKSCOPE_BINARY_DIR"]), 1)
        with mock.patch.multiple(benchmarks, **small):
            rows = benchmarks.recorder(bench)
        self.assertEqual(len(rows), len(benchmarks.RECORDER_GOALS))
        for row in rows:
            with self.subTest(case=row["case"]):
                self.assertGreater(row["ours"], 0)
                self.assertIn(row["unit"], row["goal"])
                self.assertIsInstance(row["met"], bool)

    def test_a_figure_is_judged_by_its_own_goal(self):
        row = benchmarks.judged("live_ms", 20.5)
        self.assertEqual((row["ours"], row["goal"], row["met"]), (20.5, "<= 20 ms", False))
        row = benchmarks.judged("ingest_events_per_s", 20e6)
        self.assertEqual((row["ours"], row["goal"], row["met"]), (20, ">= 20 M events/s", True))


def table(results):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        bench_run.print_table(results)
    return output.getvalue().splitlines()


class Rows(unittest.TestCase):
    """From what the programs print to rows, with programs that are not there."""

    def rows(self, case, **conditions):
        lines = {name.replace("_", " "): values for name, values in conditions.items()}
        self.ratios = {}
        rows = workloads.case_rows(case, 1, lines, "Go", workloads.PING_PONG_GOAL, self.ratios)
        return {row["case"]: row for row in rows}

    def test_only_rows_that_lose_or_miss_their_goal_have_a_reason(self):
        ns = lambda *values: [{"ns_op": value} for value in values]
        reasons = {"chan_pingpong": "any", "chan_pingpong, 1 worker": "this",
                   "chan_pingpong, 2 workers": "another"}
        with mock.patch.dict(workloads.REASONS, reasons, clear=True):
            rows = self.rows("chan_pingpong", ours=ns(6, 6, 6), ours_traced=ns(9, 9, 9),
                             go=ns(10, 10, 10), go_traced=ns(20, 20, 20))
        goal, traced, over = rows.values()
        self.assertEqual((goal["ratio"], goal["met"], goal["why"]), (0.6, False, "this"))
        self.assertEqual((traced["ratio"], traced["met"], traced["why"]), (0.45, True, None))
        self.assertEqual((over["case"], over["ratio"], over["met"]),
                         ("chan_pingpong, 1 worker, traced over Go untraced", 0.9, True))
        self.assertEqual(self.ratios, {"untraced": [0.6], "traced": [0.45],
                                       "traced over Go untraced": [0.9]})

    def test_a_reason_that_nobody_knows_is_owed(self):
        with mock.patch.dict(workloads.REASONS, clear=True):
            row = workloads.row_of("alpha, 1 worker", "ns", [3], [2], "Go", 1)
        self.assertEqual((row["met"], row["why"]), (False, workloads.NOT_EXPLAINED))

    def test_extremes_are_shown_beside_go_but_not_judged(self):
        late = [{"late_p50_us": 60, "late_p99_us": 300, "late_max_us": 900}]
        gos = [{"late_p50_us": 19_000, "late_p99_us": 200, "late_max_us": 40_000}]
        rows = self.rows("timer_hog", ours=late, ours_traced=late, go=gos, go_traced=gos)
        extreme = rows["timer_hog, 1 worker, late: 99 %"]
        self.assertEqual((extreme["ours"], extreme["peers"], extreme["goal"], extreme["met"]),
                         (300, {"Go": 200}, None, None))
        self.assertIsNotNone(extreme["why"])
        self.assertEqual(rows["timer_hog, 1 worker, late: at most"]["ours"], 900)
        self.assertEqual(self.ratios, {})  # lateness is nobody's speed

    def test_without_go_there_are_only_our_figures(self):
        rows = self.rows("parked", ours=[{"ns_op": 5, "wake_ns": 2, "bytes_per_task": 4700}],
                         ours_traced=[{"ns_op": 6}])
        self.assertEqual({row["ratio"] for row in rows.values()}, {None})
        memory = rows["parked, 1 worker, memory of one"]
        self.assertEqual((memory["goal"], memory["met"]), ("<= 4696 bytes", False))
        self.assertIsNotNone(memory["why"])
        self.assertEqual(workloads.mean_rows(self.ratios), [])

    def test_the_means_have_goals(self):
        rows = workloads.mean_rows({"untraced": [0.25, 1.0], "traced": [2.0],
                                    "traced over Go untraced": [1.5]})
        self.assertEqual([(row["ours"], row["met"]) for row in rows],
                         [(0.5, True), (2.0, None), (1.5, False)])

    def test_every_reason_is_of_a_case(self):
        for known in workloads.REASONS:
            self.assertIn(known.split(", ")[0],
                          (*workloads.SCHEDULER, *workloads.CHANNELS, workloads.CALL_FLOOR,
                           workloads.ECHO_FLOOR))


def workload(*arguments):
    run = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    return run, [json.loads(line) for line in run.stdout.splitlines()]


class Workloads(unittest.TestCase):
    def test_every_one_runs_with_one_and_two_workers_untraced_and_traced(self):
        for each in workload()[1]:
            case = each["case"]
            for options in ((), ("--traced",)):
                for workers in ("1", "2"):
                    with self.subTest(case=case, workers=workers, options=options):
                        size = str(SMALL.get(case, SMALL_OTHERS))
                        run, lines = workload("--case", case, "--workers", workers, "--warm", "0",
                                              "--size", size, *options)
                        self.assertEqual(run.returncode, 0, run.stderr)
                        self.assertEqual(len(lines), 1)
                        self.assertGreater(lines[0]["ns_op"], 0)
                        self.assertEqual(lines[0].get("value"), VALUES.get(case))
                        for figure in workloads.FIGURES.get(case, ()):
                            self.assertIn(figure.key, lines[0])

    def test_all_that_are_compared_are_there_and_go_has_the_same(self):
        ours = {each["case"] for each in workload()[1]}
        self.assertEqual(ours, {*workloads.SCHEDULER, *workloads.CHANNELS, "rawsyscall"})
        gos = set()
        for file in (HERE / "workloads" / "go").glob("*.go"):
            gos |= set(re.findall(r'workloads\["(\w+)"\] = ', file.read_text()))
        self.assertEqual(gos, ours)

    def test_a_repetition_by_time_is_a_multiple_of_the_first(self):
        run, lines = workload("--case", "chan_solo", "--warm", "1000", "--seconds", "0.05")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertGreater(lines[0]["operations"], 1000)
        self.assertEqual(lines[0]["operations"] % 1000, 0)

    def test_a_repetition_by_time_needs_a_first_one(self):
        run, _ = workload("--case", "chan_solo", "--warm", "0")
        self.assertEqual(run.returncode, 2)
        self.assertIn("--size", run.stderr)

    def test_the_memory_of_a_parked_task_is_at_least_the_page_that_it_touched(self):
        run, lines = workload("--case", "parked", "--warm", "2000", "--size", "2000",
                              "--repetitions", "2")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertGreater(line["bytes_per_task"], 4096)


if __name__ == "__main__":
    unittest.main()
