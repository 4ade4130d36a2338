"""Runs many histories and tells what became of them: `make simulate HISTORIES=20000 SEED=1`."""

import argparse
import logging
import sys
import time

from tests.simulation.history import run_history
from tests.simulation.minima import shortfalls, summary, table
from tests.simulation.shrink import shrink
from tests.simulation.tally import Struck

PROGRESS = 5000
SUPERVISED = 10
"""Of so many histories there is one supervised one beside: they take ten times as long."""


def main() -> int:
    """Run the histories that the command line asks for; stop at the first that is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow")
    parser.add_argument(
        "--supervised", type=int, help="histories of all workers; a tenth, if unset"
    )
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    beside = asked.histories // SUPERVISED if asked.supervised is None else asked.supervised
    is_right = _run(asked.seed, asked.histories, supervised=False)
    return int(not (is_right and _run(asked.seed, beside, supervised=True)))


def _run(first: int, histories: int, *, supervised: bool) -> bool:
    """Run so many histories of a kind, and tell whether all held and enough struck."""
    began, steps, struck = time.perf_counter(), 0, Struck()
    sys.stdout.write(
        f"\nHistories {'of all workers' if supervised else 'of requests and cycles'}:\n"
    )
    for done, seed in enumerate(range(first, first + histories), start=1):
        verdict = run_history(seed, supervised=supervised)
        steps += verdict.steps
        struck.update(verdict.struck)
        if verdict.violations:
            sys.stdout.write(f"{shrink(verdict)}\n")
            return False
        if done % PROGRESS == 0 or done == histories:
            _tell(done, steps, time.perf_counter() - began)
    return _tell_what_struck(struck, histories, supervised=supervised)


def _tell(done: int, steps: int, seconds: float) -> None:
    rate = f"{done / seconds:.0f} a second"
    line = f"{done} histories, {steps} steps, 0 violations, {seconds:.1f} s ({rate})\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def _tell_what_struck(struck: Struck, histories: int, *, supervised: bool) -> bool:
    """Print what struck, and tell whether it was enough."""
    sys.stdout.write(f"\n{table(struck)}\n\n{summary(struck, histories, supervised=supervised)}\n")
    too_rare = shortfalls(struck, histories, supervised=supervised)
    sys.stdout.writelines(f"struck too rarely: {each}\n" for each in too_rare)
    return not too_rare


if __name__ == "__main__":
    sys.exit(main())
