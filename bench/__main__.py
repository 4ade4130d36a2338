"""Run benchmarks: `python -m bench get jobs`; without a subject, all of them."""

import argparse
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bench import boot, footprint, get, jobs, lists, post, starts
from bench.arguments import one_of
from bench.environment import console
from bench.figures import Row
from bench.machine import load, machine, versions
from bench.page import write_result
from bench.sizes import FULL, QUICK, Sizes
from bench.table import markdown_table, terminal_table

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
    """Measure what was asked for, print the table, and write the page if that is asked for too."""
    # What was started is stopped and removed then, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = _parser().parse_args()
    sizes = QUICK if asked.quick else FULL
    if asked.jobs:
        sizes = replace(sizes, queues=(asked.jobs,))
    began, busy = time.monotonic(), load()
    rows, failed = _measure(asked.subjects or list(SUBJECTS), sizes)
    console.print(terminal_table(rows))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")
    if asked.write and not asked.subjects:
        write_result(_result(rows, sizes, busy, time.monotonic() - began))


def _measure(subjects: Sequence[str], sizes: Sizes) -> tuple[list[Row], list[str]]:
    """Return the rows of all subjects, and those that failed, whose faults are printed."""
    rows: list[Row] = []
    failed = []
    for subject in subjects:
        console.rule(f"{subject}, load {load():.1f}")
        began = time.monotonic()
        try:
            rows += SUBJECTS[subject](sizes)
        except Exception:  # noqa: BLE001 - the other subjects are measured all the same
            traceback.print_exc()
            failed.append(subject)
        console.print(f"{subject}: {time.monotonic() - began:.0f} s")
    return rows, failed


def _result(rows: Sequence[Row], sizes: Sizes, busy: float, seconds: float) -> str:
    at = f"{datetime.now(UTC):%-d %B %Y, %H:%M} UTC"
    how = " by `make bench-quick`, in fewer rounds" if sizes == QUICK else ""
    return (
        f"Measured on {at}{how}, in {seconds / 60:.1f} minutes; load average {busy:.1f} before.\n"
        f"Machine: {machine()}.\n"
        f"Versions: {versions()}.\n\n"
        f"{markdown_table(rows)}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("bench", description=__doc__)
    subjects = one_of(SUBJECTS)
    parser.add_argument("subjects", nargs="*", type=subjects, metavar="|".join(SUBJECTS))
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten")
    parser.add_argument("--jobs", type=int, help="queued replays")
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks.md, if nothing was left out"
    )
    return parser


if __name__ == "__main__":
    main()
