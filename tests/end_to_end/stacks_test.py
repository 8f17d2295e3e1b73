#!/usr/bin/env python3
"""Stacks of calls at spawns and waits, and samples of what the processors work on."""

import gzip
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import unittest

from support import BUILD, CLIMBER, ROOT, TIMEOUT_S, WORDCOUNT, Case, Recording, wait_until

ECHO = BUILD / "runtime" / "examples" / "echo"
SOURCE = ROOT / "tests" / "end_to_end" / "climber.cpp"
TSAN = BUILD.name == "tsan"
OWN_CALLS = ("SELECT function || ' ' || line FROM call WHERE stack_id = {} AND NOT runtime"
             " ORDER BY depth")


def line_of(mark):
    """The line of climber.cpp that says `LINE: mark`."""
    for number, text in enumerate(SOURCE.read_text().splitlines(), 1):
        if text.endswith(f"// LINE: {mark}"):
            return number
    raise AssertionError(f"no line is marked {mark}")


class Stacks(Case):
    def record_with(self, *options, command, workers=2):
        run = self.taskscope("record", "-q", "--propagate-exit", *options, "-o", "run.tscope", "--",
                             *command, env={"TASKSCOPE_WORKERS": str(workers)})
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return Recording(self, self.folder / "run.tscope")

    def rows(self, recording, sql):
        return [tuple(row.values()) for row in recording.query(sql)]

    def calls_of(self, recording, stack):
        return [call for (call,) in self.rows(recording, OWN_CALLS.format(stack))]

    def assert_climbs(self, recording):
        """The calls of the task that waits, and of who spawned it, by name and line."""
        stacks = self.rows(recording, "SELECT DISTINCT stack_id FROM span WHERE state = 'sleeping'")
        self.assertEqual(len(stacks), 1)
        calls = self.calls_of(recording, stacks[0][0])
        self.assertEqual(calls[:3], [f"climb::wait_at_the_top() {line_of('wait')}",
                                     f"climb::climb_higher() {line_of('higher')}",
                                     f"climb::climb() {line_of('climb')}"])
        spawned = self.rows(recording, "SELECT DISTINCT spawn_stack_id FROM task WHERE id > 1")
        self.assertEqual(len(spawned), 1)
        calls = self.calls_of(recording, spawned[0][0])
        self.assertTrue(calls[0].startswith("climb::start_climber("), calls)
        self.assertTrue(calls[1].startswith("climb::send_somebody("), calls)
        self.assertEqual([int(call.rsplit(" ", 1)[1]) for call in calls[:2]],
                         [line_of("spawn"), line_of("send")])


