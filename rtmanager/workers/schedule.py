"""The worker table: what runs in the leading replica, and how often."""

from collections.abc import Sequence

from rtmanager.config import Settings
from rtmanager.domain.cycles import Cycles
from rtmanager.domain.ports.clock import Clock
from rtmanager.workers.periodic_worker import PeriodicWorker

HANDOVERS_INTERVAL = 1.0
"""Seconds between two looks for operations that another replica has handed over: it tells nobody,
and their callers were told that they go on."""
HOUSEKEEPING_INTERVAL = 60.0
"""Seconds between two looks for messages and jobs that nobody needs any more."""


def schedule(cycles: Cycles, settings: Settings, clock: Clock) -> Sequence[PeriodicWorker]:
    """Return every periodic worker: its name, its cycle, its interval, its first delay."""
    table = [
        ("probe", cycles.probe.run, settings.probe_interval, 0.0),
        ("inspect", cycles.inspect.run, settings.inspect_interval, 0.0),
        ("reconcile", cycles.reconcile_sentence, settings.reconcile_interval, 0.0),
        ("handovers", cycles.resume_handed_over.run, HANDOVERS_INTERVAL, 0.0),
        ("retention", cycles.expire.run, settings.cleanup_interval, 0.0),
        ("outbox pruning", cycles.relay.prune, HOUSEKEEPING_INTERVAL, 0.0),
        ("job trimming", cycles.trim_jobs, HOUSEKEEPING_INTERVAL, 0.0),
    ]
    return [
        PeriodicWorker(name, cycle, interval, clock, first_delay)
        for name, cycle, interval, first_delay in table
    ]
