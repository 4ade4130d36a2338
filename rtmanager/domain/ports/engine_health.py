"""What was last observed of engines' health, as it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rtmanager.domain.game_id import GameId
from rtmanager.domain.health import HealthEvent, HealthObservation
from rtmanager.domain.ports.health_log import Baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHealth:
    """Everything that is stored about a game's health; each part may be of another container.

    `probed_at` is when the latest round of probes began, in whichever replica.
    """

    observation: HealthObservation | None = None
    baselines: tuple[Baseline, ...] = ()
    last_event: HealthEvent | None = None
    probed_at: datetime | None = None


class EngineHealth(Protocol):
    """The stored health of engines; the health log writes it. Raises ServiceUnavailable."""

    async def of(self, game_id: GameId) -> KnownHealth:
        """Return what is stored about the game; that may be nothing."""

    async def all(self) -> Mapping[GameId, KnownHealth]:
        """Return what is stored about every game of which anything is."""
