#!/usr/bin/env python3
"""Runs the benchmarks and prints a table, or with --json a list of objects

    {"case", "ours", "unit", "peers": {name: value or null}, "ratio", "goal", "met"}

`ours` is a median of repetitions; `ratio` is ours over the first peer, the median over pairs where
both ran in turn; `goal` is what has to hold and `met` whether it does (null: no goal).
"""

import argparse
import json
import pathlib
import sys

import benchmarks
from measure import Bench


def number(value):
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def print_table(results):
    rows = [("case", "ours", "unit", "peers", "ratio", "goal", "met")]
    for result in results:
        peers = ", ".join(f"{name} {number(value)}" for name, value in result["peers"].items())
        met = {None: "", True: "yes", False: "NO"}[result["met"]]
        rows.append((result["case"], number(result["ours"]), result["unit"], peers,
                     number(result["ratio"]), result["goal"] or "", met))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Runs the benchmarks.")
    parser.add_argument("name", nargs="*", metavar="NAME",
                        help="one of " + ", ".join(benchmarks.ALL) + "; by default all")
    parser.add_argument("--json", action="store_true", help="machine-readable output")
    parser.add_argument("--repetitions", type=int, default=15, metavar="N",
                        help="of each measurement (15)")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.name if name not in benchmarks.ALL]
    if unknown:
        parser.error(f"no benchmark \"{unknown[0]}\"; there are: {', '.join(benchmarks.ALL)}")

    bench = Bench(options.build.resolve(), options.repetitions)
    results = []
    for name in options.name or benchmarks.ALL:
        print(f"bench: {name}", file=sys.stderr)
        results += benchmarks.ALL[name](bench)
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
