#!/usr/bin/env python3
"""Records the examples and checks that what the recording says is what happened."""

import sqlite3
import unittest

from support import (LEAKY, README_EXAMPLE, VICTIM, WORDCOUNT, Case, count_words_in_shell,
                     make_text_tree)

INFO_KEYS = {"format", "source", "program", "started", "duration_ns", "complete", "events", "tasks",
             "workers", "threads", "lost_events", "findings", "bytes"}
FINDING_KEYS = {"id", "kind", "tier", "severity", "summary", "detail", "task_id", "object_id",
                "spawn_site", "wait_site", "count", "first_ns", "last_ns"}


class RecordedWordcount(Case):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        self.tree.mkdir()
        make_text_tree(self.tree)

    def record_wordcount(self, workers=2):
        return self.record(WORDCOUNT, "--workers-per-stage", "3", "--all", self.tree,
                           workers=workers)

    def test_the_words_are_those_of_sort_and_uniq_at_every_worker_count(self):
        expected = count_words_in_shell(self.tree)
        self.assertGreater(len(expected), 10_000)
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                recording, run = self.record_wordcount(workers)
                self.assertEqual(run.stdout.decode(), expected.decode())
                self.assertEqual(recording.info()["workers"], workers)

    def test_every_task_is_there_with_its_name_and_its_end(self):
        recording, _ = self.record_wordcount()
        names = sorted(row["name"] or "" for row in recording.query("SELECT name FROM task"))
        stages = ("reader", "splitter", "merger")
        expected = ["walker"] + [f"{stage}s' end" for stage in stages]
        expected += [f"{stage} {i}" for stage in stages for i in (1, 2, 3)]
        main_task = recording.query("SELECT name FROM task WHERE id = 1")[0]["name"] or ""
        self.assertEqual(names, sorted(expected + [main_task]))
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE state = 'done'"), 14)
        self.assertEqual(recording.info()["tasks"], 14)
        self.assertEqual(recording.value(
            "SELECT count(*) FROM task JOIN site ON site.id = spawn_site_id "
            "WHERE site.file LIKE '%wordcount.cpp' AND site.line > 0"), 14)

    def test_times_add_up_and_nothing_is_lost(self):
        for workers in (1, 4):
            with self.subTest(workers=workers):
                recording, _ = self.record_wordcount(workers)
                recording.assert_times_add_up()
                self.assertEqual(recording.info()["lost_events"], 0)
                self.assertEqual(recording.value("SELECT count(*) FROM lost"), 0)
                self.assertTrue(recording.info()["complete"])

    def test_waits_name_their_channel_and_who_ended_them(self):
        recording, _ = self.record_wordcount()
        self.assertGreater(recording.value(
            "SELECT count(*) FROM span JOIN object ON object.id = span.object_id "
            "WHERE span.state = 'blocked' AND span.reason LIKE 'chan %' "
            "AND object.kind = 'channel'"), 0)
        self.assertEqual(recording.value(
            "SELECT count(*) FROM span WHERE state = 'blocked' AND finished "
            "AND coalesce(woken_by, 0) = 0"), 0)

    def test_info_and_report_have_their_keys(self):
        recording, _ = self.record_wordcount()
        info, report = recording.info(), recording.report()
        self.assertLessEqual(INFO_KEYS, set(info))
        self.assertEqual(info["source"], "taskscope")
        self.assertIn("wordcount", info["program"])
        self.assertEqual(info["bytes"], recording.path.stat().st_size)
        self.assertLessEqual({"summary", "findings", "states", "top_blocking"}, set(report))
        self.assertEqual(report["summary"], info)
        self.assertEqual(report["states"]["running"],
                         recording.value("SELECT sum(running_ns) FROM task"))
        self.assertEqual(report["findings"], [])

    def test_what_a_program_says_about_itself_is_in_every_answer(self):
        recording, _ = self.record(VICTIM, "annotate", name="run.tscope")
        report = recording.report()
        (regions,), (counter,), (label,) = report["regions"], report["counters"], report["labels"]
        self.assertEqual((regions["name"], regions["regions"], regions["unknown"]), ("work", 10, 0))
        self.assertEqual((counter["name"], counter["unit"]), ("rounds", "times"))
        self.assertEqual((counter["min"], counter["last"]), (1, 10))
        # The main task, too, had one at last.
        self.assertEqual(label, {"key": "round", "values": 10, "tasks": 11})
        self.assertEqual(report["logs"], 10)
        text = self.taskscope("report", recording.path).stdout.decode()
        for words in ("Regions", "work", "Counters", "rounds (times)", "Labels", "round"):
            self.assertIn(words, text)
        self.assertRegex(self.taskscope("info", recording.path).stdout.decode(),
                         r"(?s)regions +10\n.*logs +10\n.*counters +1\n.*labels +1\n")
        self.assertEqual(recording.value("SELECT count(*) FROM log JOIN label USING (task_id) "
                                         "WHERE message = 'in round ' || value"), 10)

    def test_one_file_that_the_ordinary_shell_opens(self):
        recording, _ = self.record_wordcount()
        self.assertEqual([path.name for path in self.folder.glob("run.tscope*")], ["run.tscope"])
        with sqlite3.connect(f"file:{recording.path}?mode=ro", uri=True) as database:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            self.assertEqual(database.execute("SELECT count(*) FROM task").fetchone(), (14,))
            self.assertNotEqual(database.execute("PRAGMA application_id").fetchone(), (0,))

    def test_a_second_recording_replaces_the_first(self):
        self.record_wordcount()
        recording, _ = self.record(VICTIM, "exit-7", name="run.tscope", status=7)
        self.assertIn("victim", recording.info()["program"])


