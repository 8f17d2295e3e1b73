#!/usr/bin/env python3
"""The window on a display without a screen (Xvfb), driven by a synthetic mouse and keyboard."""

import os
import struct
import subprocess
import unittest

from support import LEAKY, TASKSCOPE, Case, Picture, wait_until


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


class Window(Case):
    def setUp(self):
        super().setUp()
        self.recording, _ = self.record(LEAKY, "--requests", "20", workers=2)
        self.display = Display(self.folder)
        self.addCleanup(self.display.close)
        self.process = subprocess.Popen(
            [str(TASKSCOPE), "open", str(self.recording.path)], cwd=self.folder,
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

    def pictures(self):
        return sorted(self.folder.glob("*.png"))

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

    def test_a_smaller_window_is_drawn_anew(self):
        self.changes_the_picture("windowsize", self.window, 700, 500)
        self.assertIsNone(self.process.poll())
        self.quit()


def whole_picture(path):
    try:
        return Picture(path)
    except Exception:  # half written
        return None


if __name__ == "__main__":
    unittest.main()
