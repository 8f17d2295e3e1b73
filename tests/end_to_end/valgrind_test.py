#!/usr/bin/env python3
"""valgrind understands the stacks of tasks: it is silent where nothing is wrong, and names the task
where something is."""

import shutil
import subprocess
import unittest

from support import FUMBLER, TIMEOUT_S, Case


class Valgrind(Case):
    def run_in_valgrind(self, what):
        if shutil.which("valgrind") is None:
            self.skipTest("valgrind is not installed")
        run = subprocess.run(["valgrind", "--error-exitcode=9", str(FUMBLER), what],
                             cwd=self.folder, env=self.env, capture_output=True,
                             timeout=2 * TIMEOUT_S, check=False)
        message = run.stderr.decode()
        if "cannot mmap" in message or "Valgrind: FATAL" in message:
            self.skipTest("valgrind does not run here: " + message)
        return run.returncode, message

    def test_tasks_that_do_nothing_wrong_are_not_accused(self):
        status, message = self.run_in_valgrind("clean")
        self.assertIn("ERROR SUMMARY: 0 errors", message)
        self.assertNotIn("client switching stacks", message)
        self.assertEqual(status, 0, message)

    def test_a_read_behind_a_block_is_found_in_the_task_that_did_it(self):
        status, message = self.run_in_valgrind("read")
        self.assertEqual(status, 9, message)
        self.assertRegex(message, r"Invalid read of size 4\n.*fumbler.cpp:\d+\)\n(.*\n)*?"
                                  r".*taskscope_stack_entry")
        self.assertNotIn("client switching stacks", message)


if __name__ == "__main__":
    unittest.main()
