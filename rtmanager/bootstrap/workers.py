"""The worker table: what runs in the leader, and how often."""

from collections.abc import Sequence

from rtmanager.bootstrap.cycles import CyclePorts, Cycles
from rtmanager.config import Settings
from rtmanager.domain.ports.clock import Clock
from rtmanager.workers.events import DockerEventWatcher
from rtmanager.workers.jobs import JobConsumer
from rtmanager.workers.periodic import Cycle, PeriodicWorker
from rtmanager.workers.worker import Worker

HANDOVERS_INTERVAL = 1.0
"""Seconds between two searches for handed-over operations, which callers expect to be resumed."""
DISK_USE_INTERVAL = 600.0
"""Seconds between two measurements of what engines have written, which count every file."""
HOUSEKEEPING_INTERVAL = 60.0
"""Seconds between two searches for messages and jobs that are no longer needed."""
LOG_INTERVAL = 3_600.0
"""Seconds between two searches for old operations."""


Table = list[tuple[str, Cycle, float]]


def leader_workers(
    cycles: Cycles, ports: CyclePorts, settings: Settings, clock: Clock
) -> Sequence[Worker]:
    """Return all workers of the leader."""
    return [
        DockerEventWatcher(ports.events, cycles.record_event, cycles.reconcile_sentence, clock),
        JobConsumer(
            ports.jobs, cycles.handle_job, cycles.jobs_can_run, clock, settings.job_concurrency
        ),
        *periodic_workers(cycles, settings, clock),
    ]


def periodic_workers(cycles: Cycles, settings: Settings, clock: Clock) -> Sequence[PeriodicWorker]:
    """Return all periodic workers: name, cycle, interval."""
    table: Table = [
        ("probe", cycles.probe.run, settings.probe_interval),
        ("inspect", cycles.inspect.run, settings.inspect_interval),
        ("disk use", cycles.measure_disk_use.run, DISK_USE_INTERVAL),
        ("reconcile", cycles.reconcile_sentence, settings.reconcile_interval),
        ("handovers", cycles.resume_handed_over.run, HANDOVERS_INTERVAL),
        ("retention", cycles.expire.run, settings.cleanup_interval),
        ("outbox pruning", cycles.relay.prune, HOUSEKEEPING_INTERVAL),
        ("job trimming", cycles.trim_jobs, HOUSEKEEPING_INTERVAL),
        ("log pruning", cycles.prune_log.run, LOG_INTERVAL),
        ("event pruning", cycles.prune_events.run, HOUSEKEEPING_INTERVAL),
    ]
    if settings.platform == "swarm":
        table += _of_nodes(cycles, settings)
    return [PeriodicWorker(name, cycle, interval, clock) for name, cycle, interval in table]


def _of_nodes(cycles: Cycles, settings: Settings) -> Table:
    """Return the workers for the nodes of a Swarm: none waits for another, nor for its games."""
    return [
        ("nodes", cycles.watch_nodes.run, settings.node_interval),
        ("fencing", cycles.fence_nodes.run, settings.node_interval),
        ("lost games", cycles.move_lost_games.run, settings.node_interval),
        ("drains", cycles.drain_nodes.run, settings.node_interval),
    ]
