"""Lets the Lobby add its jobs, and strikes the streams and those who read and write them."""

from typing import TYPE_CHECKING

from rtmanager.domain.operation import StopReason
from rtmanager.domain.ports.job_stream import JobKind, MalformedJob, StartJob, StopJob
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.director import Director
    from tests.simulation.universe import Universe

FAULT = "simulated: a field is missing"


class StreamDirector:
    """What happens to the streams; each public method but `spring` is an event of a plan."""

    def __init__(self, director: "Director", universe: "Universe") -> None:
        self._director, self._universe = director, universe
        self._ambushes: list[tuple[str, str, int, float]] = []

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
        self._universe.witness.streams.added(self._universe.streams.add(stream, job))

    def redeliver(self) -> None:
        """Lose the consumer group: every job that is there still is delivered again."""
        self._universe.streams.lose_group()
        self._universe.witness.streams.group_lost()

    def flush(self) -> None:
        """Empty Redis: jobs, group, leases, markers and what was published are gone."""
        self._universe.streams.flush()
        self._universe.grants.clear()
        self._universe.witness.streams.flushed()

    def depose(self) -> None:
        """Cut the leader's claim and the relay's lock off; both learn of it later."""
        self._universe.claim.leader = None
        self._universe.store.outbox_table.cut_off()

    def ambush(self, call: str, fate: str, steps: int, jump: float) -> None:
        """Lie in wait for the next process that makes this call."""
        self._ambushes.append((call, fate, steps, jump))

    def spring(self) -> None:
        """Strike whoever walked into an ambush."""
        for ambush in list(self._ambushes):
            victims = (each.process for each in self._universe.scheduler.parked)
            calls = (each.call for each in self._universe.scheduler.parked)
            for victim, call in zip(victims, calls, strict=True):
                if call == ambush[0] and victim.is_awake:
                    self._ambushes.remove(ambush)
                    self._strike(victim, *ambush)
                    break

    def _strike(self, victim: Process, call: str, fate: str, steps: int, jump: float) -> None:
        self._universe.scheduler.note(f"** {fate} of {victim.name} at {call}")
        if fate == "depose":
            self.depose()
        elif fate == "kill":
            self._director.kill(victim.slot, steps, jump)
        else:
            self._director.stall(victim.slot, steps, jump)
            victim.workers.leadership.abandon()
            self._universe.store.outbox_table.cut_off()
            self._director.after(steps - 1, "markers are forgotten", self._forget_markers)

    def _forget_markers(self) -> None:
        """Forget markers of sent messages, as if thousands had been published since."""
        table, markers = self._universe.store.outbox_table, self._universe.streams.markers
        markers -= {f"message {each}" for each in table.sent_at}
