"""Run many histories and report their faults: `make simulate HISTORIES=20000 SEED=1`."""

import argparse
import logging
import sys
import time

from tests.simulation.events import Kind
from tests.simulation.history import run_history, shrink
from tests.simulation.minima import shortfalls, summary, table
from tests.simulation.tally import FaultCounts

PROGRESS = 5000
TITLES = {
    Kind.PLAIN: "Plain histories (requests and cycles)",
    Kind.SWARM: "Histories on a Swarm (requests and cycles, nodes that are lost)",
    Kind.FULL_SWARM: "Full histories on a Swarm (with the workers of its nodes)",
    Kind.FULL: "Full histories (two processes with all their workers and streams)",
}
FULL, FULL_SWARM = 10, 20
"""One full history is run per so many plain ones, since it takes about ten times as long."""


def main() -> int:
    """Run the histories that the command line asks for; stop at the first violated one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--histories", type=int, default=20_000, help="number of plain histories")
    parser.add_argument("--seed", type=int, default=1, help="first seed; the others follow")
    parser.add_argument(
        "--full",
        type=int,
        help="number of full histories, in which two processes run all their workers and streams "
        "(default: a tenth of the plain ones)",
    )
    parser.add_argument(
        "--swarm", type=int, help="number of histories on a Swarm (default: as many as plain ones)"
    )
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    swarm = asked.histories if asked.swarm is None else asked.swarm
    counts = {
        Kind.PLAIN: asked.histories,
        Kind.SWARM: swarm,
        Kind.FULL_SWARM: swarm // FULL_SWARM,
        Kind.FULL: asked.histories // FULL if asked.full is None else asked.full,
    }
    return int(not all(_run(asked.seed, count, kind) for kind, count in counts.items()))


def _run(first: int, histories: int, kind: Kind) -> bool:
    """Run so many histories of a kind; return whether none is violated and no fault too rare."""
    began, steps, counts = time.perf_counter(), 0, FaultCounts()
    sys.stdout.write(f"\n{TITLES[kind]}:\n")
    for done, seed in enumerate(range(first, first + histories), start=1):
        result = run_history(seed, kind=kind)
        steps += result.steps
        counts.update(result.faults)
        if result.violations:
            sys.stdout.write(f"{shrink(result)}\n")
            return False
        if done % PROGRESS == 0 or done == histories:
            _report_progress(done, steps, time.perf_counter() - began)
    return _report_faults(counts, histories, kind)


def _report_progress(done: int, steps: int, seconds: float) -> None:
    rate = f"{done / seconds:.0f} a second"
    line = f"{done} histories, {steps} steps, 0 violations, {seconds:.1f} s ({rate})\n"
    sys.stdout.write(line)
    sys.stdout.flush()


def _report_faults(counts: FaultCounts, histories: int, kind: Kind) -> bool:
    """Print the faults and what they hit; return whether each occurred often enough."""
    sys.stdout.write(f"\n{table(counts)}\n\n{summary(counts, histories, kind)}\n")
    too_rare = shortfalls(counts, histories, kind)
    sys.stdout.writelines(f"too rare: {each}\n" for each in too_rare)
    return not too_rare


if __name__ == "__main__":
    sys.exit(main())
