"""The drift that the reconciler has met and not removed, for operators."""

from collections.abc import Sequence
from typing import Protocol

from rtmanager.domain.reconciliation.drift_findings import Finding


class DriftLog(Protocol):
    """What each round of the leader's reconciler found; durable. May raise ServiceUnavailable."""

    async def note(self, met: Sequence[Finding], *, left: Sequence[Finding]) -> None:
        """Store what a round has left, instead of what the one before did.

        In the same transaction writes an event for each that is new or gone, and two for one that
        was met and reconciled in this round.
        """

    async def present(self) -> Sequence[Finding]:
        """Return what the last round has left, by game."""
