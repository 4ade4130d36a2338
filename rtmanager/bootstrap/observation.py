"""What the service observes of itself for its gauges, in every replica and without load."""

import platform
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from rtmanager import __version__
from rtmanager.adapters.postgres.figures import StoreFigures
from rtmanager.bootstrap.figures import FIGURES_INTERVAL, FiguresReader, LagMeter
from rtmanager.domain.node import NodeState
from rtmanager.domain.nodes.watch_nodes import WatchNodes
from rtmanager.domain.ports.backlogs import OPEN_OPERATIONS, OUTBOX, Backlog
from rtmanager.domain.ports.clock import Clock
from rtmanager.domain.ports.job_stream import JobKind
from rtmanager.domain.reconciliation.drift import DriftKind
from rtmanager.domain.reconciliation.reconcile_runtimes import ReconcileRuntimes
from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.telemetry.gauges import Gauge, Reading, observed
from rtmanager.workers.events import DockerEventWatcher
from rtmanager.workers.leader import LeaderRunner
from rtmanager.workers.periodic import PeriodicWorker
from rtmanager.workers.relay import OutboxRelay
from rtmanager.workers.worker import Worker, in_background

BUSY_WORKERS_INTERVAL = 1.0
"""How often the consumer of jobs and the relay succeed, although nothing is there to do."""
EVENTS_INTERVAL = 60.0
"""After as long without an event a new connection to Docker is made."""

LOST = "lost"
"""The state of a node that is down and off by somebody's word: nobody has to look any more."""

Values = Iterable[tuple[float, Mapping[str, str]]]


@dataclass(slots=True, kw_only=True)
class SelfObservation:
    """Gives the gauges their values while the service is open."""

    figures: FiguresReader
    leader: LeaderRunner
    relay: OutboxRelay
    reconcile: ReconcileRuntimes
    watch_nodes: WatchNodes
    job_streams: Mapping[JobKind, str]
    clock: Clock
    _began_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._began_at = self.clock.now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Observe in the background during the block."""
        async with (
            in_background(self.figures, self.clock),
            in_background(LagMeter(self.clock), self.clock),
        ):
            with observed(self.readings()):
                yield

    def readings(self) -> Mapping[Gauge, Reading]:
        """Return what each gauge reads."""
        return {
            Gauge.BUILD: _build,
            Gauge.READY: self._ready,
            Gauge.DEPENDENCY: self._dependencies,
            Gauge.LEADER: lambda: [(float(self.leader.leads), {})],
            Gauge.WORKER_SUCCESS: self._last_successes,
            Gauge.WORKER_INTERVAL: lambda: [(_interval(each), _of(each)) for each in self._here()],
            Gauge.WORKER_FAILING: lambda: [
                (each.status.failures_in_a_row, _of(each)) for each in self._here()
            ],
            Gauge.WORKER_FAILURES: lambda: [
                (each.status.failures, _of(each)) for each in self._everyone()
            ],
            Gauge.DRIFT: self._drift,
            Gauge.NODES: self._nodes,
            Gauge.FIGURES_AGE: self._age,
            **_store_readings(self.figures),
            **_backlog_readings(self.figures, self.job_streams),
        }

    def _ready(self) -> Values:
        faults = self.figures.faults
        is_ready = faults is not None and not faults and not self.figures.readiness.is_withdrawn
        return [(float(is_ready), {})]

    def _dependencies(self) -> Values:
        faults = self.figures.faults
        if faults is None:
            return []
        unknown = {"network"} if "docker" in faults else set()
        return [
            (float(name not in faults), {"dependency": name})
            for name in self.figures.readiness.names
            if name not in unknown
        ]

    def _everyone(self) -> Sequence[Worker]:
        return [*self.leader.workers, *self._of_every_replica()]

    def _of_every_replica(self) -> Sequence[Worker]:
        return [self.relay, self.figures]

    def _here(self) -> Sequence[Worker]:
        """Return the workers that run in this replica."""
        return self._everyone() if self.leader.leads else self._of_every_replica()

    def _last_successes(self) -> Values:
        """Return when each worker succeeded; one that was just begun is not late."""
        leads_since = self.leader.leads_since or self.clock.now()
        for each in self._here():
            is_leaders = each in self.leader.workers
            begun = leads_since if is_leaders else self._began_at
            yield max(each.status.last_success_at or begun, begun).timestamp(), _of(each)

    def _drift(self) -> Values:
        found = self.reconcile.last_found
        if found is None or not self.leader.leads:
            return []
        kinds = [drift.kind for drift in found]
        return [(kinds.count(kind), {"kind": kind}) for kind in DriftKind]

    def _nodes(self) -> Values:
        seen = self.watch_nodes.last_seen
        if not seen or not self.leader.leads:
            return []
        states = [LOST if each.is_off else each.state for each in seen]
        return [(states.count(state), {"state": state}) for state in (*NodeState, LOST)]

    def _age(self) -> Values:
        read_at = self.figures.status.last_success_at or self._began_at
        return [((self.clock.now() - read_at).total_seconds(), {})]


def _build() -> Values:
    return [(1.0, {"version": __version__, "python": platform.python_version()})]


def _of(worker: Worker) -> Mapping[str, str]:
    return {"worker": worker.status.name}


def _interval(worker: Worker) -> float:
    """Return how often the worker succeeds at least."""
    match worker:
        case PeriodicWorker():
            return worker.interval
        case DockerEventWatcher():
            return EVENTS_INTERVAL
        case FiguresReader():
            return FIGURES_INTERVAL
        case _:
            return BUSY_WORKERS_INTERVAL


def _store_readings(figures: FiguresReader) -> Mapping[Gauge, Reading]:
    def of(read: Callable[[StoreFigures], Values]) -> Reading:
        return lambda: read(figures.store) if figures.store else []

    return {
        Gauge.RUNTIMES: of(
            lambda store: [
                (store.runtimes.get(each, 0), {"status": each}) for each in RuntimeStatus
            ]
        ),
        Gauge.UNHEALTHY: of(lambda store: [(store.unhealthy, {})]),
    }


def _backlog_readings(
    figures: FiguresReader, job_streams: Mapping[JobKind, str]
) -> Mapping[Gauge, Reading]:
    """Return how many wait in each queue, and for how long the oldest does."""
    jobs = {stream: {"kind": kind} for kind, stream in job_streams.items()}

    def of(queues: Mapping[str, Mapping[str, str]], value: Callable[[Backlog], float]) -> Reading:
        return lambda: [
            (value(figures.backlogs[name]), labels)
            for name, labels in queues.items()
            if name in figures.backlogs
        ]

    waiting, age = attrgetter("waiting"), attrgetter("age")
    return {
        Gauge.OPEN: of({OPEN_OPERATIONS: {}}, waiting),
        Gauge.OPEN_AGE: of({OPEN_OPERATIONS: {}}, age),
        Gauge.OUTBOX: of({OUTBOX: {}}, waiting),
        Gauge.OUTBOX_AGE: of({OUTBOX: {}}, age),
        Gauge.JOBS: of(jobs, waiting),
        Gauge.JOBS_AGE: of(jobs, age),
    }
