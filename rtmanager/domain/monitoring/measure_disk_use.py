"""Measuring what every running engine has written, and warning of those that write too much.

Docker can limit what a container writes only on a few file systems, and a state directory is a
directory of the host: what cannot be limited is at least seen in time.
"""

import logging
from dataclasses import dataclass, field
from enum import IntEnum
from functools import partial

from rtmanager.domain.concurrency import run_concurrently
from rtmanager.domain.container import ContainerId, EngineContainer
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.monitoring.running_engines import RunningEngines
from rtmanager.domain.ports.container_host import ContainerHost, HostRefused
from rtmanager.domain.ports.state_directories import StateDirectories

logger = logging.getLogger(__name__)

ENGINES_AT_ONCE = 2
"""Counting files is the slowest call to Docker and to the disk."""
HIGH = 0.8
LOW = 0.7
"""An engine that was above the high mark is reported as recovered only below this one."""


class Level(IntEnum):
    """How much an engine has written; the log reports each change."""

    NORMAL = 0
    UNKNOWN = 1
    HIGH = 2
    EXCEEDED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The bytes in an engine's container and state directory; if not complete, at least these."""

    container: int
    state: int
    is_complete: bool

    @property
    def total(self) -> int:
        """Return what is compared with the limit."""
        return self.container + self.state


@dataclass(slots=True)
class MeasureDiskUse:
    """Warns once when an engine comes near its limit or exceeds it, and once when it recovers.

    What was reported is kept in memory: a new leader reports it again.
    """

    engines: RunningEngines
    host: ContainerHost
    directories: StateDirectories
    limit: int
    levels: dict[ContainerId, Level] = field(default_factory=dict)

    async def run(self) -> str:
        """Measure all engines, a few at a time, and return what changed; empty when nothing did.

        Raises DockerUnavailable when Docker answers nothing, which says nothing about any engine.
        """
        running = [each for each in await self.engines.running() if not each[1].is_out_of_reach]
        present = {container.id for _, container in running}
        self.levels = {key: level for key, level in self.levels.items() if key in present}
        outage: list[DockerUnavailable] = []
        work = partial(self._while_available, outage)
        results = await run_concurrently(running, work, limit=ENGINES_AT_ONCE)
        if outage:
            raise outage[0]
        return "; ".join(filter(None, results.done))

    async def _while_available(
        self, outage: list[DockerUnavailable], engine: tuple[GameId, EngineContainer]
    ) -> str:
        """Measure the engine, unless Docker was found to be unavailable, and note when it is."""
        try:
            return "" if outage else await self._engine(*engine)
        except DockerUnavailable as error:
            outage.append(error)
            return ""

    async def _engine(self, game_id: GameId, container: EngineContainer) -> str:
        measured = await self._measure(game_id, container)
        before = self.levels.get(container.id, Level.NORMAL)
        level = self._level(measured, before)
        self.levels[container.id] = level
        if level is before:
            return ""
        self._report(game_id, measured, level)
        return f"{game_id} has written {measured.total} of {self.limit} bytes: {level.name.lower()}"

    async def _measure(self, game_id: GameId, container: EngineContainer) -> Measured:
        state = await self.directories.disk_use(game_id)
        written = await self._written(container.id)
        return Measured(
            container=written or 0,
            state=state.size,
            is_complete=written is not None and state.is_complete,
        )

    async def _written(self, container_id: ContainerId) -> int | None:
        """Return what the container has written; None when Docker cannot count that.

        A platform that never shows it says nothing about this container.
        """
        try:
            return await self.host.disk_use(container_id) or 0
        except HostRefused:
            return None
        except DockerUnavailable:
            await self.host.ping()  # raises unless only this count takes too long
            return None

    def _level(self, measured: Measured, before: Level) -> Level:
        level = self._level_of(measured.total, before)
        # What was not counted is not gone.
        return level if measured.is_complete else max(level, before, Level.UNKNOWN)

    def _level_of(self, written: int, before: Level) -> Level:
        if written > self.limit:
            return Level.EXCEEDED
        mark = LOW if before >= Level.HIGH else HIGH
        return Level.HIGH if written > mark * self.limit else Level.NORMAL

    def _report(self, game_id: GameId, measured: Measured, level: Level) -> None:
        about = {
            "game_id": game_id,
            "container_bytes": measured.container,
            "state_bytes": measured.state,
            "limit_bytes": self.limit,
            "is_complete": measured.is_complete,
        }
        match level:
            case Level.EXCEEDED:
                logger.warning("disk_limit_exceeded", extra=about)
            case Level.HIGH:
                logger.warning("disk_use_high", extra=about)
            case Level.UNKNOWN:
                logger.warning("disk_use_unknown", extra=about)
            case Level.NORMAL:
                logger.info("disk_use_normal", extra=about)
