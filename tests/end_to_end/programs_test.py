#!/usr/bin/env python3
"""Records several programs at once: what a script starts, what forks and executes, what is attached
to together."""

import json
import os
import signal
import subprocess
import unittest

from support import BUSTLE, PARLEY, VICTIM, Case, Recording, end_group, wait_until

# What a program of the recording did, and when, by its number.
LIVES = ("SELECT program_id, min(created_ns) AS first_ns, max(ended_ns) AS last_ns, "
         "count(*) AS tasks FROM task GROUP BY program_id ORDER BY program_id")


class Programs(Case):
    def script(self, text, status=0):
        """Records a shell script in which $PARLEY, $VICTIM and $BUSTLE are our programs."""
        run = self.taskscope(
            "record", "--propagate-exit", "-o", "run.tscope", "--", "sh", "-c", text,
            env={"PARLEY": str(PARLEY), "VICTIM": str(VICTIM), "TASKSCOPE_WORKERS": "2"})
        self.assertEqual(run.returncode, status, run.stderr.decode())
        return Recording(self, self.folder / "run.tscope"), run

    def by_command(self, recording, word):
        """The programs of whose command the word is a part."""
        return [program for program in recording.info()["programs"]
                if word in (program["command"] or "")]

    def assert_each_is_whole(self, recording):
        """Nothing is lost, and every task lived while its program was recorded."""
        info = recording.info()
        self.assertEqual((info["lost_events"], info["notes"]), (0, None))
        self.assertEqual(recording.value(
            "SELECT count(*) FROM task JOIN program ON program.id = task.program_id "
            "WHERE task.created_ns < started_ns OR task.ended_ns > program.ended_ns"), 0)
        self.assertEqual(recording.value(
            "SELECT count(*) FROM span JOIN task ON task.id = task_id "
            "JOIN worker ON worker.id = worker_id WHERE worker.program_id != task.program_id"), 0)
        for program in info["programs"]:
            self.assertEqual(recording.value(
                f"SELECT count(*) FROM task WHERE program_id = {program['id']}"), program["tasks"])
        recording.assert_times_add_up()

    def test_a_server_and_its_clients_are_in_one_recording(self):
        recording, run = self.script(
            '"$PARLEY" server talk.sock 2 & "$PARLEY" client talk.sock 300 & '
            '"$PARLEY" client talk.sock 200; wait')
        info = recording.info()
        self.assertEqual([os.path.basename(each["name"]) for each in info["programs"]],
                         ["parley"] * 3)
        self.assertEqual({each["exit_status"] for each in info["programs"]}, {"ended"})
        server, = self.by_command(recording, "server")
        clients = self.by_command(recording, "client")
        self.assertEqual((server["tasks"], [each["tasks"] for each in clients]), (3, [2, 2]))
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE name = 'serves' AND "
                                         f"program_id = {server['id']} AND state = 'done'"), 2)
        self.assert_each_is_whole(recording)
        # Who asks hears nothing before its server serves, and is not served when it has gone.
        lives = {each["program_id"]: each for each in recording.query(
            "SELECT program_id, min(created_ns) AS first_ns, max(ended_ns) AS last_ns FROM task "
            "WHERE name IN ('asks', 'serves') GROUP BY program_id")}
        asked = [lives[each["id"]] for each in clients]
        served = lives[server["id"]]
        self.assertLess(served["first_ns"], min(each["last_ns"] for each in asked))
        self.assertGreater(served["last_ns"], max(each["first_ns"] for each in asked))
        self.assertIn(b"3 programs", self.taskscope("info", "run.tscope").stdout)
        self.assertIn(b"parley 3", self.taskscope("report", "run.tscope").stdout)
        self.assertRegex(run.stderr.decode(), r"programs +3\n")

    def test_clocks_are_aligned_across_fork_and_exec(self):
        # The victim runs 1,000 tasks, then starts another, waits for its end, and runs 1,000 more.
        recording, _ = self.record(VICTIM, "fork-exec", workers=2, status=7)
        parent, child = recording.info()["programs"]
        self.assertEqual((parent["tasks"], child["tasks"]), (2001, 1001))
        self.assertEqual((parent["exit_status"], child["exit_status"]), ("exited 7", "ended"))
        first, last = (recording.value(
            f"SELECT {which}(created_ns) FROM task WHERE program_id = 2") for which in
            ("min", "max"))
        self.assertEqual(recording.value(
            "SELECT count(*) FROM task WHERE program_id = 1 AND created_ns < "
            f"{first} AND id > 1"), 1000)
        self.assertEqual(recording.value(
            f"SELECT count(*) FROM task WHERE program_id = 1 AND created_ns > {last}"), 1000)
        lives = recording.query(LIVES)
        self.assertLess(lives[1]["last_ns"], lives[0]["last_ns"])
        self.assert_each_is_whole(recording)

    def test_a_child_of_fork_that_does_not_execute_is_not_recorded(self):
        recording, _ = self.record(VICTIM, "fork", workers=2, status=5)
        self.assertEqual([each["tasks"] for each in recording.info()["programs"]], [2001])

    def test_one_that_is_killed_loses_nothing_and_the_others_go_on(self):
        recording, _ = self.script('"$VICTIM" kill & wait; "$VICTIM" exit-7', status=7)
        killed, other = recording.info()["programs"]
        self.assertEqual(killed["exit_status"], "ended without a goodbye")
        self.assertEqual((killed["tasks"], other["tasks"]), (1001, 1001))
        # The last task of a worker may have said that it is done, and not yet ended.
        self.assertGreater(recording.value(
            "SELECT count(*) FROM task WHERE program_id = 1 AND state = 'done'"),
            1000 - killed["workers"])
        self.assert_each_is_whole(recording)

    def test_findings_are_those_of_each_program(self):
        recording, _ = self.script('"$VICTIM" deadlock; "$VICTIM" panic; "$VICTIM" exit-7',
                                   status=7)
        findings = {each["kind"]: each for each in recording.report()["findings"]}
        self.assertEqual(set(findings), {"deadlock", "panic"})
        self.assertTrue(findings["deadlock"]["summary"].startswith("victim 1: "))
        self.assertTrue(findings["panic"]["summary"].startswith("victim 2: "))

    def test_a_program_whose_recorder_is_gone_runs_without_a_word(self):
        run = subprocess.run([str(VICTIM), "exit-7"], capture_output=True, check=False,
                             env={**self.env, "TASKSCOPE_RECORDER": "/no/such/recorder.sock"})
        self.assertEqual((run.returncode, run.stderr), (7, b""))

    def test_nothing_is_left_where_it_listened(self):
        self.script('"$VICTIM" exit-7', status=7)
        self.assertEqual(os.listdir(self.folder / "taskscope"), [])
        recorder = self.start("record", "-o", "run.tscope", "--", VICTIM, "wait")
        self.assertEqual(recorder.stdout.readline(), b"ready\n")
        recorder.kill()
        recorder.wait()
        # The next one takes away what a killed one left.
        self.script('"$VICTIM" exit-7', status=7)
        left = [name for name in os.listdir(self.folder / "taskscope")
                if name.startswith("recorder-")]
        self.assertEqual(left, [])


