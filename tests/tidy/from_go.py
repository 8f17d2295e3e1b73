#!/usr/bin/env python3
"""Keeps the pages runtime/FROM_GO*.md true: their code is that of runtime/examples/from_go.cpp and
from_go.go.

usage: from_go.py [--root TREE] [--write]

Both files have regions, from `// [go: NAME]` to `// [end]`. On a page `<!-- go: NAME -->` to
`<!-- end -->` is the two regions of that name side by side; the prose around them is written by
hand. Exit status 1, with a line for each thing that is wrong, if a page is not what --write would
make of it, or if a region stands in one file only, or on the pages not exactly once.
"""

import argparse
import pathlib
import re
import sys
import textwrap

PAGES = ("runtime/FROM_GO.md", "runtime/FROM_GO_PACKAGES.md")
GO = "runtime/examples/from_go.go"
CPP = "runtime/examples/from_go.cpp"
COLUMNS_MAX = 66  # of each side

REGION = re.compile(r"^[ \t]*// \[go: ([\w-]+)\]\n(.*?)^[ \t]*// \[end\]\n",
                    re.DOTALL | re.MULTILINE)
PAIR = re.compile(r"<!-- go: ([\w-]+) -->\n.*?<!-- end -->\n", re.DOTALL)


def regions(text):
    found = REGION.findall(text)
    names = [name for name, _ in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    code = {name: textwrap.dedent(body.expandtabs(4)).strip("\n") for name, body in found}
    return code, twice


def pair(name, go, cpp):
    return (f"<!-- go: {name} -->\n<table><tr><th>Go</th><th>Taskscope</th></tr><tr><td>\n\n"
            f"```go\n{go}\n```\n\n</td><td>\n\n```cpp\n{cpp}\n```\n\n</td></tr></table>\n"
            "<!-- end -->\n")


def renew(page, go, cpp):
    """The page with today's code. Pairs without code stay as they are."""
    def replace(match):
        name = match.group(1)
        return pair(name, go[name], cpp[name]) if name in go and name in cpp else match.group()
    return PAIR.sub(replace, page)


def wrong(pages, go, cpp):
    """What is wrong with names and sizes, a line each."""
    shown = [match.group(1) for page in pages.values() for match in PAIR.finditer(page)]
    for name in sorted(set(go) | set(cpp) | set(shown)):
        for path, names in ((GO, go), (CPP, cpp)):
            if name not in names:
                yield f"{path}: no region [go: {name}]"
        if shown.count(name) != 1:
            yield (f"{PAGES[0]}: `<!-- go: {name} -->` stands on the pages {shown.count(name)} "
                   "times, not once")
    for path, code in ((GO, go), (CPP, cpp)):
        for name, text in sorted(code.items()):
            if any(len(line) > COLUMNS_MAX for line in text.split("\n")):
                yield f"{path}: [go: {name}] has more than {COLUMNS_MAX} columns"


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=here.parent.parent)
    parser.add_argument("--write", action="store_true", help="renew the pages")
    options = parser.parse_args()

    def read(path):
        return (options.root / path).read_text(encoding="utf-8")

    pages = {path: read(path) for path in PAGES}
    (go, twice_go), (cpp, twice_cpp) = regions(read(GO)), regions(read(CPP))
    findings = [f"{path}: [go: {name}] stands there twice"
                for path, names in ((GO, twice_go), (CPP, twice_cpp)) for name in names]
    findings += wrong(pages, go, cpp)
    for path, page in pages.items():
        fresh = renew(page, go, cpp)
        if fresh == page:
            continue
        if options.write:
            (options.root / path).write_text(fresh, encoding="utf-8")
        else:
            findings.append(f"{path}: its code is not that of {CPP} and {GO}; "
                            "python3 tests/tidy/from_go.py --write renews it")
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
