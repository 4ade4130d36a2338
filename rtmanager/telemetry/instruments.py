"""What is counted and timed: every instrument of the service's own, its unit and its buckets.

Labels are bounded: kinds, sources, codes, names of calls; never a game, a container or an image.
Each process counts what it does itself: add the replicas up.
"""

from opentelemetry import metrics

_meter = metrics.get_meter("rtmanager")

_LONG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
"""From an action without an effect to the pull of a large image on a slow line, in seconds."""
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""From a read of one row to a stop with its grace period, in seconds."""

operations = _meter.create_counter(
    "rtmanager.operations",
    description="Operations that got an outcome, refusals and replays included. "
    "Refusals of unknown games beyond the rate that is recorded are not.",
)
operation_duration = _meter.create_histogram(
    "rtmanager.operation.duration",
    unit="s",
    description="From the begin of an operation to its outcome, without the wait for its lease.",
    explicit_bucket_boundaries_advisory=_LONG,
)
step_duration = _meter.create_histogram(
    "rtmanager.step.duration",
    unit="s",
    description="Actions of operations with an outcome, in both phases.",
    explicit_bucket_boundaries_advisory=_LONG,
)
downtime = _meter.create_histogram(
    "rtmanager.downtime",
    unit="s",
    description="For how long restarts and patches took an engine that ran off its endpoint.",
    explicit_bucket_boundaries_advisory=_LONG,
)
call_duration = _meter.create_histogram(
    "rtmanager.dependency.call.duration",
    unit="s",
    description="Calls to Docker, Postgres, Redis, the engines and the file system, whatever "
    "their result.",
    explicit_bucket_boundaries_advisory=_SHORT,
)
call_errors = _meter.create_counter(
    "rtmanager.dependency.call.errors",
    description="Calls without an answer (unavailable), or with an unexpected one (defect). "
    "A refusal is an answer.",
)
pulls = _meter.create_counter(
    "rtmanager.image.pulls",
    description="Pulls of images by their result; operations that share one count each.",
)
pull_duration = _meter.create_histogram(
    "rtmanager.image.pull.duration",
    unit="s",
    description="Pulls of images, whatever their result.",
    explicit_bucket_boundaries_advisory=_LONG,
)
lease_wait = _meter.create_histogram(
    "rtmanager.lease.wait",
    unit="s",
    description="For how long operations waited for the lease of their game.",
    explicit_bucket_boundaries_advisory=_LONG,
)
health_events = _meter.create_counter(
    "rtmanager.health.events",
    description="Health events of engines, as they are published.",
)
log_events = _meter.create_counter(
    "rtmanager.log.events",
    description="Log lines of the service's own with level warning or error, by event.",
)
ALERTED = {
    "worker_died": "error",
    "message_dead_lettered": "error",
    "pending_jobs_trimmed": "error",
    "operation_failed": "error",
    "action_failed": "error",
    "request_failed": "error",
    "job_refused": "warning",
    "drift_persists": "warning",
    "disk_limit_exceeded": "warning",
    "engine_killed_after_grace": "warning",
}
"""The events that alerts count."""

event_loop_lag = _meter.create_histogram(
    "rtmanager.event_loop.lag",
    unit="s",
    description="How much later than planned the event loop resumed a task, four times a second.",
    explicit_bucket_boundaries_advisory=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


def expect_alerted_events() -> None:
    """Count zero of the events that alerts ask for, so that the first one is an increase."""
    for event, level in ALERTED.items():
        log_events.add(0, {"event": event, "level": level})
