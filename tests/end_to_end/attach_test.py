#!/usr/bin/env python3
"""Attaches to programs that are in the middle of everything, from outside."""

import json
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import unittest

from support import BUSTLE, Case, Recording, end_group, wait_until

SEED = int(os.environ.get("TASKSCOPE_TEST_SEED", "1"))

# What each named task of bustle is doing for as long as somebody looks, and what it waits for.
STILL = {
    "waits for a channel": ("blocked", "chan recv"),
    "waits for one of two": ("blocked", "select"),
    "waits for a mutex": ("blocked", "mutex"),
    "waits for a group": ("blocked", "wait_group"),
    "main": ("syscall", ""),
    "computes": ("running", ""),
}


def is_stopped(pid):
    """Whether all its threads have been stopped by a signal."""
    return all(path.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))


class Attached(Case):
    def setUp(self):
        super().setUp()
        self.program = None

    def start_bustle(self, workers=2, env=None):
        program = subprocess.Popen(
            [str(BUSTLE)], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
            env={**self.env, "TASKSCOPE_WORKERS": str(workers), **(env or {})})
        self.addCleanup(end_group, program)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        if not env:
            # Programs shorter than that are not listed.
            wait_until(lambda: self.listed(program.pid), "the program is listed")
        return program

    def listed(self, pid):
        run = self.taskscope("list", "--json")
        self.assertEqual(run.returncode, 0, run.stderr)
        return next((each for each in json.loads(run.stdout) if each["pid"] == pid), None)

    def assert_unharmed(self, program):
        """It has passed all its messages in order, and ends as if nothing had been."""
        out, err = program.communicate(timeout=60)
        self.assertEqual((program.returncode, err), (0, b""))
        passed, wrong, last = out.split(b"\n")[0].split()[0], out.split()[2], out.split()[-1]
        self.assertGreater(int(passed), 0)
        self.assertEqual((wrong, last), (b"0", b"done"))

    def attach(self, program, *arguments, name="run.tscope"):
        run = self.taskscope("attach", program.pid, "-o", name, "-q", *arguments)
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        self.assertEqual(run.stderr, b"")
        return Recording(self, self.folder / name)

    def assert_whole_from_its_first_instant(self, recording):
        """Each task's states follow each other without a gap from time zero, or its spawn, on."""
        info = recording.info()
        self.assertEqual(info["lost_events"], 0)
        self.assertTrue(info["complete"])
        self.assertEqual(recording.value("SELECT value FROM meta WHERE key = 'notes'"), "")
        spans = {}
        for span in recording.query("SELECT task_id, state, start_ns, end_ns FROM span "
                                    "ORDER BY task_id, start_ns, end_ns"):
            spans.setdefault(span["task_id"], []).append(span)
        tasks = recording.query("SELECT id, name, state, created_ns, ended_ns FROM task")
        for task in tasks:
            mine = spans.get(task["id"], [])
            self.assertTrue(mine, task)
            self.assertEqual(mine[0]["start_ns"], task["created_ns"] or 0, task)
            for before, after in zip(mine, mine[1:]):
                self.assertEqual(before["end_ns"], after["start_ns"], task)
            end = task["ended_ns"] if task["ended_ns"] is not None else info["duration_ns"]
            self.assertEqual(mine[-1]["end_ns"], end, task)
        return tasks, spans


class List(Attached):
    def test_shows_what_runs_and_only_that(self):
        first, second = self.start_bustle(), self.start_bustle(workers=3)
        shown = self.listed(second.pid)
        self.assertEqual(shown["program"], str(BUSTLE))
        self.assertEqual((shown["workers"], shown["recording"]), (3, False))
        self.assertGreaterEqual(shown["tasks"], 11)
        self.assertGreater(shown["age_ns"], 0)
        text = self.taskscope("list").stdout.decode()
        self.assertRegex(text, rf"PID +PROGRAM +AGE +TASKS +RECORDED")
        self.assertRegex(text, rf"{first.pid} +\S+bustle +\S+ ?\S* +\d+ +no")
        self.assert_unharmed(first)
        self.assertIsNone(self.listed(first.pid))
        second.kill()
        second.wait()
        self.assertNotEqual(os.listdir(self.folder / "taskscope"), [])
        self.assertIsNone(self.listed(second.pid))
        self.assertEqual(os.listdir(self.folder / "taskscope"), [])

    def test_the_files_are_the_users_own(self):
        program = self.start_bustle()
        folder = self.folder / "taskscope"
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        for path in folder.iterdir():
            self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
        beside = json.loads((folder / f"{program.pid}.json").read_text())
        self.assertEqual((beside["pid"], beside["program"]), (program.pid, str(BUSTLE)))
        folder.chmod(0o755)
        self.assertIsNone(self.listed(program.pid))
        folder.chmod(0o700)
        self.assert_unharmed(program)

    def test_a_program_that_is_stopped_is_shown_without_its_figures(self):
        program = self.start_bustle()
        program.send_signal(signal.SIGSTOP)
        wait_until(lambda: is_stopped(program.pid), "the program stands still")
        shown = self.listed(program.pid)
        self.assertEqual((shown["program"], shown["tasks"]), (str(BUSTLE), None))
        self.assertIn("stopped", shown["problem"])
        program.send_signal(signal.SIGCONT)
        self.assert_unharmed(program)

    def test_a_program_that_wants_none_of_it_is_not_there(self):
        program = self.start_bustle(env={"TASKSCOPE_ATTACH": "0"})
        self.assertIsNone(self.listed(program.pid))
        self.assert_refused(self.taskscope("attach", program.pid), str(program.pid),
                            "taskscope list")
        self.assert_unharmed(program)


