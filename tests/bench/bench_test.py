#!/usr/bin/env python3
"""`./dev bench` prints what its readers expect. The figures themselves are nobody's test."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
KEYS = {"case", "ours", "unit", "peers", "ratio", "goal", "met"}


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

    def test_the_memory_of_a_parked_task_is_at_least_the_page_that_it_touched(self):
        program = pathlib.Path(os.environ["TASKSCOPE_BINARY_DIR"], "tests/bench/runtime_bench")
        run = subprocess.run([program, "--case", "parked", "--size", "2000", "--repetitions", "2"],
                             capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        lines = [json.loads(line) for line in run.stdout.splitlines()]
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertGreater(line["bytes_per_task"], 4096)


if __name__ == "__main__":
    unittest.main()
