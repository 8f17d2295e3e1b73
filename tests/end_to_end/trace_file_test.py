#!/usr/bin/env python3
"""Programs that record themselves, without a recorder: TASKSCOPE_TRACE=FILE, taskscope import."""

import os
import random
import resource
import signal
import subprocess
import unittest

from support import (TIMEOUT_S, VICTIM, WORDCOUNT, Case, Recording, make_text_tree, wait_until)

SEED = int(os.environ.get("TASKSCOPE_TEST_SEED", "1"))
SHORT_TASKS = "SELECT count(*) FROM task WHERE name = 'short' AND state = 'done'"


class TraceFile(Case):
    def trace(self, *command, status=0, workers=2, env=None, **options):
        run = subprocess.run([str(word) for word in command], cwd=self.folder, check=False,
                             capture_output=True, timeout=TIMEOUT_S,
                             env={**self.env, "TASKSCOPE_TRACE": "run.trace",
                                  "TASKSCOPE_WORKERS": str(workers), **(env or {})}, **options)
        self.assertEqual(run.returncode, status, run.stderr.decode())
        return run

    def imported(self, name="run.trace"):
        run = self.taskscope("import", "-q", name, "-o", "run.tscope")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, b"", b""))
        return Recording(self, self.folder / "run.tscope")

    def check(self, ending, status, exit_status):
        run = self.trace(VICTIM, ending, status=status)
        recording = self.imported()
        info = recording.info()
        self.assertEqual((info["lost_events"], info["complete"]), (0, True))
        self.assertEqual(info["exit_status"], exit_status)
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE name = 'short'"), 1000)
        recording.assert_times_add_up()
        return recording, run


class WhatItHolds(TraceFile):
    def test_all_that_a_recorder_would_have_kept(self):
        make_text_tree(self.folder / "tree", files=60)
        counted = None
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                run = self.trace(WORDCOUNT, "tree", workers=workers)
                counted = counted or run.stdout
                self.assertEqual(run.stdout, counted)
                summary = self.taskscope("import", "run.trace", "-o", "run.tscope")
                self.assertEqual((summary.returncode, summary.stdout), (0, b""))
                self.assertIn(b"Recorded wordcount in run.tscope", summary.stderr)
                recording = Recording(self, self.folder / "run.tscope")
                info = recording.info()
                self.assertEqual((info["lost_events"], info["workers"]), (0, workers))
                self.assertEqual(recording.value("SELECT value FROM meta WHERE key = 'notes'"), "")
                self.assertEqual(recording.value("SELECT count(*) FROM task WHERE state != 'done'"),
                                 0)
                recording.assert_times_add_up()

    def test_a_program_that_ends_as_it_should(self):
        self.check("exit-7", 7, "ended")

    def test_a_panic(self):
        recording, _ = self.check("panic", 2, "ended without a goodbye")
        self.assertEqual(recording.value("SELECT state FROM task WHERE id = 1"), "panicked")

    def test_a_fault(self):
        self.check("segv", -signal.SIGSEGV, "ended without a goodbye")

    def test_a_deadlock(self):
        self.trace(VICTIM, "deadlock", status=2)
        recording = self.imported()
        self.assertEqual(recording.value("SELECT count(*) FROM event WHERE kind = 'deadlock'"), 1)
        self.assertEqual(recording.value(SHORT_TASKS), 1000)

    def test_a_fork_writes_nothing_of_its_own(self):
        self.trace(VICTIM, "fork", status=5)
        self.assertEqual(self.imported().value(SHORT_TASKS), 2000)

    def test_a_child_that_runs_another_program_leaves_the_file_alone(self):
        self.trace(VICTIM, "fork-exec", status=7)
        self.assertEqual(self.imported().value(SHORT_TASKS), 2000)

    def test_a_program_that_is_killed_loses_its_last_moments_only(self):
        program = subprocess.Popen([str(VICTIM), "wait"], cwd=self.folder, stdout=subprocess.PIPE,
                                   env={**self.env, "TASKSCOPE_TRACE": "run.trace"})
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        size = (self.folder / "run.trace").stat().st_size
        wait_until(lambda: (self.folder / "run.trace").stat().st_size > size, "it is written")
        program.kill()
        program.wait()
        recording = self.imported()
        self.assertEqual(recording.value(SHORT_TASKS), 1000)
        self.assertEqual(recording.info()["exit_status"], "ended without a goodbye")


