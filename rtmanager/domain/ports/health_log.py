"""The latest health of every game, and the baselines for reporting each event once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthObservation


class Watch(StrEnum):
    """The watchers; each keeps its own baseline per game."""

    PROBE = "probe"
    INSPECT = "inspect"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What a watcher has already reported about one container.

    `failing` means that the last event reported a failure. `count` is the number of consecutive
    probe misses at that time, or the restart count from inspect. That of NODE fails while the
    container's node is down.
    """

    game_id: GameId
    container_id: ContainerId
    watch: Watch
    failing: bool = False
    count: int = 0


class HealthLog(Protocol):
    """Health snapshots, baselines and observations; durable.

    Every method may raise ServiceUnavailable.
    """

    async def baselines(self, watch: Watch) -> Mapping[GameId, Baseline]:
        """Return the watcher's baselines, keyed by game."""

    async def note(self, baseline: Baseline, event: HealthEvent | None = None) -> bool:
        """Store the baseline and, with it, the event: its snapshot and its outbox message.

        All in one transaction, and only while the game's record is `running` in the baseline's
        container; otherwise the event is too late: returns False and writes nothing.
        """

    async def observations(self) -> Mapping[GameId, HealthObservation]:
        """Return the latest observation of every game that has one."""

    async def observe(self, changes: Sequence[HealthObservation], *, round_at: datetime) -> None:
        """Store what a round of probes has changed, and when the round began.

        All in one transaction. Of a game that is not `running` in the observation's container any
        more, or that was observed later than that, nothing is stored.
        """
