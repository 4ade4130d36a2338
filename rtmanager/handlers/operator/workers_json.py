"""Rendering replicas, workers and backlogs."""

from rtmanager.domain.insight.read_workers import WorkersReport, lag
from rtmanager.domain.ports.backlogs import Backlog
from rtmanager.domain.ports.replicas import SeenReplica, WorkerState
from rtmanager.handlers.ascii_json import JsonObject
from rtmanager.handlers.rendering import timestamp


def workers_json(report: WorkersReport) -> JsonObject:
    """Return the report."""
    leaders = (each.state.id for each in report.replicas if each.is_leader)
    return {
        "leader": next(leaders, None),
        "replicas": [_replica_json(each) for each in report.replicas],
        "backlogs": [_backlog_json(each) for each in report.backlogs],
        "errors": list(report.errors),
    }


def _replica_json(replica: SeenReplica) -> JsonObject:
    state = replica.state
    return {
        "replica_id": state.id,
        "host": state.host,
        "version": state.version,
        "started_at": timestamp(state.started_at),
        "seen_at": timestamp(replica.seen_at),
        "is_leader": replica.is_leader,
        "workers": [_worker_json(each, replica) for each in state.workers],
    }


def _worker_json(worker: WorkerState, replica: SeenReplica) -> JsonObject:
    late = lag(worker, replica)
    return {
        "name": worker.name,
        "interval_s": worker.interval,
        "cycles": worker.cycles,
        "failures": worker.failures,
        "failures_in_a_row": worker.failures_in_a_row,
        "last_success_at": timestamp(worker.last_success_at),
        "last_failure_at": timestamp(worker.last_failure_at),
        "last_error": worker.last_error,
        "did": worker.did,
        "lag_s": None if late is None else round(late, 3),
    }


def _backlog_json(backlog: Backlog) -> JsonObject:
    return {
        "name": backlog.name,
        "waiting": backlog.waiting,
        "oldest_at": timestamp(backlog.oldest_at),
    }
