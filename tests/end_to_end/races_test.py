#!/usr/bin/env python3
"""Runs the examples of mistakes that are data races under ThreadSanitizer, which knows tasks: it
must find them, and find nothing when they are corrected. For the tsan preset."""

import subprocess
import unittest

from support import BUILD, Case

PROGRAMS = BUILD / "runtime" / "examples" / "mistakes"


class Races(Case):
    def run_program(self, name, *arguments):
        return subprocess.run([str(PROGRAMS / name), *arguments], capture_output=True, check=False,
                              env={**self.env, "TASKSCOPE_WORKERS": "2"})

    def test_a_race_between_tasks_is_found(self):
        for name in ("loop_variable", "unsynchronised_map"):
            with self.subTest(name):
                run = self.run_program(name)
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(b"WARNING: ThreadSanitizer: data race", run.stderr)
                self.assertIn(f"{name}.cpp".encode(), run.stderr)

    def test_and_none_in_the_corrected_program(self):
        for name in ("loop_variable", "unsynchronised_map"):
            with self.subTest(name):
                run = self.run_program(name, "--fixed")
                self.assertEqual((run.returncode, run.stderr), (0, b""))


if __name__ == "__main__":
    unittest.main()
