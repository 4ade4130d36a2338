import logging

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.fault_hook import with_faults
from rtmanager.adapters.in_memory.leadership import Claim, InMemoryLeadership
from rtmanager.adapters.in_memory.replicas import InMemoryReplicas
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.ports.replicas import ReplicaState
from rtmanager.workers.replica_report import INTERVAL, ReplicaReport
from rtmanager.workers.worker import WorkerStatus
from tests.builders import NOON
from tests.unit.workers.turns import running, turns, until


class Stand:
    """A replica that leads, and what is known of it."""

    def __init__(self) -> None:
        self.clock, claim = ManualClock(start=NOON, auto=False), Claim()
        self.known = InMemoryReplicas(self.clock, claim)
        self.leadership = InMemoryLeadership(claim)
        self.is_away = False
        self.probe = WorkerStatus("probe")
        self.report = ReplicaReport(
            with_faults(self.known, "replicas", self._fault),
            ReplicaState(id="a", host="vm", version="1", started_at=NOON),
            [self.probe],
            self.leadership,
            self.clock,
        )

    async def _fault(self, _call: str) -> None:
        if self.is_away:
            raise ServiceUnavailable


@pytest.fixture
def stand() -> Stand:
    """Return a replica."""
    return Stand()


async def test_replica_says_again_and_again_what_it_does(stand: Stand) -> None:
    """With the state of all its workers, its own report among them, and its claim."""
    await stand.leadership.campaign()
    async with running(stand.report.run()):
        await until(lambda: bool(stand.known.reports))
        stand.probe.succeeded(NOON)
        stand.clock.advance(INTERVAL)
        await turns(20)
        (seen,) = await stand.known.list()

    assert seen.is_leader
    assert [(each.name, each.cycles) for each in seen.state.workers] == [
        ("probe", 1),
        ("replica report", 1),
    ]


async def test_replica_that_stops_says_so(stand: Stand) -> None:
    """Nobody waits for it to be forgotten."""
    async with running(stand.report.run()):
        await until(lambda: bool(stand.known.reports))

    assert stand.known.reports == {}


async def test_replica_that_cannot_say_so_stops_all_the_same(
    stand: Stand, caplog: pytest.LogCaptureFixture
) -> None:
    """It is forgotten later."""
    caplog.set_level(logging.WARNING)
    async with running(stand.report.run()):
        await until(lambda: bool(stand.known.reports))
        stand.is_away = True

    assert caplog.messages == ["replica_not_forgotten"]
