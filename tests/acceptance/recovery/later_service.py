"""The real service at a later time than it is: a program for tests that would wait for long."""

import os
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from rtmanager.bootstrap import composition
from rtmanager.bootstrap.cycles import GRACE
from rtmanager.bootstrap.use_cases import Ports
from rtmanager.config import Settings
from rtmanager.domain.ports.clock import Clock
from rtmanager.server.process import run

LATER = timedelta(seconds=GRACE)
"""By then no container that is there now is spared for its youth."""


@dataclass(frozen=True)
class LaterClock:
    """A clock that is ahead; it runs and waits as the true one does."""

    clock: Clock

    def now(self) -> datetime:
        """Return what time it will be."""
        return self.clock.now() + LATER

    def monotonic(self) -> float:
        """Return seconds that only grow."""
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self.clock.sleep(seconds)


def later(ports: Ports) -> Ports:
    """Put the clock forward."""
    return replace(ports, clock=LaterClock(ports.clock))


def main() -> None:
    """Serve, later."""
    settings = Settings.from_environment(os.environ)
    run(settings, assemble=partial(composition.assemble, wrap=later))


if __name__ == "__main__":
    main()