class AtWaitsAndSpawns(Stacks):
    def test_the_calls_have_their_names_and_lines(self):
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                recording = self.record_with("--stacks", command=(CLIMBER, "wait", "50"),
                                             workers=workers)
                self.assert_climbs(recording)
                self.assertEqual(recording.value(
                    "SELECT count(*) FROM span WHERE state = 'sleeping' AND stack_id IS NULL"), 0)
                self.assertEqual(recording.value(
                    "SELECT count(*) FROM event WHERE kind = 'block' AND stack_id IS NULL"), 0)
                (spans, functions), = self.rows(recording,
                    "SELECT spans, functions FROM blocked_by_stack WHERE reason = 'sleep'")
                self.assertEqual(spans, 50)
                self.assertTrue(functions.startswith(
                    "climb::wait_at_the_top() < climb::climb_higher() < climb::climb() < "))
                recording.assert_times_add_up()

    def test_functions_are_the_programs_own(self):
        (self.folder / "tree").mkdir()
        (self.folder / "tree" / "a.txt").write_text("a word and another one")
        recording = self.record_with("--stacks", command=(WORDCOUNT, "tree"))
        waits = self.rows(recording, "SELECT reason, functions FROM blocked_by_stack")
        self.assertTrue(waits)
        for reason, functions in waits:
            innermost = functions.split(" < ")[0]
            self.assertNotIn("recv", innermost, reason)
            self.assertNotIn("taskscope::sched", functions, reason)

    def test_there_are_none_if_nobody_asks(self):
        recording = self.record_with(command=(CLIMBER, "wait", "5"))
        for table in ("stack", "frame", "module", "sample"):
            self.assertEqual(recording.value(f"SELECT count(*) FROM {table}"), 0, table)
        self.assertEqual(recording.value("SELECT count(stack_id) FROM span"), 0)

    def test_a_view_of_calls_that_there_are_none_of_is_refused(self):
        recording = self.record_with(command=(CLIMBER, "wait", "5"))
        for view, option in (("cpu", "--samples"), ("waits", "--stacks")):
            self.assert_refused(self.taskscope("screenshot", "run.tscope", "-o", "no.png", "--view",
                                               view), option)
        drawing = recording.screenshot("plain.svg", "--select", "2")
        self.assertNotIn("Started in", drawing.texts)

    def test_a_wait_and_its_task_show_where_they_came_from(self):
        recording = self.record_with("--stacks", command=(CLIMBER, "wait", "5"))
        (task, start), = self.rows(recording,
            "SELECT task_id, start_ns FROM span WHERE state = 'sleeping' LIMIT 1")
        drawing = recording.screenshot("wait.svg", "--view-state",
                                       f"ts1/task={task}/span={start}ns/drawer=400")
        for text in ("Waits in", "climb::wait_at_the_top", "Started in", "climb::start_climber"):
            self.assertIn(text, drawing.texts)
        drawing = recording.screenshot("waits.svg", "--view", "waits")
        self.assertIn("climb::wait_at_the_top", drawing.texts)

    def test_a_program_that_records_itself_has_them(self):
        run = subprocess.run([str(CLIMBER), "wait", "20"], cwd=self.folder, check=False,
                             capture_output=True, timeout=TIMEOUT_S,
                             env={**self.env, "TASKSCOPE_TRACE": "run.trace",
                                  "TASKSCOPE_STACKS": "1", "TASKSCOPE_WORKERS": "2"})
        self.assertEqual((run.returncode, run.stderr), (0, b""))
        run = self.taskscope("import", "-q", "run.trace", "-o", "run.tscope")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assert_climbs(Recording(self, self.folder / "run.tscope"))

    def test_whoever_attaches_gets_them_too(self):
        program = subprocess.Popen([str(CLIMBER), "wait", "100000000"], env=self.env)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        wait_until(lambda: (self.folder / "taskscope" / f"{program.pid}.sock").exists(),
                   "the program's socket")
        run = self.taskscope("attach", program.pid, "-q", "--stacks", "--for", "300ms", "-o",
                             "run.tscope")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        recording = Recording(self, self.folder / "run.tscope")
        self.assertGreater(recording.value(
            "SELECT count(*) FROM blocked_by_stack WHERE reason = 'sleep' AND functions LIKE"
            " 'climb::wait_at_the_top() < climb::climb_higher() < climb::climb()%'"), 0)
        self.assertIsNone(program.poll())

    def test_a_setting_that_makes_no_sense_is_refused(self):
        for name, value in (("TASKSCOPE_STACKS", "yes"), ("TASKSCOPE_SAMPLES", "1000000")):
            with self.subTest(name=name):
                run = subprocess.run([str(CLIMBER), "wait", "1"], check=False, capture_output=True,
                                     timeout=TIMEOUT_S, env={**self.env, name: value})
                self.assertNotEqual(run.returncode, 0)
                self.assertIn(f"{name}={value}", run.stderr.decode())
        for value in ("5000", "0", "-1", "often", "99Hz"):
            self.assert_refused(self.taskscope("record", f"--samples={value}", "--", "true"),
                                value, status=2)


