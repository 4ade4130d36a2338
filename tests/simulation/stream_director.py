"""Lets the Lobby add its jobs, and strikes the streams and those who read and write them."""

from datetime import timedelta
from typing import TYPE_CHECKING

from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobKind, MalformedJob, StartJob, StopJob

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.environment import Environment

FAULT = "simulated: a field is missing"


class StreamDirector:
    """What happens to the streams; each public method is an event of a plan."""

    def __init__(self, director: "Director", environment: "Environment") -> None:
        self._director, self._environment = director, environment

    def job(self, kind: str, game: str, image: str) -> None:
        """Add a job as the Lobby does; what is malformed may be in either stream."""
        stream = JobKind.STOP if kind == "stop" or image.endswith("8") else JobKind.START
        job: StartJob | StopJob | MalformedJob
        match kind:
            case "start":
                stream, job = JobKind.START, StartJob(game, image)
            case "stop":
                job = StopJob(game, StopReason.FINISHED)
            case "malformed":
                job = MalformedJob(game, FAULT)
            case "unreadable":
                job = MalformedJob(None, FAULT)
            case _:
                stream, job = JobKind.START, StartJob(f"{game}/..", image)
        entry = self._environment.streams.add(stream, job)
        self._environment.invariants.streams.added(entry)
        self._environment.invariants.oracle.asked_by_job(entry)

    def redeliver(self) -> None:
        """Lose the consumer group: every job that is there still is delivered again."""
        self._environment.streams.lose_group()
        self._environment.invariants.streams.group_lost()

    def flush(self) -> None:
        """Empty Redis: jobs, group, leases, numbers, markers and what was published are gone."""
        environment = self._environment
        environment.streams.flush()
        environment.grants.clear()
        environment.numbers.forget()
        environment.flushed_at = environment.loop.now
        environment.invariants.streams.flushed()

    def lease_clock(self, seconds: float) -> None:
        """Let the clock of the lease store step."""
        self._environment.numbers.clock_is_off_by += timedelta(seconds=seconds)

    def depose(self) -> None:
        """Cut the leader's claim and the relay's lock off; both learn of it later."""
        self._environment.claim.leader = None
        self._environment.store.outbox_table.cut_off()

    def suspend(self, slot: int, steps: int, jump: float) -> None:
        """Stall a process that is cut off from Postgres too, until its markers are forgotten."""
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._director.happen("stall", slot, steps, jump)
        process.workers.leadership.abandon()
        self._environment.store.outbox_table.cut_off()
        self._director.after(steps - 1, "markers are forgotten", self._forget_markers)

    def _forget_markers(self) -> None:
        """Forget markers of sent messages, as if thousands had been published since."""
        table, markers = self._environment.store.outbox_table, self._environment.streams.markers
        markers -= {f"message {each}" for each in table.sent_at}
