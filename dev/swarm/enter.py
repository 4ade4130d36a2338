"""`python -m dev.swarm.enter NAMESPACE MODULE …` runs a module in a network namespace."""

import runpy
import sys
from pathlib import Path

from dev.swarm.namespaces import enter


def main() -> None:
    """Enter the namespace, and become the module."""
    _, namespace, *sys.argv = sys.argv
    enter(Path(namespace))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
