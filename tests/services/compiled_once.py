"""The environment of a Python that compiles every module once, and not for each process anew."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def compiled_once() -> dict[str, str]:
    """Return this process's environment, with compiled modules kept below the project."""
    inherited = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return inherited | {"PYTHONPYCACHEPREFIX": str(PROJECT / ".rtmanager" / "compiled")}
