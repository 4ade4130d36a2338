"""What Docker's events have shown of the ends of containers, kept in memory for a while."""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rtmanager.domain.container import ContainerId
from rtmanager.domain.insight.engine_exit import EngineExit, Missed
from rtmanager.domain.ports.container_events import ContainerEvent

KEPT = 4_096
"""Containers that are remembered; the one that was heard of longest ago is forgotten."""
MOST_SIGNALS = 8
SLACK = timedelta(seconds=1)
"""By how much the times of Docker and of this process may differ."""


@dataclass(slots=True)
class ContainerEnds:
    """The ends of containers, as the process that follows Docker's events has seen them.

    Another process, or this one before it began to follow them, may have missed a signal: what is
    returned then says so. A container that starts again begins a new life, with no signals.
    """

    _ends: OrderedDict[ContainerId, EngineExit] = field(default_factory=OrderedDict, init=False)
    _followed_from: datetime | None = field(default=None, init=False)
    _lost_at: datetime | None = field(default=None, init=False)
    _away_from: datetime | None = field(default=None, init=False)

    def follow(self, now: datetime) -> None:
        """Note that every event from now on arrives, or still does after a short pause.

        Docker sends older ones too, but what has happened is looked at before they are read, and a
        Docker that has restarted has none.
        """
        if self._followed_from is None:
            self._followed_from = now
        elif self._lost_at is not None:
            self._followed_from, self._away_from = now, self._lost_at
        self._lost_at = None

    def lose(self, at: datetime) -> None:
        """Note that the connection to Docker was lost."""
        if self._lost_at is None and self._followed_from is not None:
            self._lost_at = at

    def leave(self) -> None:
        """Note that events are not followed any more, although Docker is there."""
        self._followed_from = self._lost_at = self._away_from = None

    def note(self, event: ContainerEvent) -> None:
        """Remember what the event shows."""
        known = self._ends.pop(event.container_id, None) or EngineExit()
        self._ends[event.container_id] = _with(known, event)
        while len(self._ends) > KEPT:
            self._ends.popitem(last=False)

    def of(self, container_id: ContainerId, *, ended_at: datetime | None = None) -> EngineExit:
        """Return what the events showed of a container's end, which was `ended_at` if known."""
        known = self._ends.get(container_id) or EngineExit()
        missed = None if known.signals else self._missed(ended_at or known.ended_at)
        return replace(known, container_id=container_id, missed=missed)

    def _missed(self, at: datetime | None) -> Missed | None:
        """Return why events at this time may have been missed; None if they were not."""
        if self._followed_from is None or at is None:
            return Missed.NOT_FOLLOWED
        if self._lost_at is not None and at > self._lost_at - SLACK:
            return Missed.DOCKER_AWAY
        if at > self._followed_from:
            return None
        if self._away_from is not None and at > self._away_from - SLACK:
            return Missed.DOCKER_AWAY
        return Missed.NOT_FOLLOWED


def _with(known: EngineExit, event: ContainerEvent) -> EngineExit:
    at = datetime.fromtimestamp(event.at, UTC)
    match event.action:
        case "start":
            return EngineExit()
        case "kill" if event.signal is not None:
            signals = (*known.signals, event.signal)[-MOST_SIGNALS:]
            return replace(known, signals=signals, signalled_at=at)
        case "oom":
            return replace(known, oom_killed=True)
        case "die":
            return replace(known, exit_code=event.exit_code, ended_at=at)
        case _:
            return known
