"""What the end-to-end tests share: the built programs, scratch folders, recordings, pictures.

The build folder comes from TASKSCOPE_BINARY_DIR, which ctest sets; by default build/dev.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import unittest
import zlib
from xml.etree import ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("TASKSCOPE_BINARY_DIR", ROOT / "build" / "dev"))
TASKSCOPE = BUILD / "app" / "taskscope"
WORDCOUNT = BUILD / "runtime" / "examples" / "wordcount"
LEAKY = BUILD / "runtime" / "examples" / "leaky"
README_EXAMPLE = BUILD / "tests" / "end_to_end" / "readme_example"
RELAY = BUILD / "tests" / "bench" / "relay"
VICTIM = BUILD / "tests" / "end_to_end" / "victim"
PARLEY = BUILD / "tests" / "end_to_end" / "parley"
FUMBLER = BUILD / "tests" / "end_to_end" / "fumbler"
STUCK = BUILD / "tests" / "end_to_end" / "stuck"
BUSTLE = BUILD / "tests" / "end_to_end" / "bustle"
REQUEST_MEMORY = BUILD / "runtime" / "examples" / "request_memory"
CLIMBER = BUILD / "tests" / "end_to_end" / "climber"

# Generous: a test that waits this long has found a hang, not a slow machine.
TIMEOUT_S = 120


def wait_until(condition, what):
    """Polls until `condition()` is true and returns its value."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.01)


class Case(unittest.TestCase):
    """A test with a scratch folder of its own, which is also the runtime folder of what it runs."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="taskscope-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.env = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder),
                    "XDG_CONFIG_HOME": str(self.folder / "config"),
                    "XDG_STATE_HOME": str(self.folder / "state"), "LC_ALL": "C"}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "TASKSCOPE_WORKERS"):
            self.env.pop(name, None)

    def taskscope(self, *arguments, env=None, **options):
        """Runs the command to its end."""
        return subprocess.run([str(TASKSCOPE), *map(str, arguments)], cwd=self.folder,
                              env={**self.env, **(env or {})}, capture_output=True,
                              timeout=TIMEOUT_S, check=False, **options)

    def start(self, *arguments, env=None, **options):
        """Starts the command as the leader of its own process group; ended with the test."""
        process = subprocess.Popen([str(TASKSCOPE), *map(str, arguments)], cwd=self.folder,
                                   env={**self.env, **(env or {})}, start_new_session=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(end_group, process)
        return process

    def record(self, *command, workers=None, name="run.tscope", status=0):
        """Records a program that is expected to leave a recording; returns (recording, run).

        `status` is the program's own exit code (128 + signal if it was killed).
        """
        # On a machine with other work the recorder may get its turn late.
        env = {"TASKSCOPE_RING_RECORDS": str(4 << 20)}
        if workers:
            env["TASKSCOPE_WORKERS"] = str(workers)
        run = self.taskscope("record", "--propagate-exit", "-o", name, "--", *command, env=env)
        self.assertEqual(run.returncode, status, run.stderr.decode())
        return Recording(self, self.folder / name), run

    def assert_refused(self, run, *words, status=1):
        """One sentence on standard error, nothing on standard output, the right exit code."""
        message = run.stderr.decode()
        self.assertEqual(run.returncode, status, message)
        self.assertEqual(run.stdout, b"")
        self.assertRegex(message, r"\Ataskscope: [^\n]+\.\n\Z")
        for word in words:
            self.assertIn(word, message)


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


class Recording:
    def __init__(self, case, path):
        self.case = case
        self.path = path

    def json(self, subcommand, *arguments):
        run = self.case.taskscope(subcommand, self.path, *arguments, "--json")
        self.case.assertEqual(run.returncode, 0, run.stderr.decode())
        return json.loads(run.stdout)

    def info(self):
        return self.json("info")

    def report(self, *options):
        return self.json("report", *options)

    def query(self, sql):
        """Rows as dictionaries."""
        return self.json("query", sql)

    def value(self, sql):
        """The only value of the only row."""
        rows = self.query(sql)
        self.case.assertEqual(len(rows), 1, sql)
        return next(iter(rows[0].values()))

    def screenshot(self, name="shot.png", *arguments):
        path = self.case.folder / name
        run = self.case.taskscope("screenshot", self.path, "-o", path, *arguments)
        self.case.assertEqual(run.returncode, 0, run.stderr.decode())
        return Drawing(path) if path.suffix == ".svg" else Picture(path)

    def assert_times_add_up(self):
        """Each task's time by state covers its life, and the spans say the same as the sums."""
        case = self.case
        states = "running_ns + runnable_ns + blocked_ns + syscall_ns + sleeping_ns"
        program_end = "(SELECT ended_ns FROM program WHERE program.id = program_id)"
        case.assertEqual(self.query(
            f"SELECT id, name, state, {states} AS sum, "
            f"       coalesce(ended_ns, {program_end}) - created_ns AS life "
            f"FROM task WHERE created_ns IS NULL OR sum != life"), [])
        rows = self.query(
            "SELECT task_id, state, sum(end_ns - start_ns) AS ns FROM span GROUP BY task_id, state")
        spans = {(row["task_id"], row["state"]): row["ns"] for row in rows}
        for task in self.query("SELECT * FROM task"):
            for state in ("running", "runnable", "blocked", "syscall", "sleeping"):
                case.assertEqual(spans.get((task["id"], state), 0), task[state + "_ns"],
                                 f"task {task['id']}, {state}")


