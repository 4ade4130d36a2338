"""Drift as operators see it: what the reconciler does about it, and when it tries again."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.container import ContainerId
from rtmanager.domain.game_id import GameId
from rtmanager.domain.reconciliation.drift import Drift, DriftKind

ACTIONS: Mapping[DriftKind, str] = {
    DriftKind.OPEN_OPERATION: "resume the operation, unless a replica is running it now",
    DriftKind.ADOPT: "take the running container into the record",
    DriftKind.DISPOSE: "record that the container is gone",
    DriftKind.OBSERVED_EXIT: "record that the engine has ended",
    DriftKind.MISNAMED: "give the container its name back",
    DriftKind.NODE_LOST: "start the game on another node",
    DriftKind.STALE_CONTAINER: "stop the container if it runs, and remove it",
}

Key = tuple[GameId, DriftKind, ContainerId | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """A drift, and when the reconciler retries it; without a time, at its next round."""

    drift: Drift
    retry_at: datetime | None = None

    @property
    def action(self) -> str:
        """What the reconciler will do, in words."""
        return ACTIONS[self.drift.kind]

    @property
    def key(self) -> Key:
        """What distinguishes it from others: not its sentence."""
        return self.drift.game_id, self.drift.kind, self.drift.container_id


def came_and_went(
    known: Collection[Finding], met: Sequence[Finding], left: Collection[Finding]
) -> tuple[list[Finding], list[Finding]]:
    """Return the findings that are new and those that are gone.

    `known` were left by the round before; `met` were found in this one, and `left` are still there
    after it.
    """
    before, after = {each.key for each in known}, {each.key for each in left}
    new = {each.key: each for each in (*met, *left) if each.key not in before}
    gone = {each.key: each for each in (*known, *new.values()) if each.key not in after}
    return list(new.values()), list(gone.values())
