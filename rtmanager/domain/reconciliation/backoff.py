"""Persistent drift: logged once, and retried with growing pauses."""

import logging
from dataclasses import dataclass, field

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.reconciliation.drift import Drift, DriftKind

logger = logging.getLogger(__name__)

MIN_PAUSE = 60.0
MAX_PAUSE = 3600.0

_Key = tuple[GameId, DriftKind, ContainerId | None]


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


@dataclass(slots=True)
class Backoff:
    """Remembers in memory which drifts could not be reconciled and when to retry them."""

    clock: Clock
    _pauses: dict[_Key, _Pause] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        """Return how many drifts are remembered."""
        return len(self._pauses)

    def is_due(self, drift: Drift) -> bool:
        """Return whether the drift may be reconciled: it is new, or its pause is over."""
        pause = self._pauses.get(_key(drift))
        return pause is None or self.clock.monotonic() >= pause.until

    def record_failure(self, drift: Drift, why: str) -> None:
        """Pause the drift after a failed reconciliation, twice as long as last time."""
        self._forget_abandoned()
        before = self._pauses.get(_key(drift))
        seconds = min(2 * before.seconds, MAX_PAUSE) if before else MIN_PAUSE
        self._pauses[_key(drift)] = _Pause(self.clock.monotonic() + seconds, seconds)
        if before is None:
            about = {"game_id": drift.game_id, "drift": drift.sentence, "error": why}
            logger.warning("drift_persists", extra=about)

    def _forget_abandoned(self) -> None:
        """Forget drifts that were not retried when due: nothing is left of their game."""
        long_ago = self.clock.monotonic() - MAX_PAUSE
        self._pauses = {key: each for key, each in self._pauses.items() if each.until > long_ago}

    def keep_only(self, game_id: GameId, present: list[Drift]) -> None:
        """Forget the game's drifts that no longer exist."""
        keys = {_key(each) for each in present}
        gone = [key for key in self._pauses if key[0] == game_id and key not in keys]
        for key in gone:
            del self._pauses[key]


def _key(drift: Drift) -> _Key:
    return drift.game_id, drift.kind, drift.container_id
