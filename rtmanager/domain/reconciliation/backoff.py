"""Drift that does not yield: reported once, and tried again ever more rarely."""

import logging
from dataclasses import dataclass, field

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.reconciliation.drift import Drift, DriftKind

logger = logging.getLogger(__name__)

SHORTEST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0

_Key = tuple[GameId, DriftKind, ContainerId | None]


@dataclass(slots=True)
class _Pause:
    until: float
    seconds: float


@dataclass(slots=True)
class Backoff:
    """Remembers, in this process, which drifts were met in vain and when to try again."""

    clock: Clock
    _pauses: dict[_Key, _Pause] = field(default_factory=dict, init=False)

    def is_due(self, drift: Drift) -> bool:
        """Tell whether the drift may be tried: it is new, or its pause is over."""
        pause = self._pauses.get(_key(drift))
        return pause is None or self.clock.monotonic() >= pause.until

    def in_vain(self, drift: Drift, why: str) -> None:
        """Note that trying did not help; the next pause is twice as long."""
        before = self._pauses.get(_key(drift))
        seconds = min(2 * before.seconds, LONGEST_PAUSE) if before else SHORTEST_PAUSE
        self._pauses[_key(drift)] = _Pause(self.clock.monotonic() + seconds, seconds)
        if before is None:
            about = {"game_id": drift.game_id, "drift": drift.sentence, "error": why}
            logger.warning("drift_does_not_yield", extra=about)

    def keep_only(self, game_id: GameId, present: list[Drift]) -> None:
        """Forget those of the game's drifts that are not there any more."""
        keys = {_key(each) for each in present}
        gone = [key for key in self._pauses if key[0] == game_id and key not in keys]
        for key in gone:
            del self._pauses[key]


def _key(drift: Drift) -> _Key:
    return drift.game_id, drift.kind, drift.container_id