class Attach(Attached):
    def test_every_task_is_there_from_the_first_instant(self):
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                program = self.start_bustle(workers)
                recording = self.attach(program, "--for", "300ms")
                tasks, spans = self.assert_whole_from_its_first_instant(recording)
                by_name = {task["name"]: task for task in tasks}
                for name, (state, reason) in STILL.items():
                    task = by_name[name]
                    self.assertEqual(task["state"], state, name)
                    mine = recording.query(
                        f"SELECT state, coalesce(reason, '') AS reason FROM span "
                        f"WHERE task_id = {task['id']}")
                    if name != "computes":  # it may have to give its worker up, and wait for one
                        self.assertEqual([(s["state"], s["reason"]) for s in mine],
                                         [(state, reason)], name)
                self.assertEqual(recording.value(
                    "SELECT object.name FROM span JOIN object ON object.id = object_id "
                    "JOIN task ON task.id = task_id WHERE task.name = 'waits for a mutex'"), "held")
                self.assertEqual(recording.value(
                    "SELECT count(*) FROM task JOIN site ON site.id = spawn_site_id "
                    "WHERE created_ns IS NULL AND file LIKE '%bustle.cpp' AND line > 0"),
                    sum(task["created_ns"] is None for task in tasks))
                self.assertGreater(recording.value(
                    "SELECT count(*) FROM event WHERE kind = 'ready'"), 100)
                self.assertEqual(recording.info()["workers"], workers)
                self.assert_unharmed(program)

    def test_detaching_leaves_the_program_as_it_was_and_it_can_be_attached_to_again(self):
        program = self.start_bustle()
        for i in range(10):
            recording = self.attach(program, "--for", "50ms", name=f"{i}.tscope")
            self.assert_whole_from_its_first_instant(recording)
            self.assertFalse(self.listed(program.pid)["recording"])
            self.assertNotIn(b"taskscope-ring", self.maps_of(program))
        self.assert_unharmed(program)

    def maps_of(self, program):
        with open(f"/proc/{program.pid}/maps", "rb") as maps:
            return maps.read()

    def test_ctrl_c_ends_the_recording_and_not_the_program(self):
        program = self.start_bustle()
        recorder = self.start("attach", program.pid, "-o", "run.tscope")
        wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        self.assertEqual(self.listed(program.pid)["recorder_pid"], recorder.pid)
        other = self.taskscope("attach", "bustle", "-o", "other.tscope")
        self.assert_refused(other, "recorded already", str(recorder.pid))
        self.assertFalse((self.folder / "other.tscope").exists())
        self.assertFalse((self.folder / "other.tscope.partial").exists())
        wait_until(lambda: (self.folder / "run.tscope.partial").stat().st_size > 0, "it grows")
        recorder.send_signal(signal.SIGINT)
        self.assertEqual(recorder.wait(timeout=60), 0, recorder.stderr.read())
        self.assert_whole_from_its_first_instant(Recording(self, self.folder / "run.tscope"))
        self.assertIsNone(program.poll())
        self.assert_unharmed(program)

    def test_a_program_that_ends_while_it_is_recorded_is_recorded_to_its_end(self):
        program = self.start_bustle()
        recorder = self.start("attach", program.pid, "-q", "-o", "run.tscope")
        wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        self.assert_unharmed(program)
        self.assertEqual(recorder.wait(timeout=60), 0)
        recording = Recording(self, self.folder / "run.tscope")
        tasks, _ = self.assert_whole_from_its_first_instant(recording)
        self.assertEqual({task["state"] for task in tasks}, {"done"})

    def test_a_program_that_is_killed_while_it_is_recorded_loses_nothing(self):
        program = self.start_bustle()
        recorder = self.start("attach", program.pid, "-q", "-o", "run.tscope")
        wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        program.kill()
        self.assertEqual(recorder.wait(timeout=60), 0)
        self.assert_whole_from_its_first_instant(Recording(self, self.folder / "run.tscope"))

    def test_names_that_mean_nothing_or_too_much_are_refused(self):
        self.assert_refused(self.taskscope("attach", "nobody"), "nobody", "taskscope list")
        self.assert_refused(self.taskscope("attach", "1"), "process id 1")
        first, second = self.start_bustle(), self.start_bustle()
        self.assert_refused(self.taskscope("attach", "bustle"), str(first.pid), str(second.pid))

    def test_a_launched_program_is_left_when_its_time_is_up(self):
        program = self.start("record", "--for", "200ms", "-o", "run.tscope", "--", BUSTLE,
                             stdin=subprocess.PIPE)
        wait_until((self.folder / "run.tscope").exists, "the recording is complete")
        self.assert_whole_from_its_first_instant(Recording(self, self.folder / "run.tscope"))
        self.assertIsNone(program.poll())
        out, err = program.communicate(timeout=60)
        self.assertIn(b"done", out)
        self.assertIn(b"goes on without being recorded", err)


