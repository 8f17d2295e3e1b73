#!/usr/bin/env python3
"""tidy.py reports what each tree of fixtures/ has wrong, and nothing else.

A fixture is one text file: a sentence, files as `-- PATH --` with their lines, and the lines of
the expected report after `-- report --`. `$repeat N LINE` stands for N lines, `$20` at the end of a
line for a space. A tree without ARCHITECTURE.md gets one that names all its folders.
UPDATE_GOLDENS=1 rewrites the reports.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


def expand(line):
    repeat = re.match(r"\$repeat (\d+) (.*)", line)
    lines = [repeat.group(2)] * int(repeat.group(1)) if repeat else [line]
    return [re.sub(r"\$20$", " ", one) for one in lines]


def unpack(text):
    """(files by path, expected report)"""
    files, current = {}, None
    for line in text.split("\n")[:-1]:
        match = re.fullmatch(r"-- (\S+) --", line)
        if match:
            current = files.setdefault(match.group(1), [])
        elif current is not None:
            current.extend(expand(line))
    expected = files.pop("report", [])
    return files, expected


def report_of(files):
    with tempfile.TemporaryDirectory() as folder:
        tree = pathlib.Path(folder)
        folders = sorted({str(pathlib.PurePosixPath(path).parent) for path in files} - {"."})
        files.setdefault("ARCHITECTURE.md", [f"| `{name}` | a layer |" for name in folders])
        for path, lines in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        run = subprocess.run([sys.executable, HERE / "tidy.py", "--root", tree],
                             capture_output=True, text=True, check=False)
        return run.stdout.splitlines(), run.returncode


class Fixtures(unittest.TestCase):
    maxDiff = None

    def test_each_bad_tree_is_reported_as_expected(self):
        fixtures = sorted((HERE / "fixtures").glob("*.txt"))
        self.assertTrue(fixtures)
        for path in fixtures:
            with self.subTest(path.stem):
                text = path.read_text(encoding="utf-8")
                files, expected = unpack(text)
                report, status = report_of(files)
                if os.environ.get("UPDATE_GOLDENS"):
                    head = text.split("-- report --\n")[0]
                    path.write_text(head + "-- report --\n" + "".join(f"{x}\n" for x in report),
                                    encoding="utf-8")
                    continue
                self.assertEqual(report, expected)
                self.assertEqual(status, 1)

    def test_a_clean_tree_is_silent(self):
        report, status = report_of({"app/main.cpp": ["int main() { return 0; }"]})
        self.assertEqual(report, [])
        self.assertEqual(status, 0)

    def test_a_cycle_in_the_layers_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            rules = pathlib.Path(folder)
            (rules / "layers.txt").write_text("a : b\nb : a\n", encoding="utf-8")
            (rules / "rules.txt").write_text("", encoding="utf-8")
            run = subprocess.run([sys.executable, HERE / "tidy.py", "--root", folder, "--rules",
                                  folder], capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 2)
            self.assertIn("layers.txt:1: b does not stand above a", run.stderr)


if __name__ == "__main__":
    unittest.main()
