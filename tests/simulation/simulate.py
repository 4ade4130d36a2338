"""Runs many histories and tells what became of them: `make simulate HISTORIES=20000 SEED=1`."""

import argparse
import logging
import sys
import time
from collections import Counter

from tests.simulation.history import run_history
from tests.simulation.shrink import shrink

PROGRESS = 5000


def main() -> int:
    """Run the histories that the command line asks for; stop at the first that is violated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1, help="the first seed; the others follow")
    parser.add_argument("--supervised", action="store_true", help="run all workers, supervised")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    began, steps, struck = time.perf_counter(), 0, Counter[str]()
    for done, seed in enumerate(range(asked.seed, asked.seed + asked.histories), start=1):
        verdict = run_history(seed, supervised=asked.supervised)
        steps += verdict.steps
        struck.update(verdict.struck)
        if verdict.violations:
            sys.stdout.write(f"{shrink(verdict)}\n")
            return 1
        if done % PROGRESS == 0 or done == asked.histories:
            _tell(done, steps, time.perf_counter() - began)
    sys.stdout.write(f"what struck: {_sorted(struck)}\n")
    return 0


def _tell(done: int, steps: int, seconds: float) -> None:
    rate = f"{done / seconds:.0f} a second"
    line = f"{done} histories, {steps} steps, 0 violations, {seconds:.1f} s ({rate})\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def _sorted(struck: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in struck.most_common())


if __name__ == "__main__":
    sys.exit(main())
