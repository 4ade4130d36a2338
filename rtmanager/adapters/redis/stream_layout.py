"""What the streams are called here and how long they may grow."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rtmanager.domain.outbox import OutboxStream
from rtmanager.domain.ports.job_stream import JobKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLayout:
    """The streams' names, by default those of the specification, and their approximate length."""

    jobs: Mapping[JobKind, str] = field(
        default_factory=lambda: {
            JobKind.START: "runtime:start_jobs",
            JobKind.STOP: "runtime:stop_jobs",
        }
    )
    messages: Mapping[OutboxStream, str] = field(
        default_factory=lambda: {
            OutboxStream.JOB_RESULTS: "runtime:job_results",
            OutboxStream.HEALTH_EVENTS: "runtime:health_events",
            OutboxStream.NOTIFICATION_INTENTS: "notification:intents",
        }
    )
    dead: str = "runtime:dead_jobs"
    maxlen: int = 100_000