class WhatGoesWrong(TraceFile):
    def test_a_place_that_cannot_be_written_leaves_the_program_unrecorded(self):
        run = self.trace(VICTIM, "exit-7", status=7, env={"TASKSCOPE_TRACE": "no/such/folder"})
        self.assertRegex(run.stderr.decode(), r"\Ataskscope: TASKSCOPE_TRACE: cannot write "
                         r"no/such/folder \(No such file or directory\), so this program runs "
                         r"unrecorded.\n\Z")

    def test_a_full_disk_keeps_what_was_written(self):
        limit = 70_001  # a ring fits; no block ends there, all are even
        program = subprocess.Popen(
            [str(VICTIM), "wait"], cwd=self.folder, stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL, env={**self.env, "TASKSCOPE_TRACE": "run.trace",
                                            "TASKSCOPE_RING_RECORDS": "4096"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.addCleanup(program.communicate)
        self.addCleanup(program.kill)
        self.assertRegex(program.stderr.readline().decode(),
                         r"\Ataskscope: TASKSCOPE_TRACE: cannot write run.trace any more "
                         r"\([^)]+\); what was written before is whole.\n\Z")
        self.assertIsNone(program.poll())
        self.assertEqual((self.folder / "run.trace").stat().st_size, limit)
        recording = self.imported()
        self.assertGreater(recording.info()["events"], 0)
        self.assertIn("ends in the middle",
                      recording.value("SELECT value FROM meta WHERE key = 'notes'"))

    def test_a_file_cut_anywhere_opens_or_says_why_not(self):
        self.trace(VICTIM, "exit-7", status=7)
        whole = (self.folder / "run.trace").read_bytes()
        chance = random.Random(SEED)
        print(f"cuts: seed {SEED}")
        events = []
        for size in sorted([0, 3, 8, 100, *(chance.randrange(len(whole)) for _ in range(20))]):
            (self.folder / "cut.trace").write_bytes(whole[:size])
            run = self.taskscope("import", "-q", "cut.trace", "-o", "cut.tscope")
            if run.returncode == 0:
                events.append(Recording(self, self.folder / "cut.tscope").info()["events"])
            else:
                self.assert_refused(run, "cut.trace")
                self.assertFalse((self.folder / "cut.tscope").exists())
                self.assertLess(size, 2000)
        self.assertEqual(events, sorted(events))
        self.assertGreater(events[-1], 1000)

    def test_damage_is_survived(self):
        self.trace(VICTIM, "exit-7", status=7)
        whole = (self.folder / "run.trace").read_bytes()
        chance = random.Random(SEED)
        print(f"damage: seed {SEED}")
        for _ in range(60):
            damaged = bytearray(whole)
            for _ in range(chance.choice((1, 1, 10, 1000))):
                damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
            (self.folder / "cut.trace").write_bytes(damaged)
            run = self.taskscope("import", "-q", "cut.trace", "-o", "cut.tscope")
            if run.returncode == 0:
                Recording(self, self.folder / "cut.tscope").info()
            else:
                self.assert_refused(run, "cut.trace")

    def test_other_commands_say_what_to_do_with_it(self):
        self.trace(VICTIM, "exit-7", status=7)
        for command in ("report", "info", "open"):
            self.assert_refused(self.taskscope(command, "run.trace"), "taskscope import run.trace")

    def test_what_is_no_trace_file_is_refused(self):
        (self.folder / "text").write_text("no trace\n" * 100, encoding="ascii")
        self.assert_refused(self.taskscope("import", "text"), "text is not a trace file")
        self.assert_refused(self.taskscope("import", "nothing"), "nothing", "No such file")
        self.assert_refused(self.taskscope("import", "/"), "/")
        self.trace(VICTIM, "exit-7", status=7)
        self.assert_refused(self.taskscope("import", "run.trace", "-o", "text"), "text",
                            "not a recording")


if __name__ == "__main__":
    unittest.main()
