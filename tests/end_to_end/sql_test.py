"""SQL over a recording with the tools of others: stock SQLite with the extension, plain rows."""

import shutil
import sqlite3
import subprocess
import unittest

from support import BUILD, VICTIM, WORDCOUNT, Case

EXTENSION = BUILD / "recorder" / "taskscope_sqlite"
STATES = "SELECT state, count(*), sum(end_ns - start_ns) FROM span GROUP BY state ORDER BY state"


class Sql(Case):
    def setUp(self):
        super().setUp()
        (self.folder / "words").mkdir()
        for i in range(4):
            (self.folder / "words" / f"{i}.txt").write_text("one two three two\n" * 50)
        self.recording, _ = self.record(WORDCOUNT, self.folder / "words", workers=2)

    def query(self, sql):
        run = self.taskscope("query", self.recording.path, sql, "--csv")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        return [tuple(line.split(",")) for line in run.stdout.decode().splitlines()[1:]]

    @staticmethod
    def texts(rows):
        return [tuple("" if value is None else str(value) for value in row) for row in rows]

    def assert_alike_in_the_shell(self, *queries):
        for sql in queries:
            shell = subprocess.run(
                ["sqlite3", "-readonly", "-list", "-separator", ",", self.recording.path,
                 "-cmd", f".load {EXTENSION}", sql], capture_output=True, timeout=60, check=False)
            self.assertEqual(shell.stderr, b"", sql)
            rows = [tuple(line.split(",")) for line in shell.stdout.decode().splitlines()]
            self.assertEqual(rows, self.query(sql), sql)
            self.assertTrue(rows, sql)

    @unittest.skipUnless(shutil.which("sqlite3"), "the sqlite3 shell is not installed")
    def test_the_extension_shows_the_stock_shell_what_the_command_shows(self):
        self.assert_alike_in_the_shell(
            STATES, "SELECT * FROM blocking", "SELECT * FROM scheduler_latency",
            "SELECT * FROM state_time(3)",
            "SELECT waker_kind, count(*) FROM wakeup GROUP BY waker_kind")
        self.recording, _ = self.record(VICTIM, "annotate", name="said.tscope")
        self.assert_alike_in_the_shell(
            "SELECT name, count(*), sum(end_ns - start_ns) FROM region GROUP BY name",
            "SELECT name, max(value) FROM counter_sample JOIN counter ON counter.id = counter_id",
            "SELECT key, value, count(*) FROM label GROUP BY key, value")

    def test_a_plain_export_needs_nothing_of_ours(self):
        run = self.taskscope("export", self.recording.path, "--plain", "-o", "rows.db")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        database = sqlite3.connect(self.folder / "rows.db")
        self.assertEqual(self.texts(database.execute(STATES)), self.query(STATES))
        self.assert_refused(
            self.taskscope("export", self.recording.path, "--plain", "-o", "rows.db"),
            "rows.db", "exists already")
        self.assert_refused(self.taskscope("export", "none.tscope", "--plain", "-o", "b.db"),
                            "none.tscope", "No such file")
        self.assert_refused(self.taskscope("export", self.recording.path, "-o", "c.db"),
                            "--plain", status=2)


if __name__ == "__main__":
    unittest.main()
