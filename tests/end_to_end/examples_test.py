#!/usr/bin/env python3
"""Records every example and checks its result, and that Taskscope finds nothing wrong with it."""

import re
import unittest

from support import BUILD, ROOT, Case

FOLDER = ROOT / "runtime" / "examples"

# With arguments of their own, in record_test.py.
ELSEWHERE = {"wordcount", "leaky"}

# Program, arguments, what it prints (a pattern for the whole). Those that go by time have a clock
# that leaps over waits, so that no machine is too slow for them.
RUNS = [
    ("batcher --simulate", r"(stored 10 events\nstored 10 events\nstored 5 events\n){2}"),
    ("bounded_parallelism", r"200 sums in order, at most 6 at once\n"
                            r"and one that fails ends all: a piece cannot be read\n"),
    ("annotated", r"40 requests brought 120 of 120\n"),
    ("cache", r"4800 right answers, 8 loads, and 1 after one was forgotten\n"),
    ("request_memory", r"200 answers, 101000 words, 200900 bytes of pages\n"
                       r"(.*\n)*.*make<Word>: does not escape\n(.*\n)*"),
    ("cancellation", r"3 shelves left because the department closes, "
                     r"6 because the book was found\n"),
    ("circuit_breaker --simulate", r"29 answers, 6 failures, 16 refusals without asking, "
                                   r"all is well again\n"),
    ("controller --simulate", r"off; on; off; off, the thermometer is silent\n"),
    ("crawler --simulate", r"\d+ pages, \d+ not found, \d+ gave no answer, 0\.\d+ s\n"),
    ("echo --clients 4 --rounds 20", r"80 of 80 answers were right\n"),
    ("error_group", r"100 pieces\nno offer: old town is on fire\n2 problems\n"),
    ("fan_in", r"harbour: 20 reports\nhill: 20 reports\nairport: 20 reports\n"),
    ("fan_out", r"96 strips, 831 thousand steps\n"),
    ("first_result --simulate", r"Oslo was first, 2 gave up, 0 partial files are left\n"),
    ("from_go", r"37 constructs, 0 wrong\n"),
    ("generator", r"the same values in another shape: equal after 9 values\n"
                  r"one value less: different after 3 values\n"),
    ("graceful_pool", r"every accepted job was finished\n"),
    ("http_crawler", r"150 pages found, 151 links led nowhere\n"),
    ("http_server", r"20 quick answers and 1 slow one, and the server has ended\n"),
    ("once", r"1 table for 12 tasks, 1 greeting, 12 were told of the failure\n"),
    ("or_channel", r"3 of 3 ends were noticed, and one was given up\n"),
    ("pipeline --readings 2000", r"(sensor \d: \d+\n){7}2000 readings, at most \d+ under way\n"),
    ("pool_reuse", r"500 of 500 pages, most in a buffer that was used before\n"),
    ("prime_sieve --primes 40", r"40 primes, the last is 173\n"),
    ("producer_consumer", r"180 of 180 loaves were sold exactly once\n"),
    ("retry --simulate", r"a failure that passes: a's value, asked 4 times\n"
                         r"a failure that stays: busy, asked 6 times\n"
                         r"one that will not pass: not found, asked 1 times\n"
                         r"no patience: retry: context deadline exceeded, asked 0 times\n"),
    ("scoped_hierarchy", r"connection 2 sent nonsense; all ended, children first\n"),
    ("semaphore", r"40 pictures, at most 64 MiB at once, 0 MiB in use at the end\n"),
    ("ticker --simulate", r"20 requests, one a tick, no burst after the slow one\n"),
    ("timeout --simulate", r"news weather \nnews \(no weather\) \n"
                           r"sorry: context deadline exceeded\n"),
    ("token_bucket --simulate", r"busy: sometimes refused\nmodest: 8 served, 0 refused\n"
                                r"polite: 15 served\n"),
    ("worker_pool --jobs 60", r"(worker \d solved \d+\n){4}60 of 60 riddles\n"),
    ("worker_pool --first 5", r"(worker \d solved \d\n){4}5 of 200 riddles\n"),
]


class Examples(Case):
    def test_each_does_what_it_says_and_has_no_findings(self):
        for command, output in RUNS:
            with self.subTest(command):
                name, *arguments = command.split()
                recording, run = self.record(BUILD / "runtime" / "examples" / name, *arguments,
                                             workers=2)
                self.assertRegex(run.stdout.decode(), r"\A" + output + r"\Z")
                self.assertEqual(recording.report()["findings"], [])
                self.assertEqual(recording.info()["lost_events"], 0)

    def test_none_is_forgotten(self):
        programs = {path.stem for path in FOLDER.glob("*.cpp")} - ELSEWHERE
        self.assertEqual({command.split()[0] for command, _ in RUNS}, programs)

    def test_the_readme_has_a_row_for_each(self):
        readme = (FOLDER / "README.md").read_text(encoding="utf-8")
        rows = re.findall(r"^\| `(\w+)", readme, re.MULTILINE)
        programs = sorted(path.stem for path in FOLDER.rglob("*.cpp"))
        self.assertEqual(sorted(rows), programs)

    def test_each_begins_with_its_name_and_says_why(self):
        for path in sorted(FOLDER.rglob("*.cpp")):
            with self.subTest(path.name):
                text = path.read_text(encoding="utf-8")
                self.assertTrue(text.startswith(f"// {path.stem}: "), "the first line names it")
                comment = re.match(r"(//.*\n)+", text).group()
                self.assertGreaterEqual(len(comment.split("\n")), 7)


if __name__ == "__main__":
    unittest.main()
