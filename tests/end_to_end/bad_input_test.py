#!/usr/bin/env python3
"""What people get wrong, one by one: one clear sentence, the right exit code, nothing good lost."""

import os
import resource
import sqlite3
import unittest

from support import RELAY, TASKSCOPE, VICTIM, Case, Recording

NOBODY = 65534


def as_nobody():
    """Root may write everywhere: permissions are tested as someone else."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


class WrongUsage(Case):
    def test_is_one_sentence_and_exit_code_2(self):
        for arguments in (["nonsense", "x"], ["record"], ["record", "-o", "x.tscope"], ["report"],
                          ["info", "a", "b"], ["screenshot", "x.tscope"], ["info", "--nonsense"],
                          ["screenshot", "x.tscope", "-o", "x.png", "--size", "big"]):
            with self.subTest(arguments):
                run = self.taskscope(*arguments)
                self.assertEqual(run.returncode, 2, run.stderr.decode())
                self.assertEqual(run.stdout, b"")
                self.assertTrue(run.stderr.startswith(b"taskscope: "), run.stderr.decode())

    def test_every_subcommand_explains_itself(self):
        for arguments in (["--help"], ["record", "--help"], ["open", "--help"], ["info", "--help"],
                          ["report", "--help"], ["query", "--help"], ["screenshot", "--help"]):
            with self.subTest(arguments):
                run = self.taskscope(*arguments)
                self.assertEqual(run.returncode, 0)
                self.assertGreater(len(run.stdout), 100)


class ProgramsThatCannotBeRecorded(Case):
    def refused(self, *words, program, name="run.tscope", arguments=()):
        run = self.taskscope("record", "-o", name, "--", program, *arguments)
        self.assert_refused(run, *words)
        self.assertEqual(list(self.folder.glob("*.tscope*")), [])

    def test_one_that_does_not_exist(self):
        self.refused("no-such-program", program="./no-such-program")
        self.refused("no-such-program", program="no-such-program")

    def test_a_directory(self):
        self.refused(str(self.folder), program=self.folder)

    def test_one_that_may_not_be_executed(self):
        (self.folder / "data").write_text("text\n", encoding="ascii")
        self.refused("data", program="./data")

    def test_one_without_the_runtime(self):
        self.refused("/bin/true", "runtime", program="/bin/true")

    def test_one_without_the_runtime_that_fails(self):
        self.refused("/bin/false", "runtime", program="/bin/false")

    def test_a_failed_attempt_leaves_an_earlier_recording_alone(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        before = recording.path.read_bytes()
        for program in ("./no-such-program", "/bin/true"):
            run = self.taskscope("record", "-o", recording.path, "--", program)
            self.assert_refused(run, program)
            self.assertEqual(recording.path.read_bytes(), before)


class PlacesThatCannotHoldARecording(Case):
    def test_a_folder_that_does_not_exist(self):
        run = self.taskscope("record", "-o", "no/such/run.tscope", "--", VICTIM, "exit-7")
        self.assert_refused(run, "no/such")

    def test_a_directory(self):
        run = self.taskscope("record", "-o", self.folder, "--", VICTIM, "exit-7")
        self.assert_refused(run, str(self.folder))

    def test_a_file_that_is_no_recording_is_not_replaced(self):
        notes = self.folder / "notes.txt"
        notes.write_text("dear diary\n", encoding="ascii")
        self.assert_refused(self.taskscope("record", "-o", notes, "--", VICTIM, "exit-7"),
                            "notes.txt")
        self.assertEqual(notes.read_text(encoding="ascii"), "dear diary\n")

    def test_a_folder_without_write_permission(self):
        closed = self.folder / "closed"
        closed.mkdir()
        closed.chmod(0o555)
        self.folder.chmod(0o755)
        run = self.taskscope("record", "-o", closed / "run.tscope", "--", "/bin/true",
                             preexec_fn=as_nobody)
        self.assert_refused(run, str(closed))
        self.assertEqual(list(closed.iterdir()), [])


class DiskFull(Case):
    def test_keeps_what_was_stored_and_says_so(self):
        # Room for several commits of the recorder, but not for the whole run.
        def small_disk():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))

        # The program's rings are files to the kernel, too: small ones fit below the limit.
        run = self.taskscope("record", "-o", "run.tscope", "--", RELAY, "100000000",
                             env={"TASKSCOPE_RING_RECORDS": "4096"}, preexec_fn=small_disk)
        self.assertEqual(run.returncode, 1)
        refusal, *goes_on = run.stderr.decode().splitlines()
        self.assertRegex(refusal, r"\Ataskscope: [^\n]*run\.tscope[^\n]*\.\Z")
        for line in goes_on:  # unless the program has ended by then
            self.assertEqual(line, f"taskscope: {RELAY} goes on without being recorded.")
        self.assertLessEqual(len(goes_on), 1)
        recording = Recording(self, self.folder / "run.tscope.partial")
        self.assertFalse(recording.info()["complete"])
        self.assertGreater(recording.info()["events"], 0)


class FilesThatAreNoRecordings(Case):
    READERS = (["info"], ["report"], ["query", "SELECT 1"], ["screenshot", "-o", "x.png"], ["open"],
               [])

    def refused_by_all(self, path, *words):
        for name, *rest in map(list, filter(None, self.READERS)):
            with self.subTest(name):
                self.assert_refused(self.taskscope(name, path, *rest), *words)
        with self.subTest("a bare file"):
            self.assert_refused(self.taskscope(path), *words)
        self.assertFalse((self.folder / "x.png").exists())

    def test_a_missing_one(self):
        self.refused_by_all("gone.tscope", "gone.tscope")
        self.assertFalse((self.folder / "gone.tscope").exists())

    def test_an_empty_one(self):
        (self.folder / "empty.tscope").touch()
        self.refused_by_all("empty.tscope", "empty.tscope")

    def test_a_directory(self):
        self.refused_by_all(".", ".")

    def test_text(self):
        (self.folder / "text.tscope").write_text("hello\n" * 10_000, encoding="ascii")
        self.refused_by_all("text.tscope", "text.tscope")

    def test_somebody_elses_database(self):
        with sqlite3.connect(self.folder / "other.tscope") as database:
            database.execute("CREATE TABLE task(id)")
        self.refused_by_all("other.tscope", "other.tscope")

    def test_one_that_may_not_be_read(self):
        path = self.folder / "closed.tscope"
        path.write_bytes(b"x" * 100)
        path.chmod(0)
        self.folder.chmod(0o755)
        self.assert_refused(self.taskscope("info", path, preexec_fn=as_nobody), "closed.tscope")

    def test_one_of_a_newer_version(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        with sqlite3.connect(recording.path) as database:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            database.execute(f"PRAGMA user_version = {version * 100 + 100_000_000}")
        self.refused_by_all(recording.path, "run.tscope", "newer")


class DamagedRecordings(Case):
    def test_a_truncated_one_is_refused_or_read_never_crashed_on(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        whole = recording.path.read_bytes()
        cut = self.folder / "cut.tscope"
        lengths = [1, 15, 16, 50, 99, 100, 101, 512, 4095, 4096, 4097, 10_000]
        lengths += [len(whole) * part // 8 for part in range(1, 8)] + [len(whole) - 1]
        for length in lengths:
            for subcommand in ("info", "report"):
                with self.subTest(length=length, subcommand=subcommand):
                    cut.write_bytes(whole[:length])
                    run = self.taskscope(subcommand, cut)
                    self.assertIn(run.returncode, (0, 1), run.stderr.decode())
                    if run.returncode == 1:
                        self.assert_refused(run, "cut.tscope")

    def test_a_truncated_one_never_passes_for_a_whole_one(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        whole = recording.path.read_bytes()
        recording.path.write_bytes(whole[:len(whole) // 2])
        self.assert_refused(self.taskscope("report", recording.path), "run.tscope")

    def test_flipped_bytes_in_chunks_are_named_and_survived(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        with sqlite3.connect(recording.path) as database:
            for chunk, data in database.execute("SELECT id, data FROM chunk").fetchall():
                damaged = bytes([data[0] ^ 0xFF]) + data[1:len(data) // 2] + b"\xff" * 40
                database.execute("UPDATE chunk SET data = ? WHERE id = ?", (damaged, chunk))
        self.assert_refused(self.taskscope("report", recording.path), "chunk")
        self.assert_refused(self.taskscope("query", recording.path, "SELECT count(*) FROM span"),
                            "chunk")


class PicturesThatCannotBeWritten(Case):
    def test_into_a_folder_that_does_not_exist(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        run = self.taskscope("screenshot", recording.path, "-o", "no/such/x.png")
        self.assert_refused(run, "no/such/x.png")


class NoDisplay(Case):
    def test_open_says_so_and_what_works_without_one(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        self.assert_refused(self.taskscope("open", recording.path), "display", "screenshot")


if __name__ == "__main__":
    assert TASKSCOPE.exists(), f"{TASKSCOPE} is not built"
    unittest.main()