class RecordedLeak(Case):
    def test_the_leaked_tasks_are_those_that_timed_out(self):
        recording, run = self.record(LEAKY, "--requests", "40", workers=2)
        timed_out = int(run.stdout.decode().split(" timed out")[0].split()[-1])
        self.assertGreaterEqual(timed_out, 8)
        self.assertEqual(recording.value(
            "SELECT count(*) FROM task WHERE state = 'blocked' AND name LIKE 'backend %'"),
            timed_out)
        findings = recording.report()["findings"]
        self.assertEqual(sum(finding["count"] for finding in findings), timed_out)
        for finding in findings:
            self.assertLessEqual(FINDING_KEYS, set(finding))
            self.assertIn("leaky.cpp:", finding["wait_site"])
        self.assertEqual(recording.info()["findings"], len(findings))

    def test_the_corrected_server_leaks_nothing(self):
        recording, _ = self.record(LEAKY, "--requests", "40", "--fixed", workers=2)
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE state = 'blocked'"), 0)
        self.assertEqual(recording.report()["findings"], [])


class RecordedReadme(Case):
    def test_its_program_prints_what_one_expects(self):
        recording, run = self.record(README_EXAMPLE)
        self.assertEqual(run.stdout.split(), [b"%d" % (i * i) for i in range(1, 11)])
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE name = 'producer'"), 1)


class Report(Case):
    def test_fails_on_findings_when_asked_to(self):
        leaky, _ = self.record(LEAKY, "--requests", "20", workers=2)
        fixed, _ = self.record(LEAKY, "--requests", "20", "--fixed", workers=2, name="fixed.tscope")
        self.assertEqual(self.taskscope("report", leaky.path).returncode, 0)
        self.assertEqual(self.taskscope("report", leaky.path, "--fail-on", "leak").returncode, 3)
        self.assertEqual(self.taskscope("report", leaky.path, "--fail-on", "panic").returncode, 0)
        self.assertEqual(self.taskscope("report", fixed.path, "--fail-on", "any").returncode, 0)

    def test_what_to_keep_is_a_time_or_a_size(self):
        self.assert_refused(self.taskscope("record", "--keep", "soon", "--", "true"),
                            "--keep", "such as 60s", "soon", status=2)
        self.assert_refused(self.taskscope("record", "--max-size", "10", "--", "true"),
                            "--max-size", "1MB or more", status=2)


class Query(Case):
    def test_many_short_tasks_are_all_there(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        self.assertEqual(recording.value("SELECT count(*) FROM task WHERE state = 'done'"), 1001)
        self.assertEqual(recording.value("SELECT count(*) FROM event WHERE kind = 'spawn'"),
                         recording.value("SELECT count(*) FROM task"))
        recording.assert_times_add_up()

    def test_wrong_sql_is_one_sentence_and_the_file_stays(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        before = recording.path.read_bytes()
        for sql in ("SELEC 1", "SELECT nothing FROM task", "DROP TABLE task", "",
                    "SELECT 1; SELECT 2"):
            with self.subTest(sql):
                run = self.taskscope("query", recording.path, sql)
                self.assertEqual(run.returncode, 1)
                self.assertEqual(run.stdout, b"")
                self.assertRegex(run.stderr.decode(), r"\Ataskscope: [^\n]+\.\n")
        self.assertEqual(recording.path.read_bytes(), before)


if __name__ == "__main__":
    unittest.main()
