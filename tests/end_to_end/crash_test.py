#!/usr/bin/env python3
"""Programs and recorders that die: what had happened by then is in the file."""

import os
import signal
import unittest

from support import VICTIM, Case, Recording, wait_until

SHORT_TASKS = "SELECT count(*) FROM task WHERE name = 'short' AND state = 'done'"

# What a recording is called until it is whole: an earlier one of its name stays until then.
UNFINISHED = "run.tscope.partial"


class TheProgramDies(Case):
    def check(self, ending, exit_status, tasks=1000):
        recording, run = self.record(VICTIM, ending, status=exit_status)
        # A short task tells main that it is done before it has ended: when main dies at once, each
        # other worker may still have one on it.
        states = dict.fromkeys(("done", "running"), 0)
        for row in recording.query("SELECT state, count(*) AS n FROM task WHERE name = 'short' "
                                   "GROUP BY state"):
            states[row["state"]] = row["n"]
        self.assertEqual(set(states), {"done", "running"})
        self.assertEqual(sum(states.values()), tasks)
        self.assertLess(states["running"], recording.info()["workers"])
        self.assertEqual(recording.info()["lost_events"], 0)
        self.assertTrue(recording.info()["complete"])
        recording.assert_times_add_up()
        return recording, run.stderr.decode()

    def test_by_its_own_exit_code(self):
        self.check("exit-7", 7)

    def test_without_being_asked_to_the_recorder_does_not_fail_with_it(self):
        run = self.taskscope("record", "-o", "run.tscope", "--", VICTIM, "exit-7")
        self.assertEqual(run.returncode, 0, run.stderr.decode())

    def test_by_sigsegv(self):
        recording, message = self.check("segv", 128 + signal.SIGSEGV)
        self.assertIn("SIGSEGV", message)
        self.assertEqual(recording.query("SELECT state, ended_ns FROM task WHERE id = 1"),
                         [{"state": "running", "ended_ns": None}])

    def test_by_sigkill(self):
        recording, message = self.check("kill", 128 + signal.SIGKILL)
        self.assertIn("SIGKILL", message)
        self.assertEqual(recording.value("SELECT state FROM task WHERE id = 1"), "running")

    def test_by_a_panic(self):
        recording, message = self.check("panic", 2)
        self.assertIn("the victim throws", message)
        self.assertEqual(recording.value("SELECT state FROM task WHERE id = 1"), "panicked")

    def test_by_a_deadlock(self):
        recording, run = self.record(VICTIM, "deadlock", status=2)
        self.assertIn("all tasks are asleep", run.stderr.decode())
        self.assertEqual(recording.value(SHORT_TASKS), 1000)
        self.assertEqual(recording.query("SELECT state, reason FROM span "
                                         "WHERE task_id = 1 AND NOT finished"),
                         [{"state": "blocked", "reason": "chan recv"}])

    def test_not_by_forking(self):
        self.check("fork", 5, tasks=2000)

    def test_not_by_forking_and_running_another_traced_program(self):
        # The other's tasks are there, too.
        self.check("fork-exec", 7, tasks=3000)


class InTheMiddle(Case):
    def start_recording(self):
        process = self.start("record", "--propagate-exit", "-o", "run.tscope", "--", VICTIM, "wait")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        return process

    def victims(self, process):
        """The recorded programs among the children of the recorder."""
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def stored_short_tasks(self):
        run = self.taskscope("query", UNFINISHED, SHORT_TASKS, "--json")
        return run.returncode == 0 and b"1000" in run.stdout

    def assert_short_tasks(self, recording):
        """All are there; on each worker but main's one may just not have come to its end."""
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE name = 'short'"), 1000)
        self.assertGreater(recording.value(SHORT_TASKS), 1000 - recording.info()["workers"])

    def test_ctrl_c_ends_the_recording_cleanly(self):
        process = self.start_recording()
        os.killpg(process.pid, signal.SIGINT)
        _, message = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 128 + signal.SIGINT, message.decode())
        recording = Recording(self, self.folder / "run.tscope")
        self.assertTrue(recording.info()["complete"])
        self.assert_short_tasks(recording)
        self.assertEqual([path.name for path in self.folder.glob("run.tscope*")], ["run.tscope"])
        recording.assert_times_add_up()

    def test_killing_the_program_leaves_a_complete_recording(self):
        process = self.start_recording()
        (victim,) = self.victims(process)
        os.kill(victim, signal.SIGKILL)
        _, message = process.communicate(timeout=240)
        self.assertEqual(process.returncode, 128 + signal.SIGKILL, message.decode())
        recording = Recording(self, self.folder / "run.tscope")
        self.assertTrue(recording.info()["complete"])
        self.assert_short_tasks(recording)

    def test_killing_the_recorder_leaves_a_file_that_says_it_is_incomplete(self):
        process = self.start_recording()
        (victim,) = self.victims(process)
        wait_until(self.stored_short_tasks, "the recorder to store what happened")
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        recording = Recording(self, self.folder / UNFINISHED)
        self.assertFalse(recording.info()["complete"])
        self.assertEqual(recording.value(SHORT_TASKS), 1000)
        self.assertGreater(recording.info()["duration_ns"], 0)
        # Nobody waits for the tool: the program goes on.
        self.assertTrue(os.path.exists(f"/proc/{victim}"))


if __name__ == "__main__":
    unittest.main()
