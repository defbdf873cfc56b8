"""Branch coverage, package by package.

Reads a coverage report in JSON and fails where one of the packages has less than the asked per cent of its *branches* covered.
(`--cov-fail-under` mixes lines with branches and packages with each other, so a well tested package hides a badly tested one.)
"""

import json
import sys
from pathlib import Path
from typing import Any

PLACES = 12


def branches(files: dict[str, Any], package: str) -> tuple[int, int]:
    """Covered and existing branches of one top-level package."""
    summaries = [file["summary"] for path, file in files.items() if Path(path).parts[0] == package]
    return sum(summary["covered_branches"] for summary in summaries), sum(summary["num_branches"] for summary in summaries)


def missing(files: dict[str, Any], package: str) -> list[str]:
    """The places with most branches still to be taken, worst first."""
    rows = [
        (len(file["missing_branches"]), path, sorted({source for source, _ in file["missing_branches"]}))
        for path, file in files.items()
        if Path(path).parts[0] == package and file["missing_branches"]
    ]
    return [f"    {path}: from line {', '.join(map(str, lines[:PLACES]))}" for _, path, lines in sorted(rows, reverse=True)]


def main(report: str, minimum: str, *packages: str) -> int:
    files = json.loads(Path(report).read_text())["files"]
    short = False
    for package in packages:
        covered, existing = branches(files, package)
        percent = 100 * covered / existing if existing else 100.0
        print(f"branches of {package + '/':12} {covered:5} of {existing:5}  {percent:5.1f} %  (asked: {minimum} %)")
        if percent < float(minimum):
            short = True
            print("\n".join(missing(files, package)))
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
