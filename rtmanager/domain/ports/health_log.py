"""The latest health of every game, and the baselines by which each event is reported once."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent


class Watch(StrEnum):
    """Who watches: each watcher keeps a baseline of its own per game."""

    PROBE = "probe"
    INSPECT = "inspect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a watcher has already reported of one container.

    `failing` means that its last event was a bad one. `count` is the probe's misses in a row at
    that time, or the restart count that inspect has read.
    """

    game_id: GameId
    container_id: ContainerId
    watch: Watch
    failing: bool = False
    count: int = 0


class HealthLog(Protocol):
    """Health snapshots and baselines; durable. Every method may raise ServiceUnavailable."""

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines by game."""

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and, with it, the event: its snapshot and its outbox message.

        All in one transaction, and only while the game's record is running in the baseline's very
        container; returns False, writing nothing, when it is not: the event is too late.
        """