@unittest.skipUnless(shutil.which("objcopy"), "needs objcopy")
class DebugInformation(Stacks):
    """Of a program from which it was split, where the environment names a server to ask."""

    def setUp(self):
        super().setUp()
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        server.setblocking(False)
        self.server = server
        self.env = {**self.env, "DEBUGINFOD_URLS": f"http://127.0.0.1:{server.getsockname()[1]}"}
        self.climber = self.folder / "climber"
        shutil.copy(CLIMBER, self.climber)
        for words in (("--only-keep-debug", "climber", "climber.debug"),
                      ("--strip-debug", "--add-gnu-debuglink=climber.debug", "climber")):
            subprocess.run(["objcopy", *words], cwd=self.folder, check=True, timeout=TIMEOUT_S)

    def assert_nobody_asked(self):
        with self.assertRaises(BlockingIOError):
            self.server.accept()

    def test_a_recorder_finds_it_beside_the_program_and_asks_no_server(self):
        self.assert_climbs(self.record_with("--stacks", command=(self.climber, "wait", "5")))
        self.assert_nobody_asked()

    def test_of_another_build_it_is_not_believed(self):
        shutil.copy(WORDCOUNT, self.folder / "climber.debug")
        recording = self.record_with("--stacks", command=(self.climber, "wait", "5"))
        self.assertEqual(recording.value("SELECT count(*) FROM call WHERE module LIKE '%/climber'"
                                         " AND file IS NOT NULL"), 0)

    def test_the_last_words_of_a_program_have_its_lines_and_ask_no_server(self):
        program = subprocess.Popen([str(self.climber), "wait", "100000000"], env=self.env,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(program.kill)
        wait_until(lambda: (self.folder / "taskscope" / f"{program.pid}.sock").exists(),
                   "the program's socket")
        program.send_signal(signal.SIGQUIT)
        dump = program.communicate(timeout=TIMEOUT_S)[1].decode()
        self.assertIn(f"climber.cpp:{line_of('wait')}", dump)
        self.assert_nobody_asked()


@unittest.skipIf(TSAN, "no samples under ThreadSanitizer")
class Samples(Stacks):
    def test_they_fall_where_the_work_is(self):
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                recording = self.record_with("--samples=250", command=(CLIMBER, "burn", "8000"),
                                             workers=workers)
                samples = recording.value("SELECT count(*) FROM sample")
                self.assertGreater(samples, 50)
                by_task = dict(self.rows(recording,
                    "SELECT task.name, count(*) FROM sample JOIN task ON task.id = sample.task_id"
                    " GROUP BY 1"))
                # Twice as much work, and hardly anything else in the program.
                self.assertGreater(by_task["hot"], 1.4 * by_task["warm"])
                self.assertGreater(by_task["hot"] + by_task["warm"], 0.9 * samples)
                (function, own, total), = self.rows(recording,
                    "SELECT function, self, total FROM cpu_by_function LIMIT 1")
                self.assertTrue(function.startswith("climb::collatz("), function)
                self.assertGreater(own, 0.7 * samples)
                callers = recording.value(
                    "SELECT total FROM cpu_by_function WHERE function LIKE 'climb::burn_for(%'")
                self.assertGreaterEqual(callers, total)
                # Its caller is the next function of each stack, though it has no frame itself.
                self.assertEqual(recording.value(
                    "SELECT count(*) FROM sample JOIN call AS own ON own.stack_id = sample.stack_id"
                    " AND own.depth = 0 AND own.function LIKE 'climb::collatz(%'"
                    " JOIN call AS caller ON caller.stack_id = sample.stack_id"
                    " AND caller.depth = 1 WHERE caller.function NOT LIKE 'climb::burn_for(%'"), 0)
                self.assertEqual(recording.value(
                    "SELECT count(*) FROM sample LEFT JOIN thread ON thread.os_id = thread_id"
                    " WHERE thread.os_id IS NULL"), 0)

    def test_a_caller_is_known_of_a_function_without_a_frame(self):
        recording = self.record_with("--samples=250", command=(CLIMBER, "search", "5000"))
        of_search = recording.value(
            "SELECT count(*) FROM sample JOIN call ON call.stack_id = sample.stack_id"
            " AND NOT inlined AND depth IN (1, 2) AND function LIKE 'climb::search(%'")
        in_libc = recording.value(
            "SELECT count(*) FROM sample JOIN call ON call.stack_id = sample.stack_id"
            " AND depth = 0 AND module LIKE '%libc.so%'")
        self.assertGreater(in_libc, 20)
        self.assertGreaterEqual(of_search, 0.95 * in_libc)

    def test_a_report_says_where_the_time_went(self):
        self.record_with("--samples=250", "--stacks", command=(CLIMBER, "burn", "3000"))
        report = self.taskscope("report", "run.tscope").stdout.decode()
        self.assertIn("Where CPU time went", report)
        self.assertIn("climb::collatz", report)

    def test_the_window_shows_them(self):
        recording = self.record_with("--samples=250", "--stacks", command=(CLIMBER, "burn", "3000"))
        self.assertGreater(recording.value("SELECT count(*) FROM sample"), 10)
        drawing = recording.screenshot("cpu.svg", "--view", "cpu")
        self.assertTrue(any("collatz" in text for text in drawing.texts), drawing.texts)
        self.assertTrue(any("in view" in text for text in drawing.texts))
        picture = recording.screenshot("cpu.png", "--view", "cpu")
        known, differing = drawing.compare(picture)
        self.assertGreater(known, 0.5)
        self.assertLess(differing, 0.001)
        plain = recording.screenshot("plain.png", "--view-state", "ts1/samples=hidden")
        self.assertGreater(plain.share_that_differs(recording.screenshot("marks.png")), 0)

    def test_pprof_has_them(self):
        self.record_with("--samples=250", "--stacks", command=(CLIMBER, "burn", "3000"))
        for kind in ("cpu", "block", "spawn"):
            run = self.taskscope("export", "run.tscope", "--format", f"pprof:{kind}", "-o",
                                 f"{kind}.pb.gz")
            self.assertEqual(run.returncode, 0, run.stderr.decode())
            with gzip.open(self.folder / f"{kind}.pb.gz") as file:
                self.assertIn(b"climb::burn_for(" if kind == "cpu" else b"climb::", file.read())
        self.assert_refused(self.taskscope("export", "run.tscope", "--format", "pprof:heap", "-o",
                                           "heap.pb.gz"), "pprof:heap", status=2)
        self.assert_refused(self.taskscope("export", "run.tscope", "--format", "pprof:cpu",
                                           "--plain", "-o", "both"), status=2)

    def test_calls_into_the_system_go_on_working(self):
        # Sampled as often as can be; it fails unless all answers come, and are right.
        recording = self.record_with("--samples=1000", "--stacks",
                                     command=(ECHO, "--clients", "50", "--rounds", "500"))
        self.assertGreater(recording.value("SELECT count(*) FROM sample"), 10)

    def test_the_word_behind_the_option_is_not_its_value(self):
        program = subprocess.Popen([str(CLIMBER), "burn", "100000000"], env=self.env)
        self.addCleanup(program.wait)
        self.addCleanup(program.kill)
        wait_until(lambda: (self.folder / "taskscope" / f"{program.pid}.sock").exists(),
                   "the program's socket")
        run = self.taskscope("attach", "-q", "--for", "500ms", "-o", "run.tscope", "--samples",
                             program.pid)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        recording = Recording(self, self.folder / "run.tscope")
        self.assertGreater(recording.value("SELECT count(*) FROM sample"), 0)
        self.assertIsNone(program.poll())

    def test_what_came_before_a_kill_is_kept(self):
        recorder = self.start("record", "-q", "--samples=250", "--stacks", "-o", "run.tscope", "--",
                              CLIMBER, "burn", "100000000")
        partial = self.folder / "run.tscope.partial"

        def samples():
            if not partial.exists():
                return 0
            with sqlite3.connect(f"file:{partial}?mode=ro", uri=True) as database:
                try:
                    return database.execute("SELECT count(*) FROM sample").fetchone()[0]
                except sqlite3.OperationalError:
                    return 0  # it is just being made

        wait_until(lambda: samples() > 20, "samples in the file")
        os.killpg(recorder.pid, signal.SIGKILL)
        recorder.wait()
        kept = samples()
        self.assertGreater(kept, 20)
        recording = Recording(self, partial)
        self.assertEqual(recording.value("SELECT count(*) FROM sample JOIN stack"
                                         " ON stack.id = stack_id WHERE addresses <> ''"), kept)
        # Nobody had the time to name them.
        self.assertEqual(recording.value("SELECT count(*) FROM frame"), 0)
        stacks = recording.value("SELECT count(*) FROM stack WHERE kind = 'sample'")
        self.assertGreater(stacks, 0)
        self.assertEqual(recording.value(
            "SELECT count(*) FROM stack_text JOIN stack ON stack.id = stack_id"
            " WHERE functions = addresses AND kind = 'sample'"), stacks)
        # A picture has their addresses.
        run = self.taskscope("screenshot", partial, "-o", "cut.svg", "--view", "cpu")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertIn("0x", (self.folder / "cut.svg").read_text())


if __name__ == "__main__":
    unittest.main()
