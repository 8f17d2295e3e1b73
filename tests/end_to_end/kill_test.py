#!/usr/bin/env python3
"""Programs and recorders killed at random moments: nothing that was there by then is missing.

TASKSCOPE_KILLS says how often each (6 in an everyday run), TASKSCOPE_TEST_SEED repeats a run.
"""

import contextlib
import os
import pathlib
import random
import signal
import sqlite3
import struct
import time
import unittest

from support import VICTIM, Case, Recording, wait_until

KILLS = int(os.environ.get("TASKSCOPE_KILLS", "6"))
SEED = int(os.environ.get("TASKSCOPE_TEST_SEED", "1"))
LONGEST_S = 1.2  # several chunks and commits of the recorder
OTHER_TASKS = 1001  # that the victim has before it counts
UNFINISHED = "run.tscope.partial"


class AtRandomMoments(Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)

    def start_counting(self):
        process = self.start("record", "-q", "-o", "run.tscope", "--", VICTIM, "count")
        self.assertEqual(process.stdout.readline(), b"ready\n")
        time.sleep(self.random.uniform(0, LONGEST_S))
        return process

    def victim_of(self, recorder):
        children = pathlib.Path(f"/proc/{recorder.pid}/task/{recorder.pid}/children")
        (victim,) = map(int, children.read_text(encoding="ascii").split())
        return victim

    def counted(self):
        return struct.unpack("<Q", (self.folder / "count").read_bytes())[0]

    def test_a_killed_program_loses_no_event(self):
        for kill in range(KILLS):
            number = self.random.choice([signal.SIGKILL, signal.SIGSEGV])
            with self.subTest(seed=SEED, kill=kill, signal=number):
                recorder = self.start_counting()
                os.kill(self.victim_of(recorder), number)
                recorder.communicate(timeout=240)
                recording = Recording(self, self.folder / "run.tscope")
                info = recording.info()
                self.assertTrue(info["complete"])
                self.assertEqual(info["lost_events"], 0)
                # The last one may have been started, and not counted yet.
                self.assertIn(info["tasks"] - OTHER_TASKS - self.counted(), (0, 1))
                self.assertEqual(recording.value("SELECT value FROM meta WHERE key = 'notes'"), "")
                recording.assert_times_add_up()

    def stored(self):
        """What a reader finds: chunks and their events, tasks; None before there is anything."""
        name = f"file:{self.folder / UNFINISHED}?mode=ro"
        with contextlib.closing(sqlite3.connect(name, uri=True)) as database:
            try:
                chunks = database.execute(
                    "SELECT id, worker_id, start_ns, end_ns, events, length(data) FROM chunk "
                    "ORDER BY id").fetchall()
                tasks = database.execute("SELECT count(*) FROM task").fetchone()[0]
            except sqlite3.OperationalError:
                return None
        return chunks, tasks

    def test_a_killed_recorder_leaves_what_it_had_stored(self):
        for kill in range(KILLS):
            with self.subTest(seed=SEED, kill=kill):
                recorder = self.start_counting()
                victim = self.victim_of(recorder)
                chunks, tasks = wait_until(self.stored, "the recorder has made its tables")
                recorder.kill()
                recorder.wait()
                self.assertTrue(os.path.exists(f"/proc/{victim}"), "the program goes on")
                os.kill(victim, signal.SIGKILL)
                left_chunks, left_tasks = self.stored()
                # One that was under way may have grown meanwhile.
                for before, after in zip(chunks, left_chunks, strict=False):
                    self.assertEqual(after[:3], before[:3])
                    self.assertGreaterEqual(after[3], before[3])
                    self.assertGreaterEqual(after[4], before[4])
                self.assertGreaterEqual(len(left_chunks), len(chunks))
                self.assertGreaterEqual(left_tasks, tasks)
                recording = Recording(self, self.folder / UNFINISHED)
                self.assertFalse(recording.info()["complete"])
                self.assertEqual(recording.value("SELECT count(*) FROM event"),
                                 sum(chunk[4] for chunk in left_chunks))
                name = self.folder / UNFINISHED
                with contextlib.closing(sqlite3.connect(name)) as database:
                    self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(),
                                     [("ok",)])
                (self.folder / UNFINISHED).unlink()


if __name__ == "__main__":
    unittest.main()
