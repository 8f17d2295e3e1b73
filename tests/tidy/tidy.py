#!/usr/bin/env python3
"""Checks the rules of STYLE.md that a machine can check, and prints what breaks them.

usage: tidy.py [--root TREE] [--rules FOLDER]

One line per finding, `FILE:LINE: what is wrong; what to do instead`, sorted. Exit status 1 if there
is one. The rules are in layers.txt and rules.txt of the folder given (by default this one); sizes
are constants below. Only the Python standard library is needed.
"""

import argparse
import pathlib
import re
import sys
from dataclasses import dataclass

import cpp_text
import examples

LINES_MAX = 1000
FUNCTION_LINES_MAX = 70
COLUMNS_MAX = 100

CPP = {".cpp", ".h", ".def", ".S"}
SCRIPTS = {".py", ".sh", ".cmake"}
TEXTS = CPP | SCRIPTS | {".md", ".txt", ".json", ".html", ".yml"}
SCRIPT_NAMES = {"dev", "run", "CMakeLists.txt"}
# Rules are written with the very words that they forbid.
RULES_FOLDER = "tests/tidy"
SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__"}
SOURCE_ROOTS = ("runtime", "recorder", "viewer", "app", "tests")


@dataclass(frozen=True, order=True)
class Finding:
    path: str
    line: int
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.message}"


@dataclass
class File:
    path: str  # relative to the tree, with "/"
    text: str

    def __post_init__(self):
        self.lines = self.text.split("\n")
        if self.lines[-1] == "":
            self.lines.pop()
        self.suffix = pathlib.PurePosixPath(self.path).suffix
        self.is_cpp = self.suffix in CPP
        self.code = cpp_text.code_only(self.text).split("\n") if self.is_cpp else []


