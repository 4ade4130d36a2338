"""The real service on its real adapters, made to die at a fault point: a program for tests."""

import os
from dataclasses import fields
from functools import partial
from typing import Any

from rtmanager.bootstrap import composition
from rtmanager.bootstrap.use_cases import Ports
from rtmanager.config import Settings
from rtmanager.server.process import run
from tests.acceptance.recovery.fault_points import FaultPoints, Watched, WatchedLeases

AS_THEY_ARE = {"clock", "installation"}


def watched(ports: Ports, points: FaultPoints) -> Ports:
    """Put the fault points before every port but the clock and the name of the installation."""
    names = [each.name for each in fields(Ports)]
    wrapped: dict[str, Any] = {
        name: port if name in AS_THEY_ARE else Watched(port, name, points)
        for name in names
        if (port := getattr(ports, name)) is not None
    }
    return Ports(**wrapped | {"leases": WatchedLeases(ports.leases, points)})


def main() -> None:
    """Serve until a point that was armed is reached."""
    points = FaultPoints.from_environment(os.environ)
    settings = Settings.from_environment(os.environ)
    run(settings, assemble=partial(composition.assemble, wrap=partial(watched, points=points)))


if __name__ == "__main__":
    main()
