"""The real service, which writes down when it calls Docker: a program for tests."""

import json
import os
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rtmanager.bootstrap import composition
from rtmanager.bootstrap.use_cases import Ports
from rtmanager.config import Settings
from rtmanager.server.process import run

CALLS = "COUNTED_CALLS"
"""Environment: a file to which every call is written, as it begins."""


@dataclass(frozen=True)
class CountedHost:
    """The Docker host; every call of it leaves a line."""

    host: Any
    file: Path

    def __getattr__(self, method: str) -> Any:
        """Return the host's method, noting that it is about to be called."""
        with self.file.open("a") as calls:
            calls.write(json.dumps({"call": method, "at": time.time()}) + "\n")
        return getattr(self.host, method)


def counted(ports: Ports, file: Path) -> Ports:
    """Put a counter before the host."""
    return replace(ports, host=CountedHost(ports.host, file))


def main() -> None:
    """Serve, counting."""
    wrap = partial(counted, file=Path(os.environ[CALLS]))
    run(Settings.from_environment(os.environ), assemble=partial(composition.assemble, wrap=wrap))


if __name__ == "__main__":
    main()
