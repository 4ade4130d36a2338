"""The latest health of every game, and the baselines for reporting each event once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent


class Watch(StrEnum):
    """The watchers; each keeps its own baseline per game."""

    PROBE = "probe"
    INSPECT = "inspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a watcher has already reported about one container.

    `failing` means that the last event reported a failure. `count` is the number of consecutive
    probe misses at that time, or the restart count from inspect.
    """

    game_id: GameId
    container_id: ContainerId
    watch: Watch
    failing: bool = False
    count: int = 0


class HealthLog(Protocol):
    """Health snapshots and baselines; durable. Every method may raise ServiceUnavailable."""

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines, keyed by game."""

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and, with it, the event: its snapshot and its outbox message.

        All in one transaction, and only while the game's record is `running` in the baseline's
        container; otherwise the event is too late: returns False and writes nothing.
        """
