"""Drift as operators see it: what the reconciler does about it, and when it tries again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from rtmanager.domain.reconciliation.drift import Drift, DriftKind

ACTIONS: Mapping[DriftKind, str] = {
    DriftKind.OPEN_OPERATION: "resume the operation, unless a replica is running it now",
    DriftKind.ADOPT: "take the running container into the record",
    DriftKind.DISPOSE: "record that the container is gone",
    DriftKind.OBSERVED_EXIT: "record that the engine has ended",
    DriftKind.MISNAMED: "give the container its name back",
    DriftKind.STALE_CONTAINER: "stop the container if it runs, and remove it",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A drift, and when the reconciler retries it; without a time, at its next round."""

    drift: Drift
    retry_at: datetime | None = None

    @property
    def action(self) -> str:
        """What the reconciler will do, in words."""
        return ACTIONS[self.drift.kind]
