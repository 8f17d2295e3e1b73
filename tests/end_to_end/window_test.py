#!/usr/bin/env python3
"""The window on a display without a screen (Xvfb), driven by a synthetic mouse and keyboard."""

import json
import os
import pathlib
import signal
import struct
import subprocess
import unittest

from support import BUSTLE, LEAKY, TASKSCOPE, Case, Picture, Recording, wait_until
from x_display import Server


class Display:
    """A virtual X server whose screen is a file, in the format of xwd."""

    def __init__(self, folder):
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write_end), "-screen", "0", "1440x900x24", "-noreset",
             "-nolisten", "tcp", "-fbdir", str(folder)],
            pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            self.name = ":" + pipe.readline().strip()
        assert self.name != ":", "Xvfb did not start"
        self.file = folder / "Xvfb_screen0"

    def close(self):
        self.process.terminate()
        self.process.wait()

    def pixels(self):
        data = self.file.read_bytes()
        header_bytes = struct.unpack(">I", data[:4])[0]
        colormap_entries = struct.unpack(">I", data[76:80])[0]
        return data[header_bytes + 12 * colormap_entries:]

    def do(self, *arguments):
        run = subprocess.run(["xdotool", *map(str, arguments)], env={**os.environ,
                             "DISPLAY": self.name}, capture_output=True, timeout=60, check=False)
        if run.returncode != 0:
            print("xdotool", *arguments, "failed:", run.stderr.decode())
        return run.stdout.decode().split() if run.returncode == 0 else []