def read_tree(root):
    """Every text file of the tree that people write."""
    files = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if SKIPPED_FOLDERS & set(relative.parts) or not path.is_file() or path.is_symlink():
            continue
        if path.suffix not in TEXTS and path.name not in SCRIPT_NAMES:
            continue
        try:
            files.append(File(relative.as_posix(), path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            files.append(File(relative.as_posix(), "\n"))
            files[-1].lines = ["\ufffd"]
    return files


def within(path, folder):
    return folder == "." or path == folder or path.startswith(folder + "/")


# Shape: encoding, columns, white space, sizes -----------------------------------------------------


def check_shape(file):
    if file.lines == ["\ufffd"]:
        yield Finding(file.path, 1, "not UTF-8; save it as UTF-8")
        return
    if file.text and not file.text.endswith("\n"):
        yield Finding(file.path, len(file.lines), "no newline at the end of the file")
    if len(file.lines) > LINES_MAX:
        yield Finding(file.path, LINES_MAX + 1,
                      f"{len(file.lines)} lines, {LINES_MAX} are allowed; split it by job")
    is_script = file.suffix in SCRIPTS or pathlib.PurePosixPath(file.path).name in SCRIPT_NAMES
    for number, line in enumerate(file.lines, 1):
        if line != line.rstrip():
            yield Finding(file.path, number, "white space at the end of the line")
        if (file.is_cpp or is_script) and len(line) > COLUMNS_MAX:
            yield Finding(file.path, number,
                          f"{len(line)} columns, {COLUMNS_MAX} are allowed")
        if "\t" in line and (file.is_cpp or file.suffix == ".py"):
            yield Finding(file.path, number, "a tab; indent with spaces")


def check_functions(file):
    if file.suffix not in {".cpp", ".h"}:
        return
    for name, first, last in cpp_text.functions("\n".join(file.code)):
        length = last - first + 1
        if length > FUNCTION_LINES_MAX:
            yield Finding(file.path, first, f"{name} has {length} lines, "
                          f"{FUNCTION_LINES_MAX} are allowed; take a step out of it")


def check_header(file):
    if file.suffix != ".h":
        return
    if not file.text.startswith("//"):
        yield Finding(file.path, 1, "a header starts with what it is, who owns it and which "
                      "threads may call it")
    if "#pragma once" not in file.lines:
        yield Finding(file.path, 1, "no #pragma once")


# Layers -------------------------------------------------------------------------------------------


class Layers:
    """layers.txt: folder -> the folders it may include from. Raises ValueError if it is wrong."""

    def __init__(self, text):
        self.allowed = {}
        for number, line in enumerate(text.split("\n"), 1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            folder, colon, names = line.partition(":")
            folder, names = folder.strip(), names.split()
            if not colon or folder in self.allowed:
                raise ValueError(f"layers.txt:{number}: expected a new folder and a colon")
            for name in names:
                if name != "*" and name not in self.allowed:
                    raise ValueError(f"layers.txt:{number}: {name} does not stand above {folder}")
            self.allowed[folder] = set(self.allowed) if "*" in names else set(names)

    def of(self, path):
        owners = [folder for folder in self.allowed if within(path, folder)]
        return max(owners, key=len, default=None)


INCLUDE = re.compile(r'\s*#\s*include\s*"([^"]+)"')


def check_layers(files, layers):
    paths = {file.path for file in files}
    for file in files:
        if not file.is_cpp:
            continue
        owner = layers.of(file.path)
        if owner is None:
            yield Finding(file.path, 1, "its folder is not in tests/tidy/layers.txt")
            continue
        for number, line in enumerate(file.lines, 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            included = match.group(1)
            if included not in paths:
                yield Finding(file.path, number, f'"{included}" is not a file of this tree; write '
                              "the path from the root, or <…> for other people's headers")
                continue
            target = layers.of(included)
            if target != owner and target not in layers.allowed[owner]:
                yield Finding(file.path, number, f"{owner} may not include from {target} "
                              "(tests/tidy/layers.txt)")


# Rules --------------------------------------------------------------------------------------------


@dataclass
class Rule:
    where: list
    excluded: list
    scope: str
    pattern: re.Pattern
    instead: str
    excuse: re.Pattern

    def applies_to(self, file):
        if self.scope != "all" and not file.is_cpp:
            return False
        return any(within(file.path, folder) for folder in self.where) and not any(
            within(file.path, folder) for folder in self.excluded)


def parse_rules(text):
    rules = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        columns = line.split(" | ")
        if len(columns) not in (4, 5) or columns[1] not in ("code", "raw", "all"):
            raise ValueError(f"rules.txt:{number}: expected where | code, raw or all | pattern | "
                             "instead | excuse")
        where = columns[0].split()
        rules.append(Rule([name for name in where if not name.startswith("!")],
                          [name[1:] for name in where if name.startswith("!")], columns[1],
                          re.compile(columns[2]), columns[3],
                          re.compile(columns[4]) if len(columns) == 5 else None))
    return rules


def check_rules(file, rules):
    if within(file.path, RULES_FOLDER):
        return
    for rule in rules:
        if not rule.applies_to(file) or (rule.excuse and rule.excuse.search(file.text)):
            continue
        for number, line in enumerate(file.code if rule.scope == "code" else file.lines, 1):
            match = rule.pattern.search(line)
            if match:
                yield Finding(file.path, number, f"{match.group(0).strip()}: {rule.instead}")


# Documents ----------------------------------------------------------------------------------------

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


def check_links(root, file):
    if file.suffix != ".md":
        return
    in_code = False
    for number, line in enumerate(file.lines, 1):
        in_code ^= line.startswith("```")
        for target in () if in_code else LINK.findall(line):
            if "://" in target or target.startswith("mailto:"):
                continue
            if not (root / file.path).parent.joinpath(target).exists():
                yield Finding(file.path, number, f"the link leads to {target}, which is not there")


def check_map(root, files):
    """ARCHITECTURE.md has a table row for each source folder, and none for others."""
    path = "ARCHITECTURE.md"
    page = next((file for file in files if file.path == path), None)
    if page is None:
        yield Finding(path, 1, "there is no map of the folders")
        return
    rows = {}
    for number, line in enumerate(page.lines, 1):
        match = re.match(r"\| `([\w./-]+)/?` *\| *(.*?) *\|$", line)
        if match and match.group(1).split("/")[0] in SOURCE_ROOTS:
            rows[match.group(1).rstrip("/")] = (number, match.group(2))
    folders = {str(pathlib.PurePosixPath(file.path).parent) for file in files
               if file.suffix in CPP | {".py"} and file.path.split("/")[0] in SOURCE_ROOTS}
    for folder in sorted(folders):
        # A row of the tests covers its subfolders: they mirror what has rows of its own.
        parents = {str(parent) for parent in pathlib.PurePosixPath(folder).parents}
        if folder not in rows and not (folder.startswith("tests/") and parents & set(rows)):
            yield Finding(path, 1, f"no row says what {folder} is for")
    for folder, (number, what) in rows.items():
        if not (root / folder).is_dir():
            yield Finding(path, number, f"{folder} is not there")
        elif not what:
            yield Finding(path, number, f"the row of {folder} does not say what it is for")


def check_examples(files):
    """Every name that programs may use stands in an example of a header (examples.py)."""
    texts = {file.path: file.text for file in files}
    for path, line, name in examples.missing(texts):
        yield Finding(path, line, f"{name} stands in no example of a header; add one there, and to "
                                  f"{examples.EXAMPLES_TEST}")


def check_tree(root, rules_folder):
    layers = Layers((rules_folder / "layers.txt").read_text(encoding="utf-8"))
    rules = parse_rules((rules_folder / "rules.txt").read_text(encoding="utf-8"))
    files = read_tree(root)
    findings = set()
    for file in files:
        for check in (check_shape, check_functions, check_header):
            findings.update(check(file))
        findings.update(check_rules(file, rules))
        findings.update(check_links(root, file))
    findings.update(check_layers(files, layers))
    findings.update(check_map(root, files))
    findings.update(check_examples(files))
    return sorted(findings), len(files)


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=pathlib.Path, default=here.parent.parent)
    parser.add_argument("--rules", type=pathlib.Path, default=here)
    options = parser.parse_args()
    try:
        findings, count = check_tree(options.root.resolve(), options.rules)
    except (ValueError, OSError, re.error) as error:
        print(f"tidy: {error}", file=sys.stderr)
        return 2
    for finding in findings:
        print(finding)
    print(f"tidy: {count} files, {len(findings)} findings", file=sys.stderr)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
