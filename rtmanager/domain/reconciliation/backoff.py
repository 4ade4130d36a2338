"""Persistent drift: logged once, and retried with growing pauses."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.reconciliation.drift import Drift, DriftKind

logger = logging.getLogger(__name__)

MIN_PAUSE = 60.0
MAX_PAUSE = 3600.0
FORGET_EVERY = 60.0
"""Seconds between two searches for abandoned drifts, which look through all of them."""

_Key = tuple[DriftKind, ContainerId | None]


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


@dataclass(slots=True)
class Backoff:
    """Remembers in memory which drifts could not be reconciled and when to retry them."""

    clock: Clock
    _pauses: dict[GameId, dict[_Key, _Pause]] = field(default_factory=dict, init=False)
    _forget_at: float = field(default=0.0, init=False)

    def __len__(self) -> int:
        """Return how many drifts are remembered."""
        return sum(map(len, self._pauses.values()))

    def is_due(self, drift: Drift) -> bool:
        """Return whether the drift may be reconciled: it is new, or its pause is over."""
        pause = self._pauses.get(drift.game_id, {}).get(_key(drift))
        return pause is None or self.clock.monotonic() >= pause.until

    def retry_at(self, drift: Drift) -> datetime | None:
        """Return when the drift is retried; None if it may be reconciled now."""
        if self.is_due(drift):
            return None
        seconds = self._pauses[drift.game_id][_key(drift)].until - self.clock.monotonic()
        return self.clock.now() + timedelta(seconds=seconds)

    def record_failure(self, drift: Drift, why: str) -> None:
        """Pause the drift after a failed reconciliation, twice as long as last time."""
        self._forget_abandoned()
        pauses = self._pauses.setdefault(drift.game_id, {})
        before = pauses.get(_key(drift))
        seconds = min(2 * before.seconds, MAX_PAUSE) if before else MIN_PAUSE
        pauses[_key(drift)] = _Pause(self.clock.monotonic() + seconds, seconds)
        if before is None:
            about = {"game_id": drift.game_id, "drift": drift.sentence, "error": why}
            logger.warning("drift_persists", extra=about)

    def _forget_abandoned(self) -> None:
        """Forget drifts that were not retried when due: nothing is left of their game."""
        now = self.clock.monotonic()
        if now < self._forget_at:
            return
        self._forget_at = now + FORGET_EVERY
        for game_id, pauses in list(self._pauses.items()):
            kept = {key: each for key, each in pauses.items() if each.until > now - MAX_PAUSE}
            self._keep(game_id, kept)

    def keep_only(self, game_id: GameId, present: list[Drift]) -> None:
        """Forget the game's drifts that no longer exist."""
        keys, pauses = {_key(each) for each in present}, self._pauses.get(game_id, {})
        self._keep(game_id, {key: each for key, each in pauses.items() if key in keys})

    def forget(self, kind: DriftKind) -> None:
        """Let all drifts of this kind be retried at once: what was in their way may be gone."""
        for game_id, pauses in list(self._pauses.items()):
            self._keep(game_id, {key: each for key, each in pauses.items() if key[0] is not kind})

    def _keep(self, game_id: GameId, pauses: dict[_Key, _Pause]) -> None:
        if pauses:
            self._pauses[game_id] = pauses
        else:
            self._pauses.pop(game_id, None)


def _key(drift: Drift) -> _Key:
    return drift.kind, drift.container_id