class AttachToSeveral(Case):
    def start_bustle(self):
        program = subprocess.Popen(
            [str(BUSTLE)], cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
            env={**self.env, "TASKSCOPE_WORKERS": "2"})
        self.addCleanup(end_group, program)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        wait_until(lambda: self.listed(program.pid), "the program is listed")
        return program

    def listed(self, pid):
        run = self.taskscope("list", "--json")
        return next((each for each in json.loads(run.stdout) if each["pid"] == pid), None)

    def test_both_are_recorded_from_their_first_instants(self):
        programs = [self.start_bustle(), self.start_bustle()]
        recorder = self.start("attach", programs[0].pid, programs[1].pid, "-o", "run.tscope", "-q")
        growing = self.folder / "run.tscope.partial"
        for number in (1, 2):
            busy = f"SELECT count(*) > 20 FROM task WHERE program_id = {number} AND ended_ns > 0"
            wait_until(lambda: self.taskscope("query", growing, busy).stdout.endswith(b"1\n"),
                       "tasks of each come and go")
        recorder.send_signal(signal.SIGINT)
        self.assertEqual((recorder.communicate(timeout=60), recorder.returncode), ((b"", b""), 0))
        recording = Recording(self, self.folder / "run.tscope")
        info = recording.info()
        self.assertEqual({each["pid"] for each in info["programs"]},
                         {each.pid for each in programs})
        self.assertEqual(info["exit_status"], "went on without being recorded")
        for program in info["programs"]:
            mine = f"program_id = {program['id']}"
            self.assertEqual(recording.value(
                f"SELECT count(*) FROM task WHERE {mine} AND name = 'waits for a mutex' "
                "AND created_ns IS NULL AND state = 'blocked'"), 1)
            # What is older than the recording waits from its program's first instant on.
            self.assertEqual(recording.query(
                "SELECT DISTINCT start_ns FROM span JOIN task ON task.id = task_id "
                f"WHERE {mine} AND task.name = 'waits for a mutex'"),
                [{"start_ns": program["started_ns"]}])
            self.assertGreater(recording.value(
                "SELECT count(*) FROM event WHERE kind = 'ready' AND "
                f"(task_id >> 40) + 1 = {program['id']}"), 20)
        for program in programs:
            out, err = program.communicate(timeout=60)
            self.assertEqual((program.returncode, err, out.split()[-1]), (0, b"", b"done"))

    def test_one_that_is_killed_meanwhile_does_not_end_the_recording_of_the_other(self):
        first, second = self.start_bustle(), self.start_bustle()
        recorder = self.start("attach", first.pid, second.pid, "-o", "run.tscope", "-q")
        for program in (first, second):
            wait_until(lambda: self.listed(program.pid)["recording"], "it is being recorded")
        first.kill()
        first.wait()
        second.communicate(timeout=60)
        out, err = recorder.communicate(timeout=60)
        self.assertEqual((recorder.returncode, out, err), (0, b"", b""))
        ends = {each["pid"]: each["exit_status"]
                for each in Recording(self, self.folder / "run.tscope").info()["programs"]}
        self.assertEqual(ends, {first.pid: "ended without a goodbye", second.pid: "ended"})

    def test_names_must_be_of_programs_and_each_once(self):
        program = self.start_bustle()
        self.assert_refused(self.taskscope("attach", program.pid, "no-such-program"),
                            "no-such-program", "taskscope list")
        self.assert_refused(self.taskscope("attach", program.pid, "bustle"), "named twice")
        self.assertFalse(self.listed(program.pid)["recording"])
        os.kill(program.pid, signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
