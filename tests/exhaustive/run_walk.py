"""Walks through the states of every kind of operation and prints the counts: `make walk`."""

import argparse
import sys
import time

from rtmanager.domain.operation import OperationKind
from tests.exhaustive.walk import Violation, walk


def main() -> int:
    """Walk what the command line asks for; stop at the first check that does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mishaps", type=int, default=3, help="the most that go wrong on one way")
    parser.add_argument("kinds", nargs="*", type=OperationKind, help="all, when none is named")
    asked = parser.parse_args()
    for kind in asked.kinds or OperationKind:
        began = time.process_time()
        try:
            walked = walk(kind, asked.mishaps)
        except Violation as violation:
            sys.stdout.write(f"{violation}\n")
            return 1
        counts = f"{walked.states:>11,} states {walked.transitions:>12,} transitions"
        longest = f"{walked.longest:>4} steps at most to an end"
        _tell(f"{kind:<24}{counts}{longest}, {time.process_time() - began:.1f} s")
    return 0


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
