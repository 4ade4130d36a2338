"""What the gauges show, from the parts of a service in memory."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.postgres.figures import StoreFigures
from rtmanager.bootstrap.figures import FiguresReader
from rtmanager.bootstrap.observation import SelfObservation
from rtmanager.domain.errors import ServiceUnavailable
from rtmanager.domain.game_id import GameId
from rtmanager.domain.node import NodeState
from rtmanager.domain.ports.backlogs import OPEN_OPERATIONS, OUTBOX, Backlog
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.reconciliation.drift import Drift, DriftKind
from rtmanager.telemetry.gauges import Gauge
from rtmanager.workers.periodic import PeriodicWorker
from rtmanager.workers.worker import WorkerStatus

STORE = StoreFigures(runtimes={"running": 3}, unhealthy=1)
STREAMS = {JobKind.START: "starts", JobKind.STOP: "stops"}
WAITING = (
    Backlog(OPEN_OPERATIONS, 2, age=70.0),
    Backlog(OUTBOX, 4, age=5.0),
    Backlog("starts", 7, age=12.0),
    Backlog("stops", 0),
)


def stub(**parts: object) -> Any:
    """Return something with these parts."""
    return SimpleNamespace(**parts)


class Stand:
    """A replica whose parts a test sets."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.faults: dict[str, str] = {}
        self.fault: Exception | None = None
        self.readiness = stub(
            faults=self._faults,
            names=("postgres", "redis", "docker", "network"),
            is_withdrawn=False,
        )
        self.probe = PeriodicWorker("probe", self._cycle, 15.0, self.clock)
        self.leader = stub(leads=False, leads_since=None, workers=[self.probe])
        self.relay = stub(status=WorkerStatus("relay"))
        self.reconcile = stub(last_found=None)
        self.watch_nodes = stub(last_seen=())
        self.figures = FiguresReader(
            self._store, [stub(read=self._waiting)], self.readiness, self.clock
        )
        self.observation = SelfObservation(
            figures=self.figures,
            leader=self.leader,
            relay=self.relay,
            reconcile=self.reconcile,
            watch_nodes=self.watch_nodes,
            job_streams=STREAMS,
            clock=self.clock,
        )

    async def read(self) -> None:
        """Read the figures once."""
        self.clock.sleep = self._end  # type: ignore[assignment]
        with pytest.raises(StopAsyncIteration):
            await self.figures.run()

    def values(self, gauge: Gauge) -> dict[tuple[str, ...], float]:
        """Return the values of a gauge by the values of its labels."""
        reading = self.observation.readings()[gauge]
        return {tuple(labels.values()): value for value, labels in reading()}

    async def _faults(self) -> Mapping[str, str]:
        return self.faults

    async def _store(self) -> StoreFigures:
        if self.fault:
            raise self.fault
        return STORE

    async def _waiting(self) -> Sequence[Backlog]:
        return WAITING

    async def _cycle(self) -> str:
        return ""

    async def _end(self, _seconds: float) -> None:
        raise StopAsyncIteration


async def test_figures_are_those_that_were_read_last() -> None:
    """A scrape reads memory; during an outage the figures stay, and their age grows."""
    stand = Stand()
    before = stand.values(Gauge.RUNTIMES)
    await stand.read()
    stand.fault = ServiceUnavailable()
    stand.clock.advance(30)
    await stand.read()

    assert before == {}
    assert stand.values(Gauge.RUNTIMES) == {("running",): 3, ("stopped",): 0, ("removed",): 0}
    assert stand.values(Gauge.UNHEALTHY) == {(): 1}
    assert stand.values(Gauge.OPEN) == {(): 2}
    assert stand.values(Gauge.OPEN_AGE) == {(): 70.0}
    assert stand.values(Gauge.OUTBOX) == {(): 4}
    assert stand.values(Gauge.OUTBOX_AGE) == {(): 5.0}
    assert stand.values(Gauge.JOBS) == {("start",): 7, ("stop",): 0}
    assert stand.values(Gauge.JOBS_AGE) == {("start",): 12.0, ("stop",): 0.0}
    assert stand.values(Gauge.FIGURES_AGE) == {(): 30.0}
    assert stand.values(Gauge.WORKER_FAILURES)["figures",] == 1


