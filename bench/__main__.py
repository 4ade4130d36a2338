"""Run benchmarks: `python -m bench get jobs`; without a subject, all of them."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import psutil

from bench import boot, footprint, get, jobs, lists, post, starts
from bench.environment import console
from bench.figures import Row
from bench.sizes import FULL, QUICK, Sizes
from bench.table import terminal_table

SUBJECTS: Mapping[str, Callable[[Sizes], Sequence[Row]]] = {
    "get": get.measure,
    "post": post.measure,
    "list": lists.measure,
    "jobs": jobs.measure,
    "start": starts.measure,
    "boot": boot.measure,
    "footprint": footprint.measure,
}


def main() -> None:
    """Measure what was asked for, and print the table."""
    asked = _parser().parse_args()
    sizes = QUICK if asked.quick else FULL
    if asked.jobs:
        sizes = replace(sizes, jobs=asked.jobs)
    rows: list[Row] = []
    for subject in asked.subjects or SUBJECTS:
        console.rule(f"{subject}, load {psutil.getloadavg()[0]:.1f}")
        rows += SUBJECTS[subject](sizes)
    console.print(terminal_table(rows))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], metavar="SUBJECT")
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten")
    parser.add_argument("--jobs", type=int, help="queued replays")
    return parser


if __name__ == "__main__":
    main()
