#!/usr/bin/env python3
"""Collected memory in recordings: collections, what escaped and why, in reports and in SQL."""

import json
import subprocess
import unittest

from support import LEAKY, REQUEST_MEMORY, ROOT, Case, Recording

SOURCE = ROOT / "runtime" / "examples" / "request_memory.cpp"
REQUESTS = 200


def line_of(text):
    """The only line of the example that has this text."""
    found = [number for number, line in enumerate(SOURCE.read_text().splitlines(), 1)
             if text in line]
    assert len(found) == 1, (text, found)
    return found[0]


ANSWER_LINE = line_of("ts::make(Answer{")
PAGE_LINE = line_of("ts::make(Page{")
ROOT_LINE = line_of("tree = ts::make(Word{")


class Memory(Case):
    def record_requests(self, workers=2):
        recording, _ = self.record(REQUEST_MEMORY, workers=workers)
        return recording


class Escapes(Memory):
    def test_every_place_has_a_line_with_counts_and_reasons(self):
        for workers in (1, 2, 4, 8):
            with self.subTest(workers=workers):
                self.record_requests(workers)
                run = self.taskscope("report", "run.tscope", "--escapes")
                self.assertEqual(run.returncode, 0, run.stderr.decode())
                lines = run.stdout.decode().splitlines()
                self.assertEqual(len(lines), 4, lines)
                of_line = {int(line.split(":")[1]): line for line in lines}
                # Some answers are made on the heap once the site has learned that they escape.
                self.assertRegex(of_line[ANSWER_LINE],
                                 r"request_memory\.cpp:\d+: make<Answer> escapes to heap: .*"
                                 rf"sent to channel.* \({REQUESTS} of {REQUESTS}, 2\.34 KiB\)")
                self.assertRegex(of_line[PAGE_LINE], r": make<Page> escapes to heap: ")
                self.assertRegex(of_line[ROOT_LINE],
                                 rf": make<Word> does not escape \({REQUESTS}, .* KiB\)$")

    def test_worst_comes_first(self):
        recording = self.record_requests()
        sites = recording.report("--escapes")
        self.assertEqual([site["escaped_bytes"] for site in sites],
                         sorted((site["escaped_bytes"] for site in sites), reverse=True))
        answers, = [site for site in sites if site["line"] == ANSWER_LINE]
        # As the compiler was given it.
        self.assertTrue(answers["file"].endswith("runtime/examples/request_memory.cpp"), answers)
        self.assertEqual(answers["function"], "serve")
        self.assertEqual((answers["objects"], answers["escaped"]), (REQUESTS, REQUESTS))
        self.assertEqual(sum(answers["reasons"].values()), REQUESTS)
        self.assertGreater(answers["reasons"]["sent to channel"], 0)
        # The same as the program itself says, and as SQL does.
        place, escaped, reasons = recording.query(
            "SELECT place, escaped, reasons FROM escapes WHERE type = 'Answer'")[0].values()
        self.assertTrue(place.endswith(f"request_memory.cpp:{ANSWER_LINE}"), place)
        self.assertEqual(escaped, REQUESTS)
        self.assertIn("sent to channel", reasons)

    def test_a_program_without_collected_memory_has_none(self):
        self.record(LEAKY, "--requests", "20")
        run = self.taskscope("report", "run.tscope", "--escapes")
        self.assertEqual(run.stdout.decode(),
                         "No collected object was made: the program has not called ts::make.\n")
        self.assertEqual(json.loads(self.taskscope("report", "run.tscope", "--escapes", "--json")
                                    .stdout), [])
        self.assertNotIn("Collected memory", self.taskscope("report", "run.tscope").stdout.decode())

    def test_the_report_has_a_part_about_it(self):
        recording = self.record_requests()
        text = self.taskscope("report", "run.tscope").stdout.decode()
        self.assertIn("Collected memory", text)
        self.assertIn(f"request_memory.cpp:{ANSWER_LINE}: make<Answer> escapes", text)
        self.assertEqual(len(recording.report()["collected_memory"]["escape_sites"]), 4)

    def test_a_program_that_records_itself_has_them(self):
        run = subprocess.run([str(REQUEST_MEMORY)], cwd=self.folder, check=False,
                             capture_output=True, timeout=120,
                             env={**self.env, "TASKSCOPE_TRACE": "run.trace"})
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        run = self.taskscope("import", "-q", "run.trace", "-o", "run.tscope")
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        recording = Recording(self, self.folder / "run.tscope")
        self.assertEqual(recording.value("SELECT count(*) FROM escape_site"), 4)


class Pictures(Memory):
    def test_the_memory_pane_shows_places_and_their_source(self):
        recording = self.record_requests()
        drawing = recording.screenshot("memory.svg", "--view", "memory")
        for text in ("Memory", "make<Answer>", f"request_memory.cpp:{ANSWER_LINE}"):
            self.assertIn(text, drawing.texts)
        source = SOURCE.read_text().splitlines()[ANSWER_LINE - 1].strip()
        self.assertIn(source, "".join(drawing.texts))
        picture = recording.screenshot("memory.png", "--view", "memory")
        known, differing = drawing.compare(picture)
        self.assertGreater(known, 0.5)
        self.assertLess(differing, 0.001)

    def test_a_picture_of_memory_that_there_is_none_of_is_refused(self):
        self.record(LEAKY, "--requests", "20")
        self.assert_refused(self.taskscope("screenshot", "run.tscope", "-o", "no.png", "--view",
                                           "memory"), "ts::make")


if __name__ == "__main__":
    unittest.main()