class Until(Attached):
    """A flight recorder: it keeps the last part, and completes the file when something happens."""

    def fly(self, program, until, *arguments):
        recorder = self.start("attach", program.pid, "-o", "run.tscope", "--until", until,
                              *arguments)
        wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        return recorder

    def tell(self, program, what):
        program.stdin.write(what)
        program.stdin.flush()

    def landed(self, recorder):
        out, err = recorder.communicate(timeout=60)
        self.assertEqual((recorder.returncode, out), (0, b""), err)
        return Recording(self, self.folder / "run.tscope"), err.decode()

    def test_the_program_says_when(self):
        for told, text in ((b"s", "standard input says so"), (b"t", "a thread says so")):
            program = self.start_bustle()
            recorder = self.fly(program, "snapshot")
            self.tell(program, told)
            self.assertEqual(program.stdout.readline(), b"heard\n")
            recording, summary = self.landed(recorder)
            self.assertEqual(recording.info()["ended_by"], f"ts::snapshot_trace: {text}")
            self.assertIn(text, summary)
            self.assertIn(text, self.taskscope("report", recording.path).stdout.decode())
            self.assertEqual(recording.value(
                "SELECT count(*) FROM event WHERE kind = 'snapshot'"), 1)
            self.assertIsNone(recording.value(
                "SELECT max(task.name) FROM event LEFT JOIN task ON task.id = task_id "
                "WHERE event.kind = 'snapshot' AND task.name != 'main'"))
            self.assertFalse(self.listed(program.pid)["recording"])
            self.assert_unharmed(program)

    def test_a_signal_to_the_recorder_says_when(self):
        program = self.start_bustle()
        recorder = self.fly(program, "finding")
        recorder.send_signal(signal.SIGUSR1)
        recording, _ = self.landed(recorder)
        self.assertEqual(recording.info()["ended_by"], "SIGUSR1")
        self.assert_unharmed(program)

    def test_a_pile_of_tasks_that_grows_says_when(self):
        program = self.start_bustle()
        recorder = self.fly(program, "finding")

        def adds_to_the_pile():
            self.tell(program, b"p")
            return recorder.poll() is not None

        wait_until(adds_to_the_pile, "the recorder sees the pile")
        recording, summary = self.landed(recorder)
        self.assertRegex(recording.info()["ended_by"],
                         r"^a finding: \d+ tasks wait at one place \(chan recv\), and get more$")
        self.assertIn("bustle.cpp", summary)  # what the finished file's own findings say
        self.assertEqual(recording.report()["findings"][0]["kind"], "leak")
        self.assert_unharmed(program)

    def test_without_a_recorder_that_waits_for_it_a_snapshot_is_an_event_and_no_more(self):
        program = self.start_bustle()
        for told in (b"s", b"t"):
            self.tell(program, told)
            self.assertEqual(program.stdout.readline(), b"not heard\n")
        recorder = self.start("attach", program.pid, "-q", "-o", "run.tscope")
        wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        for told in (b"s", b"t"):
            self.tell(program, told)
            self.assertEqual(program.stdout.readline(), b"heard\n")
        self.assert_unharmed(program)
        self.assertEqual(recorder.wait(timeout=60), 0)
        recording = Recording(self, self.folder / "run.tscope")
        self.assertEqual(recording.value("SELECT count(*) FROM event WHERE kind = 'snapshot'"), 2)
        self.assertIsNone(recording.info()["ended_by"])

    def test_a_launched_program_goes_on_without_it(self):
        program = self.start("record", "--until", "snapshot", "-o", "run.tscope", "--", BUSTLE,
                             stdin=subprocess.PIPE)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        self.tell(program, b"s")
        self.assertEqual(program.stdout.readline(), b"heard\n")
        while b"goes on without being recorded" not in program.stderr.readline():
            self.assertIsNone(program.poll())
        self.assertTrue((self.folder / "run.tscope").exists())
        out, _ = program.communicate(timeout=60)
        self.assertIn(b"done", out)

    def test_what_is_no_reason_is_refused(self):
        self.assert_refused(self.taskscope("attach", "1", "--until", "tomorrow"), "--until",
                            status=2)