class Picture:
    """A PNG of 8 bits per channel, decoded."""

    def __init__(self, path):
        data = pathlib.Path(path).read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is not a PNG"
        packed, offset = b"", 8
        while offset < len(data):
            length, kind = struct.unpack(">I4s", data[offset:offset + 8])
            body = data[offset + 8:offset + 8 + length]
            if kind == b"IHDR":
                self.width, self.height, depth, colour = struct.unpack(">IIBB", body[:10])
                assert depth == 8 and colour in (2, 6), "not 8-bit RGB or RGBA"
                self.channels = 3 if colour == 2 else 4
            elif kind == b"IDAT":
                packed += body
            offset += 12 + length
        self.rows = self._unfilter(zlib.decompress(packed))

    def _unfilter(self, raw):
        step, stride = self.channels, self.width * self.channels
        rows, above = [], bytearray(stride)
        for y in range(self.height):
            kind = raw[y * (stride + 1)]
            line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
            for i in range(stride if kind else 0):
                left = line[i - step] if i >= step else 0
                corner = above[i - step] if i >= step else 0
                line[i] = (line[i] + self._predict(kind, left, above[i], corner)) & 255
            rows.append(bytes(line))
            above = line
        return rows

    @staticmethod
    def _predict(kind, left, up, corner):
        if kind == 1:
            return left
        if kind == 2:
            return up
        if kind == 3:
            return (left + up) // 2
        estimate = left + up - corner
        distances = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
        return (left, up, corner)[distances.index(min(distances))]

    def colours(self):
        """How many pixels each colour (r, g, b) has."""
        counts = {}
        for row in self.rows:
            for x in range(0, len(row), self.channels):
                colour = row[x:x + 3]
                counts[colour] = counts.get(colour, 0) + 1
        return counts

    def share_that_differs(self, other, tolerance=8):
        """Of the pixels, how many differ by more than `tolerance` in some channel (0..1)."""
        assert (self.width, self.height) == (other.width, other.height)
        differing = 0
        for mine, theirs in zip(self.rows, other.rows):
            if mine == theirs:
                continue
            for x in range(self.width):
                a = mine[x * self.channels:x * self.channels + 3]
                b = theirs[x * other.channels:x * other.channels + 3]
                differing += any(abs(p - q) > tolerance for p, q in zip(a, b))
        return differing / (self.width * self.height)


