#!/usr/bin/env python3
"""Runs the benchmarks and prints a table, or with --json a list of objects

    {"case", "ours", "unit", "peers": {name: value or null}, "ratio", "goal", "met", "why"}

`ours` is a median of repetitions; `ratio` is ours over the first peer, the median over pairs where
both ran in turn; `goal` is what has to hold and `met` whether it does (null: no goal); `why` says
why a peer is ahead or the goal is missed (null: neither). README.md beside this has more.
"""

import argparse
import json
import pathlib
import sys
import textwrap

import benchmarks
from measure import Bench

REPETITIONS = 15
RIGHT = ("ours", "theirs", "ratio")
WHY_COLUMNS = 120


def number(value):
    if value is None:
        return "–"
    if isinstance(value, int) or value >= 999.5:
        return f"{value:,.0f}"
    return f"{value:#.3g}".rstrip(".")


def print_table(results):
    rows = [("case", "ours", "unit", "peer", "theirs", "ratio", "goal", "met")]
    for result in results:
        met = {None: "", True: "yes", False: "NO"}[result["met"]]
        rows.append((result["case"], number(result["ours"]), result["unit"],
                     ", ".join(result["peers"]), ", ".join(map(number, result["peers"].values())),
                     number(result["ratio"]), result["goal"] or "", met))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row, why in zip(rows, [None] + [result["why"] for result in results]):
        cells = [cell.rjust(width) if name in RIGHT else cell.ljust(width)
                 for name, cell, width in zip(rows[0], row, widths)]
        print("  ".join(cells).rstrip())
        if why is not None:
            print(textwrap.fill(why, WHY_COLUMNS, initial_indent="    why: ",
                                subsequent_indent="         "))


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Runs the benchmarks.")
    parser.add_argument("name", nargs="*", metavar="NAME",
                        help="one of " + ", ".join(benchmarks.ALL) + "; by default all")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--repetitions", type=int, metavar="N",
                        help=f"of each measurement ({REPETITIONS}; "
                        + "; ".join(f"{name} {count}" for name, count
                                    in benchmarks.REPETITIONS.items()) + ")")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.name if name not in benchmarks.ALL]
    if unknown:
        parser.error(f"no benchmark \"{unknown[0]}\"; there are: {', '.join(benchmarks.ALL)}")

    results = []
    for name in options.name or benchmarks.ALL:
        print(f"bench: {name}", file=sys.stderr)
        repetitions = options.repetitions or benchmarks.REPETITIONS.get(name, REPETITIONS)
        results += benchmarks.ALL[name](Bench(options.build.resolve(), repetitions))
    if options.json:
        json.dump(results, sys.stdout, indent=2)
        print()
    else:
        print_table(results)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, OSError) as error:
        sys.exit(f"bench: {error}")