class Robust(Attached):
    def test_a_recorder_that_is_killed_leaves_the_program_and_a_file_that_opens(self):
        chance = random.Random(SEED)
        print(f"kills: seed {SEED}")
        program = self.start_bustle()
        for i in range(10):
            recorder = self.start("attach", program.pid, "-q", "-o", f"{i}.tscope")
            wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
            delay = chance.random() * 0.3
            try:
                recorder.wait(timeout=delay)
            except subprocess.TimeoutExpired:
                pass
            recorder.kill()
            recorder.wait()
            wait_until(lambda: not self.listed(program.pid)["recording"], "it is noticed")
            left = Recording(self, self.folder / f"{i}.tscope.partial")
            if left.path.stat().st_size > 0:
                self.assertFalse(left.info()["complete"])
                self.assertEqual(left.value("SELECT count(*) FROM event"), left.info()["events"])
        self.attach(program, "--for", "50ms")
        self.assert_unharmed(program)

    def connect(self, program):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(sock.close)
        sock.connect(str(self.folder / "taskscope" / f"{program.pid}.sock"))
        sock.settimeout(60)
        return sock

    def test_nonsense_at_the_door_is_shown_out(self):
        chance = random.Random(SEED)
        print(f"nonsense: seed {SEED}")
        program = self.start_bustle()
        request = struct.pack("=IHHII", 0x504f4353, 2, 4, 1, 0)
        for _ in range(200):
            kind = chance.randrange(4)
            if kind == 0:
                packet = chance.randbytes(chance.randrange(1, 2000))
            elif kind == 1:
                packet = request[:chance.randrange(1, len(request))]
            elif kind == 2:
                packet = bytearray(request)
                packet[chance.randrange(len(packet))] ^= 1 << chance.randrange(8)
            else:
                packet = request + b"more"
            sock = self.connect(program)
            sock.send(packet)
            if kind != 2:
                self.assertEqual(sock.recv(1000), b"")
        refused = self.connect(program)
        refused.send(struct.pack("=IHHII", 0x504f4353, 77, 4, 1, 0))
        self.assertIn(b"version 77", refused.recv(1000))
        wait_until(lambda: not self.listed(program.pid)["recording"], "nobody records it")
        self.attach(program, "--for", "50ms")
        self.assert_unharmed(program)

    def test_a_storm_of_connections_keeps_nobody_out_for_long(self):
        program = self.start_bustle()
        path = str(self.folder / "taskscope" / f"{program.pid}.sock")
        storm = []
        for _ in range(300):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            sock.setblocking(False)
            self.addCleanup(sock.close)
            sock.connect_ex(path)
            storm.append(sock)
        wait_until(lambda: self.listed(program.pid)["tasks"], "it answers again")
        self.attach(program, "--for", "50ms")
        with open(f"/proc/{program.pid}/status", encoding="ascii") as status:
            self.assertIn("Threads:", status.read())
        self.assertLess(len(os.listdir(f"/proc/{program.pid}/fd")), 30)
        self.assert_unharmed(program)

    @unittest.skipUnless(os.geteuid() == 0, "only root can play another user")
    def test_another_user_is_not_let_in_even_where_the_folder_would(self):
        program = self.start_bustle()
        path = self.folder / "taskscope" / f"{program.pid}.sock"
        for place in (self.folder, path.parent):
            place.chmod(0o755)
        path.chmod(0o666)
        child = subprocess.run(
            ["python3", "-c", "import socket, sys\n"
             "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
             "s.connect(sys.argv[1])\n"
             "try:\n"
             "  s.send(bytes.fromhex('5343 4f50 0200 0400 0100 0000 0000 0000'))\n"
             "  print(s.recv(1000))\n"
             "except OSError: print(b'')\n", str(path)],
            user=65534, group=65534, capture_output=True, timeout=60, check=True, cwd="/")
        self.assertEqual(child.stdout, b"b''\n")
        path.parent.chmod(0o700)
        self.attach(program, "--for", "50ms")
        self.assert_unharmed(program)


if __name__ == "__main__":
    unittest.main()