class OnDisplay(Case):
    """A window of the command on a display of its own."""

    def open_window(self, *arguments):
        self.display = Display(self.folder)
        self.addCleanup(self.display.close)
        self.start_window(*arguments)

    def start_window(self, *arguments):
        self.process = subprocess.Popen(
            [str(TASKSCOPE), "open", *map(str, arguments)], cwd=self.folder,
            env={**self.env, "DISPLAY": self.display.name, "LIBGL_ALWAYS_SOFTWARE": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.process.communicate)
        self.addCleanup(self.process.kill)
        (self.window,) = wait_until(self.find_window, "the window")
        # xdotool's own --sync waits for ever for a change that came before it looked.
        wait_until(self.has_focus, "the window to have the focus")
        wait_until(lambda: len(set(self.display.pixels()[::97])) > 20, "the first frame")

    def find_window(self):
        if self.process.poll() is not None:
            raise AssertionError("taskscope open ended: " + self.process.stderr.read().decode())
        return self.display.do("search", "--onlyvisible", "--pid", self.process.pid)

    def has_focus(self):
        self.display.do("windowfocus", self.window)
        return self.display.do("getwindowfocus") == [self.window]

    def changes_the_picture(self, *action):
        before = self.display.pixels()

        def changed():
            self.display.do(*action)
            return any(self.display.pixels() != before for _ in range(100))

        wait_until(changed, f"{action} to change the picture")

    def control(self, key):
        """Ctrl and a key, for as long as a finger holds them."""
        self.display.do("keydown", "ctrl", "keydown", key, "sleep", "0.1", "keyup", key,
                        "keyup", "ctrl")

    # Xvfb now and then delivers no event for a synthetic key: these press again, as a person would.
    def save(self):
        self.control("s")
        return any(self.pictures() for _ in range(1000))

    def quit(self):
        def gone():
            self.control("q")
            return self.process.poll() is not None

        wait_until(gone, "Ctrl+Q to end the program")
        self.assertEqual(self.process.returncode, 0)

    def view(self, top=0, bottom=780):
        """Lines of the screen; by default those without what passes: toasts, frame times."""
        return self.display.pixels()[4 * 1440 * top:4 * 1440 * bottom]

    def stands_still(self):
        before = self.view()
        return all(self.view() == before for _ in range(100))

    def pictures(self):
        return sorted(self.folder.glob("*.png"))

    def remembered(self, folder, name):
        return json.loads((self.folder / folder / "taskscope" / name).read_text())


class Window(OnDisplay):
    def setUp(self):
        super().setUp()
        self.recording, _ = self.record(LEAKY, "--requests", "20", workers=2)
        self.open_window(self.recording.path)

    def test_zoom_select_save_and_quit(self):
        self.display.do("mousemove", "--window", self.window, 800, 300)
        self.changes_the_picture("key", "w")
        self.changes_the_picture("keydown", "ctrl", "click", "4", "keyup", "ctrl")
        self.changes_the_picture("key", "f")
        self.changes_the_picture("mousemove", "--window", self.window, 700, 200, "click", "1")

        wait_until(self.save, "Ctrl+S to write a picture")
        path = self.pictures()[0]
        picture = wait_until(lambda: whole_picture(path), "the picture to be whole")
        self.assertGreater(len(picture.colours()), 20)

        self.quit()

    def test_a_copied_view_is_pasted_back(self):
        self.display.do("mousemove", "--window", self.window, 800, 300)
        self.changes_the_picture("key", "w")
        wait_until(self.stands_still, "the motion to end")
        before, below = self.view(), self.view(800, 870)
        wait_until(lambda: self.control("c") or self.view(800, 870) != below, "Ctrl+C to say so")
        self.changes_the_picture("key", "f")
        wait_until(self.stands_still, "the motion to end")
        self.assertTrue(self.view() != before)
        wait_until(lambda: self.control("v") or self.view() == before,
                   "Ctrl+V to bring the view back")
        self.quit()

    def test_a_mark_and_its_note_are_beside_the_recording(self):
        marks = pathlib.Path(str(self.recording.path) + ".marks.json")
        self.display.do("mousemove", "--window", self.window, 800, 300)

        def marked():
            self.display.do("keydown", "shift", "keydown", "n", "sleep", "0.1", "keyup", "n",
                            "keyup", "shift")
            return any(marks.exists() for _ in range(1000))

        wait_until(marked, "Shift+N to set a mark")
        self.display.do("type", "--delay", "30", "it hangs")
        wait_until(lambda: self.display.do("key", "Return") or '"note"' in marks.read_text(),
                   "Enter to keep the note")
        self.assertIn("it hangs", marks.read_text())
        self.assertEqual(marks.stat().st_mode & 0o777, 0o600)
        self.quit()
        plain = self.recording.screenshot("with.png")
        marks.write_text("damaged")
        run = self.taskscope("screenshot", self.recording.path, "-o", "without.png")
        self.assertEqual(run.returncode, 0)
        self.assertIn("is damaged", run.stderr.decode())
        self.assertEqual(marks.read_text(), "damaged")
        without = Picture(self.folder / "without.png")
        self.assertGreater(plain.share_that_differs(without), 0)

    def test_search_palette_and_go_to_task(self):
        self.changes_the_picture("key", "slash")
        self.changes_the_picture("type", "--delay", "50", "state:blocked dur:>1us")
        self.changes_the_picture("key", "Return")
        self.changes_the_picture("key", "Escape")
        self.changes_the_picture("keydown", "ctrl", "keydown", "p", "sleep", "0.1", "keyup", "p",
                                 "keyup", "ctrl")
        self.changes_the_picture("key", "Down")
        self.changes_the_picture("key", "Return")
        self.changes_the_picture("keydown", "ctrl", "keydown", "shift", "keydown", "p", "sleep",
                                 "0.1", "keyup", "p", "keyup", "shift", "keyup", "ctrl")
        self.changes_the_picture("type", "--delay", "50", "dark and light")
        self.changes_the_picture("key", "Return")
        self.quit()

    def test_the_findings_are_listed_gone_to_and_stay_open(self):
        self.changes_the_picture("key", "i")
        self.changes_the_picture("key", "Down")
        self.changes_the_picture("key", "Return")
        self.changes_the_picture("key", "Escape")
        self.quit()
        self.assertIs(self.remembered("config", "preferences.json")["findings_open"], True)

    def test_where_time_went_is_a_pane_that_keys_open_and_close(self):
        self.changes_the_picture("key", "c")
        self.changes_the_picture("key", "shift+c")
        self.quit()

    def test_a_smaller_window_is_drawn_anew(self):
        self.changes_the_picture("windowsize", self.window, 700, 500)
        self.assertIsNone(self.process.poll())
        self.quit()


class StartScreen(OnDisplay):
    def test_reopens_what_was_open_as_it_was_left(self):
        recording, _ = self.record(LEAKY, "--requests", "20", workers=2)
        self.open_window(recording.path)
        self.changes_the_picture("key", "t")
        self.quit()
        self.assertEqual(self.remembered("config", "preferences.json")["theme"], "light")
        (recent,) = self.remembered("state", "recent.json")["recent"]
        self.assertEqual(recent["path"], str(recording.path))
        for name in ("config", "state"):
            self.assertEqual((self.folder / name / "taskscope").stat().st_mode & 0o777, 0o700)

        self.start_window()
        start = self.display.pixels()
        wait_until(lambda: self.display.do("key", "Return") or
                   sum(a != b for a, b in zip(self.display.pixels()[::997], start[::997])) > 100,
                   "Enter to open the recording")
        self.assertIn(recording.path.name, " ".join(
            self.display.do("getwindowname", self.window)))
        self.quit()

    def test_a_file_that_is_dropped_opens(self):
        recording, _ = self.record(LEAKY, "--requests", "20", workers=2)
        strange = recording.path.with_name("a strange name %20.tscope")
        recording.path.rename(strange)
        self.open_window()
        server = Server(self.display.name)
        self.addCleanup(server.close)
        server.drop(self.window, (strange.as_uri() + "\r\n").encode(), 300, 300)
        wait_until(lambda: strange.name in " ".join(
            self.display.do("getwindowname", self.window)), "the dropped file to open")
        self.quit()
        (recent,) = self.remembered("state", "recent.json")["recent"]
        self.assertEqual(recent["path"], str(strange))

    def test_the_place_of_the_window_is_where_it_was_left(self):
        self.open_window()
        place = {"X": 160, "Y": 90, "WIDTH": 800, "HEIGHT": 560}
        self.display.do("windowsize", self.window, place["WIDTH"], place["HEIGHT"])
        self.display.do("windowmove", self.window, place["X"], place["Y"])
        wait_until(lambda: self.geometry() == place, "the window to be there")
        self.quit()
        self.assertEqual(self.remembered("config", "preferences.json")["window"],
                         {"x": 160, "y": 90, "width": 800, "height": 560})
        self.start_window()
        self.assertEqual(self.geometry(), place)
        self.quit()

    def test_a_dense_screen_has_a_window_that_is_larger(self):
        self.display = Display(self.folder)
        self.addCleanup(self.display.close)
        server = Server(self.display.name)
        self.addCleanup(server.close)
        server.set_dots_per_inch(144)
        self.start_window("--size", "640x480")
        self.assertEqual(self.geometry()["WIDTH"], 960)
        self.assertEqual(self.geometry()["HEIGHT"], 720)
        self.quit()

    def geometry(self):
        lines = self.display.do("getwindowgeometry", "--shell", self.window)
        values = dict(line.split("=") for line in lines)
        return {name: int(values[name]) for name in ("X", "Y", "WIDTH", "HEIGHT")}

    def test_nothing_that_is_damaged_keeps_it_from_opening(self):
        for folder, name in (("config", "preferences.json"), ("state", "recent.json")):
            (self.folder / folder / "taskscope").mkdir(parents=True)
            (self.folder / folder / "taskscope" / name).write_text("{\"theme\": [")
        self.open_window()
        self.quit()


class Live(OnDisplay):
    def follow_bustle(self, *options):
        """A program, and a window that follows it."""
        program = subprocess.Popen([str(BUSTLE)], env=self.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        self.addCleanup(end, program)
        self.assertEqual(program.stdout.readline(), b"ready\n")
        self.open_window("--attach", program.pid, "-o", "live.tscope", *options)
        partial = self.folder / "live.tscope.partial"
        wait_until(partial.exists, "the recording to begin")
        wait_until(lambda: "live" in " ".join(self.display.do("getwindowname", self.window)),
                   "the recording to be shown")
        return program, partial

    def test_a_signal_ends_the_recording_with_a_whole_file(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                program, partial = self.follow_bustle()
                self.process.send_signal(number)
                wait_until(lambda: self.process.poll() is not None, "the window to end")
                self.assertEqual(self.process.returncode, 0)
                self.assertFalse(partial.exists())
                self.assertIsNone(program.poll())
                self.assertEqual([], list(self.folder.glob("live.tscope-*")))
                self.assertTrue(Recording(self, self.folder / "live.tscope").info()["complete"])

    def test_stacks_are_recorded_if_somebody_asks(self):
        self.follow_bustle("--stacks")
        wait_until(lambda: self.control("q") or self.process.poll() is not None, "Ctrl+Q")
        recording = Recording(self, self.folder / "live.tscope")
        self.assertGreater(recording.value("SELECT count(*) FROM blocked_by_stack"), 0)

    def test_a_window_that_is_closed_leaves_a_whole_file(self):
        program, partial = self.follow_bustle()
        wait_until(lambda: self.control("q") or self.process.poll() is not None, "Ctrl+Q")
        self.assertEqual(self.process.returncode, 0)
        self.assertFalse(partial.exists())
        self.assertIsNone(program.poll())
        self.assertTrue(Recording(self, self.folder / "live.tscope").info()["complete"])

    def test_a_program_is_followed_and_left_with_a_whole_file(self):
        program, partial = self.follow_bustle()
        whole = self.folder / "live.tscope"
        wait_until(lambda: self.control("d") or whole.exists(), "Ctrl+D to leave the program")
        wait_until(lambda: not partial.exists(), "the file to be complete")
        self.assertIsNone(program.poll())
        self.quit()
        info = Recording(self, whole).info()
        self.assertTrue(info["complete"])
        self.assertGreater(info["tasks"], 10)

    def test_a_program_that_is_not_there_is_said_in_the_window_and_at_the_end(self):
        self.open_window("--attach", "no-such-program")
        wait_until(lambda: self.control("q") or self.process.poll() is not None, "Ctrl+Q")
        self.assertEqual(self.process.returncode, 1)
        self.assertIn("no-such-program", self.process.stderr.read().decode())


def end(program):
    program.kill()
    program.communicate()


def whole_picture(path):
    try:
        return Picture(path)
    except Exception:  # half written
        return None


if __name__ == "__main__":
    unittest.main()