class Drawing:
    """An SVG as Taskscope writes them. Its rectangles are painted; where there is text, hatching or
    another shape, `rest` is true."""

    def __init__(self, path):
        root = ElementTree.parse(path).getroot()
        self.width, self.height = int(root.get("width")), int(root.get("height"))
        self.texts = []
        self.rows = [bytearray(3 * self.width) for _ in range(self.height)]
        self.rest = [bytearray(self.width) for _ in range(self.height)]
        for element in root:
            self._draw(element, {})

    def _draw(self, element, inherited):
        kind = element.tag.removeprefix("{http://www.w3.org/2000/svg}")
        values = {**inherited, **element.attrib}
        if kind == "g":
            for child in element:
                self._draw(child, values)
        elif kind == "rect":
            box = [round(float(values[name])) for name in ("x", "y", "width", "height")]
            if values["fill"].startswith("#"):
                self._fill(box, values)
            else:
                self._mark(*box)
        elif kind == "text":
            self.texts.append(element.text)
            x, y, width = (float(values[name]) for name in ("x", "y", "textLength"))
            self._mark(int(x) - 2, int(y) - 20, int(width) + 5, 30)
        elif kind == "path":
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", values["d"])]
            xs, ys = numbers[::2], numbers[1::2]
            self._mark(int(min(xs)) - 2, int(min(ys)) - 2, int(max(xs) - min(xs)) + 5,
                       int(max(ys) - min(ys)) + 5)

    def _fill(self, box, values):
        x, y, width, height = box
        colour = bytes.fromhex(values["fill"][1:])
        opacity = float(values.get("fill-opacity", 1))
        for row in self.rows[y:y + height]:
            part = slice(3 * x, 3 * (x + width))
            if opacity == 1:
                row[part] = colour * width
            else:
                row[part] = bytes(round(new * opacity + old * (1 - opacity))
                                  for old, new in zip(row[part], colour * width))

    def _mark(self, x, y, width, height):
        left, right = max(x, 0), min(x + width, self.width)
        for row in self.rest[max(y, 0):max(y + height, 0)]:
            row[left:right] = b"\1" * max(right - left, 0)

    def compare(self, picture, tolerance=3):
        """Shares (0..1) of the pixels that are rectangles only, and of those that differ."""
        assert (self.width, self.height) == (picture.width, picture.height)
        known = differing = 0
        for mine, theirs, rest in zip(self.rows, picture.rows, self.rest):
            for x in range(self.width):
                if rest[x]:
                    continue
                known += 1
                other = theirs[x * picture.channels:x * picture.channels + 3]
                differing += any(abs(a - b) > tolerance for a, b in zip(mine[3 * x:], other))
        return known / (self.width * self.height), differing / max(known, 1)


def make_text_tree(folder, seed=1, files=200):
    """A tree of text files with all that wordcount has to get right. The seed is printed."""
    print(f"text tree: seed {seed}, {files} files")
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxzETAOIN"
    words = ["".join(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(3000)]
    gaps = [" ", " ", " ", ", ", ".\n", "\n\n", "'", "-", " 12 ", "\t", " \u00e9 ", "_"]
    for number in range(files):
        parts = []
        for _ in range(chance.choice([0, 1, 50, 500, 3000])):
            parts += [chance.choice(words), chance.choice(gaps)]
        if number % 3 == 0:
            parts.append(chance.choice(words))  # the file ends in a word
        path = folder / f"d{number % 7}" / ("deep" * (number % 3)) / f"file {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(parts), encoding="utf-8")
    # One word longer than any buffer, a binary file, an empty one, and links that lead in circles.
    (folder / "long.txt").write_text("x" * 300_000 + "\n", encoding="utf-8")
    (folder / "binary.bin").write_bytes(b"words in\0binary")
    (folder / "empty.txt").write_bytes(b"")
    (folder / "circle").symlink_to(".")
    (folder / "link.txt").symlink_to("long.txt")


def count_words_in_shell(folder):
    """The same words as `sort | uniq -c` counts them, most frequent first, then by name."""
    script = (r"""find . -type f ! -name '*.bin' -exec sh -c '"""
              r"""for f; do tr -cs A-Za-z "\n" < "$f"; echo; done' sh {} + """
              r"""| tr A-Z a-z | grep . | sort | uniq -c | sort -k1,1nr -k2,2""")
    run = subprocess.run(["bash", "-c", script], cwd=folder, env={**os.environ, "LC_ALL": "C"},
                         capture_output=True, check=True)
    return run.stdout
