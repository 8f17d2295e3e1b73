#!/usr/bin/env python3
"""Records every mistake of runtime/examples/mistakes and compares what Taskscope finds with what
the program's first comment says; and records each with --fixed, where it finds nothing.

The lines of the comment that are read here (one goes on where the next is indented, … stands for
anything):

  // Taskscope shows: KIND: SUMMARY       the one finding, its kind and its sentence
  // Taskscope shows with OPTIONS: …      with these options of `taskscope report`, without nothing
  // Taskscope adds: DETAIL               what stands below it
  // ThreadSanitizer shows: data race     runs in the tsan preset only (races_test.py)

The place where the finding says that somebody waits is the line that ends in `// ← here`.
"""

import re
import unittest

from support import BUILD, ROOT, Case

FOLDER = ROOT / "runtime" / "examples" / "mistakes"
PROGRAMS = BUILD / "runtime" / "examples" / "mistakes"

# A program that is ended by the mistake has status 2 and prints nothing.
PRINTS = {
    "abandoned_timeout": ("4 of 4 questions timed out", "4 of 4 questions timed out"),
    "add_inside": ("0 of 3 parts are done", "3 of 3 parts are done"),
    "busy_wait": ("it is ready", "it is ready"),
    "done_missing": (None, "2 of 3 files loaded"),
    "double_lock": (None, "the balance is 70"),
    "forgotten_close": (None, "the sum is 55"),
    "lock_order": (None, "the accounts hold 100 and 100"),
    "lock_over_io": ("9 pages were read", "9 pages were read"),
    "loop_variable": (None, "100 of 100 parts were visited exactly once"),
    "own_wait_group": (None, "3 parts are done"),
    "ping_pong": ("the sum is 1250025000", "the sum is 1250025000"),
    "reader_reenters": (None, "2 routes"),
    "receive_without_sender": ("2 labels", "2 labels"),
    "send_on_closed": (None, "the answer is 42"),
    "send_without_receiver": ("Lisbon was the fastest", "Lisbon was the fastest"),
    "task_per_item": ("the last square is 2499900001", "the last square is 2499900001"),
    "ticker_never_stopped": ("3 transfers, 14 beats, and 30 for nothing",
                             "3 transfers, 6 beats, and 0 for nothing"),
    "unsynchronised_map": (None, "all words were counted"),
    "worker_without_stop": ("5 connections, all closed", "5 connections, all closed"),
}

SAYING = re.compile(r"^// (Taskscope (?:shows(?: with .*?| for --lucky)?|adds)|"
                    r"ThreadSanitizer shows): (.*\n(?://   .*\n)*)", re.MULTILINE)
SHOWS_WITH = "Taskscope shows with "


def sayings(text):
    """What the comment says, by its first words."""
    return {words: " ".join(saying.replace("//", " ").split())
            for words, saying in SAYING.findall(text)}


def pattern(text):
    return r"\A" + ".*".join(map(re.escape, text.split("…"))) + r"\Z"


class Mistakes(Case):
    def sources(self):
        for path in sorted(FOLDER.glob("*.cpp")):
            text = path.read_text(encoding="utf-8")
            yield path, text, sayings(text)

    def run_mistake(self, name, *arguments, status=0):
        recording, run = self.record(PROGRAMS / name, *arguments, workers=2, status=status,
                                     name=f"{name}{''.join(arguments)}.tscope")
        self.assertEqual(recording.info()["lost_events"], 0)
        return recording, run.stdout.decode().rstrip("\n")

    def assert_shown(self, path, text, said):
        words = next(words for words in said
                     if words == "Taskscope shows" or words.startswith(SHOWS_WITH))
        options = words[len(SHOWS_WITH):].split()
        kind, _, summary = said[words].partition(": ")
        ended = kind in ("deadlock", "panic")
        recording, output = self.run_mistake(path.stem, status=2 if ended else 0)
        self.assertEqual(output or None, PRINTS[path.stem][0])
        if options:
            self.assertEqual(recording.report()["findings"], [])
        found = recording.report(*options)["findings"]
        if options:  # with which others may speak, too
            found = [each for each in found if each["kind"] == kind]
        finding, = found
        self.assertEqual(finding["kind"], kind)
        self.assertRegex(finding["summary"], pattern(summary))
        proved = ended or "nothing was left" in summary
        self.assertEqual(finding["tier"], "proved" if proved else "suspected")
        self.assertRegex(finding["detail"], pattern(said.get("Taskscope adds", "…")))
        marked = [number for number, line in enumerate(text.split("\n"), 1)
                  if line.endswith("// ← here")]
        if not marked:
            self.assertNotIn(kind, ("leak", "deadlock", "long_hold"))
        else:
            self.assertTrue(finding["wait_site"].endswith(f"/{path.name}:{marked[0]}"),
                            f"{finding['wait_site']} is not line {marked}")

    def test_what_taskscope_shows_is_what_the_file_says(self):
        for path, text, said in self.sources():
            with self.subTest(path.stem):
                if said != {"ThreadSanitizer shows": "data race"}:
                    self.assert_shown(path, text, said)

    def test_the_corrected_program_has_no_findings(self):
        for path, _, _ in self.sources():
            with self.subTest(path.stem):
                recording, output = self.run_mistake(path.stem, "--fixed")
                self.assertEqual(output, PRINTS[path.stem][1])
                self.assertEqual(recording.report()["findings"], [])

    def test_locks_in_the_wrong_order_are_not_found_as_long_as_nobody_meets(self):
        said = sayings((FOLDER / "lock_order.cpp").read_text(encoding="utf-8"))
        self.assertTrue(said["Taskscope shows for --lucky"].startswith("nothing yet"))
        recording, output = self.run_mistake("lock_order", "--lucky")
        self.assertEqual(output, "the accounts hold 100 and 100")
        self.assertEqual(recording.report()["findings"], [])

    def test_none_is_forgotten(self):
        self.assertEqual(sorted(PRINTS), [path.stem for path, _, _ in self.sources()])


if __name__ == "__main__":
    unittest.main()