async def test_readiness_is_that_of_each_dependency() -> None:
    """Of the network nothing is known without Docker; a replica that stops is not ready."""
    stand = Stand()
    assert stand.values(Gauge.READY) == {(): 0.0}
    await stand.read()
    ready = stand.values(Gauge.READY)
    stand.readiness.is_withdrawn = True
    stopping = stand.values(Gauge.READY)
    stand.readiness.is_withdrawn, stand.faults = False, {"docker": "away"}
    await stand.read()

    assert (ready, stopping, stand.values(Gauge.READY)) == ({(): 1.0}, {(): 0.0}, {(): 0.0})
    assert stand.values(Gauge.DEPENDENCY) == {
        ("postgres",): 1.0,
        ("redis",): 1.0,
        ("docker",): 0.0,
    }


async def test_workers_of_the_leader_are_only_reported_by_it() -> None:
    """In another replica they are not late; in a new leader they have just begun."""
    stand = Stand()
    await stand.probe.once()
    succeeded = stand.clock.now().timestamp()
    apart = stand.values(Gauge.WORKER_SUCCESS)
    stand.clock.advance(1000)
    stand.leader.leads, stand.leader.leads_since = True, stand.clock.now()
    begun = stand.values(Gauge.WORKER_SUCCESS)
    stand.clock.advance(20)
    await stand.probe.once()

    assert set(apart) == {("relay",), ("figures",)}
    assert begun["probe",] == succeeded + 1000
    assert stand.values(Gauge.WORKER_SUCCESS)["probe",] == succeeded + 1020
    assert stand.values(Gauge.WORKER_INTERVAL)["probe",] == 15.0
    assert stand.values(Gauge.LEADER) == {(): 1.0}


async def test_a_late_scrape_shows_when_the_worker_really_succeeded() -> None:
    """Who looks for the first time, hours after the leadership began, sees the same as others."""
    stand = Stand()
    stand.leader.leads, stand.leader.leads_since = True, stand.clock.now()
    await stand.probe.once()
    succeeded = stand.clock.now().timestamp()
    stand.clock.advance(3600)

    assert stand.values(Gauge.WORKER_SUCCESS)["probe",] == succeeded


async def test_drift_of_the_last_reconciliation_is_counted_by_kind() -> None:
    """Every kind has a value while this replica leads, and none before its first round."""
    stand = Stand()
    stand.leader.leads = True
    before = stand.values(Gauge.DRIFT)
    found = Drift(GameId("g"), DriftKind.DISPOSE, None, "gone")
    stand.reconcile.last_found = [found, found]
    values = stand.values(Gauge.DRIFT)
    stand.leader.leads = False

    assert before == stand.values(Gauge.DRIFT) == {}
    assert values == {(kind,): 2 * (kind is DriftKind.DISPOSE) for kind in DriftKind}


def test_failures_in_a_row_end_with_a_success() -> None:
    """An alert on them ends with the outage; the count of all failures stays."""
    stand = Stand()
    stand.leader.leads = True
    for _ in range(3):
        stand.probe.status.failed(stand.clock.now() + timedelta(), ServiceUnavailable())
    during = stand.values(Gauge.WORKER_FAILING)["probe",]
    stand.probe.status.succeeded(stand.clock.now())

    assert during == 3
    assert stand.values(Gauge.WORKER_FAILING)["probe",] == 0
    assert stand.values(Gauge.WORKER_FAILURES)["probe",] == 3


def test_nodes_are_counted_by_state_in_the_leader() -> None:
    """One that is off by somebody's word is not among those that somebody has to look at."""
    stand = Stand()
    stand.watch_nodes.last_seen = [
        stub(state=NodeState.READY, is_off=False),
        stub(state=NodeState.DOWN, is_off=False),
        stub(state=NodeState.DOWN, is_off=True),
    ]
    follows = stand.values(Gauge.NODES)
    stand.leader.leads = True

    assert follows == {}
    assert stand.values(Gauge.NODES) == {("ready",): 1, ("down",): 1, ("unknown",): 0, ("lost",): 1}


def test_single_host_has_no_figures_of_nodes() -> None:
    """Zero nodes would be another thing than none."""
    stand = Stand()
    stand.leader.leads = True

    assert stand.values(Gauge.NODES) == {}
