"""What is read at the moment of a scrape, from memory: every gauge of the service's own.

A gauge has no value unless somebody observes it: `observed` lends it a reading for a block.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import partial

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

Reading = Callable[[], Iterable[tuple[float, Mapping[str, str]]]]
"""Returns the present values with their labels; no I/O."""

_SAME = "Every replica reports the same: take the max."
_LEADER = "Reported by the leader only."


@dataclass(frozen=True, slots=True)
class _Described:
    name: str
    description: str
    unit: str = ""
    counts: bool = False


class Gauge(Enum):
    """Every gauge, and counters that somebody else keeps."""

    BUILD = _Described("rtmanager.build_info", "1, with the version in the labels.")
    READY = _Described("rtmanager.ready", "1 if the replica is ready, as /readyz answers.")
    DEPENDENCY = _Described(
        "rtmanager.dependency.up", "1 if the dependency answered the replica's last check."
    )
    LEADER = _Described("rtmanager.leader", "1 if this replica leads; the sum of all must be 1.")
    WORKER_SUCCESS = _Described(
        "rtmanager.worker.last_success.timestamp",
        "When the worker last succeeded, or else was begun; a leader's worker only in the leader.",
        unit="s",
    )
    WORKER_INTERVAL = _Described(
        "rtmanager.worker.interval", "How often the worker succeeds at least, if all is well.", "s"
    )
    WORKER_FAILING = _Described(
        "rtmanager.worker.failures_in_a_row", "How often the worker has failed since it succeeded."
    )
    WORKER_FAILURES = _Described(
        "rtmanager.worker.failures", "How often the worker has failed.", counts=True
    )
    DRIFT = _Described(
        "rtmanager.drift",
        f"Differences between records and containers in the last reconciliation. {_LEADER}",
    )
    NODES = _Described("rtmanager.nodes", f"Nodes of the Swarm by state. {_LEADER}")
    RUNTIMES = _Described("rtmanager.runtimes", f"Runtime records by status. {_SAME}")
    UNHEALTHY = _Described(
        "rtmanager.runtimes.unhealthy",
        f"Running engines whose probe or health check fails, or whose node is down. {_SAME}",
    )
    OPEN = _Described("rtmanager.operations.open", f"Operations without an outcome. {_SAME}")
    OPEN_AGE = _Described(
        "rtmanager.operations.open.oldest_age", f"Age of the oldest open operation. {_SAME}", "s"
    )
    OUTBOX = _Described("rtmanager.outbox.messages", f"Messages that are not sent yet. {_SAME}")
    OUTBOX_AGE = _Described(
        "rtmanager.outbox.oldest_age", f"Age of the oldest message that is not sent. {_SAME}", "s"
    )
    JOBS = _Described("rtmanager.jobs.waiting", f"Jobs that are not acknowledged yet. {_SAME}")
    JOBS_AGE = _Described(
        "rtmanager.jobs.oldest_age", f"Age of the oldest job that is not acknowledged. {_SAME}", "s"
    )
    FIGURES_AGE = _Described(
        "rtmanager.figures.age",
        "Age of the figures that every replica reads from Postgres and Redis.",
        "s",
    )


_readings: dict[Gauge, Reading] = {}


@contextmanager
def observed(readings: Mapping[Gauge, Reading]) -> Iterator[None]:
    """Give gauges their readings during the block."""
    _readings.update(readings)
    try:
        yield
    finally:
        for gauge, reading in readings.items():
            if _readings.get(gauge) is reading:
                del _readings[gauge]


def _observe(gauge: Gauge, _options: CallbackOptions) -> Iterable[Observation]:
    reading = _readings.get(gauge)
    return [Observation(value, labels) for value, labels in reading()] if reading else []


def _create_all() -> None:
    meter = metrics.get_meter("rtmanager")
    for gauge in Gauge:
        about = gauge.value
        create = meter.create_observable_counter if about.counts else meter.create_observable_gauge
        create(about.name, [partial(_observe, gauge)], about.unit, about.description)


_create_all()
