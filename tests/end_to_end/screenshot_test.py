#!/usr/bin/env python3
"""Pictures without a display: right size, right colours, the same every time."""

import unittest

from support import LEAKY, VICTIM, Case

# Colours of states in the dark theme.
RUNNING = bytes.fromhex("069069")
CHANNEL = bytes.fromhex("38a3fa")
PANEL_LIGHT = bytes.fromhex("fbfaf7")


class Screenshot(Case):
    def setUp(self):
        super().setUp()
        self.recording, _ = self.record(LEAKY, "--requests", "20", workers=1)

    def test_has_the_size_asked_for_and_shows_states(self):
        picture = self.recording.screenshot("a.png", "--size", "800x600")
        self.assertEqual((picture.width, picture.height), (800, 600))
        colours = picture.colours()
        self.assertGreater(len(colours), 20)
        self.assertGreater(colours.get(CHANNEL, 0), 500)
        self.assertGreater(colours.get(RUNNING, 0), 50)

    def test_is_the_same_twice(self):
        self.recording.screenshot("a.png")
        self.recording.screenshot("b.png")
        self.assertEqual((self.folder / "a.png").read_bytes(), (self.folder / "b.png").read_bytes())

    def test_follows_theme_and_range(self):
        whole = self.recording.screenshot("whole.png", "--size", "900x500")
        light = self.recording.screenshot("light.png", "--size", "900x500", "--theme", "light")
        part = self.recording.screenshot("part.png", "--size", "900x500", "--range", "5ms..10ms")
        self.assertGreater(light.colours().get(PANEL_LIGHT, 0), 10_000)
        self.assertGreater(whole.share_that_differs(light), 0.5)
        self.assertGreater(whole.share_that_differs(part), 0.02)

    def test_selecting_a_task_shows_it(self):
        plain = self.recording.screenshot("plain.png", "--size", "900x500")
        selected = self.recording.screenshot("selected.png", "--size", "900x500", "--select", "1")
        self.assertGreater(plain.share_that_differs(selected), 0.001)

    def test_as_svg_is_the_same_picture_with_words_in_it(self):
        for theme in ("dark", "light"):
            asked = ("--size", "900x500", "--theme", theme, "--select", "1")
            picture = self.recording.screenshot("same.png", *asked)
            drawing = self.recording.screenshot("same.svg", *asked)
            known, differing = drawing.compare(picture)
            self.assertGreater(known, 0.5)
            self.assertLess(differing, 0.001)
            self.assertIn("run.tscope", drawing.texts)
            self.assertIn("Time per state", drawing.texts)
            self.assertIn("runnable", drawing.texts)

    def test_of_a_view_that_was_copied_is_that_view(self):
        asked = ("--size", "900x500", "--theme", "light", "--select", "1", "--range", "5ms..10ms")
        picture = self.recording.screenshot("asked.png", *asked)
        copied = "ts1/range=5ms..10ms/task=1/theme=light"
        again = self.recording.screenshot("copied.png", "--size", "900x500", "--view-state", copied)
        self.assertEqual(picture.share_that_differs(again), 0)
        dark = self.recording.screenshot("dark.png", "--size", "900x500", "--view-state", copied,
                                         "--theme", "dark")
        self.assertGreater(picture.share_that_differs(dark), 0.5)

    def test_follows_how_tasks_are_grouped_and_which_are_to_be_seen(self):
        size = ("--size", "900x500")
        by_site = self.recording.screenshot("site.png", *size)
        by_name = self.recording.screenshot("name.png", *size, "--group", "name")
        copied = self.recording.screenshot("copied.png", *size, "--view-state", "ts1/group=name")
        only = self.recording.screenshot("only.svg", *size, "--view-state", "ts1/only=name:main")
        self.assertGreater(by_site.share_that_differs(by_name), 0.01)
        self.assertEqual(copied.share_that_differs(by_name), 0)
        self.assertIn("main", only.texts)
        self.assertFalse([text for text in only.texts if text.startswith("handler")])
        run = self.taskscope("screenshot", self.recording.path, "-o", "x.png", "--group", "colour")
        self.assert_refused(run, "colour", status=2)

    def test_of_a_view_that_cannot_be_is_refused(self):
        def refused(view, *words, status):
            run = self.taskscope("screenshot", self.recording.path, "-o", "x.png",
                                 "--view-state", view)
            self.assert_refused(run, *words, status=status)
            self.assertFalse((self.folder / "x.png").exists())

        refused("ts1/colour=red", "'colour'", status=2)
        refused("ts9/task=1", "another version", status=2)
        refused("ts1/task=99999", "no task 99999", status=1)

    def test_lists_the_findings_of_the_report_in_its_order(self):
        asked = ("--size", "1440x900", "--findings")
        drawing = self.recording.screenshot("list.svg", *asked)
        known, differing = drawing.compare(self.recording.screenshot("list.png", *asked))
        self.assertGreater(known, 0.5)
        self.assertLess(differing, 0.001)
        words = " ".join(drawing.texts)
        findings = self.recording.report()["findings"]
        self.assertGreater(len(findings), 0)
        at = 0
        for finding in findings:
            beginning = " ".join(finding["summary"].split()[:4])
            at = words.find(beginning, at) + 1
            self.assertGreater(at, 0, f"{beginning} is not in its place in {words}")

    def test_goes_to_a_finding_and_refuses_one_that_is_not_there(self):
        plain = self.recording.screenshot("plain.png", "--size", "1024x640", "--findings")
        at = self.recording.screenshot("at.png", "--size", "1024x640", "--finding", "1")
        self.assertGreater(plain.share_that_differs(at), 0.02)
        run = self.taskscope("screenshot", self.recording.path, "-o", "x.png", "--finding", "999")
        self.assert_refused(run, "no finding 999", status=1)
        self.assertFalse((self.folder / "x.png").exists())

    def test_with_another_ending_is_refused(self):
        run = self.taskscope("screenshot", self.recording.path, "-o", "x.gif")
        self.assert_refused(run, "x.gif", ".svg")
        self.assertEqual(list(self.folder.glob("x.gif*")), [])

    def test_of_a_task_that_does_not_exist_is_refused(self):
        run = self.taskscope("screenshot", self.recording.path, "-o", "x.png", "--select", "99999")
        self.assert_refused(run, "99999")
        self.assertFalse((self.folder / "x.png").exists())


class TinyRecording(Case):
    def test_of_a_program_that_ends_at_once_is_drawn(self):
        recording, _ = self.record(VICTIM, "exit-7", status=7)
        picture = recording.screenshot("tiny.png", "--size", "640x360")
        self.assertEqual((picture.width, picture.height), (640, 360))


if __name__ == "__main__":
    unittest.main()
