"""Faults of the processes, of Redis and of the database, and the jobs that the Lobby adds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Fence, LeaseNumber, Operation, StopReason
from rtmanager.domain.ports.job_stream import JobKind, MalformedJob, StartJob, StopJob
from rtmanager.domain.runtime import RuntimeRecord
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.environment import Environment
    from tests.simulation.plan_runner import PlanRunner


class ProcessFaults:
    """Faults of processes; each public method is an event of a plan."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment
        self.leader = 0

    def kill(self, slot: int, steps: int, jump: float) -> None:
        """Kill the process in a slot; another one starts in its place some steps later."""
        killed = self._environment.processes[slot]
        if killed is not None:
            self._environment.tally.process("killed", killed)
        process = self._take_out(slot, steps)
        if process is not None:
            process.kill()
            self._environment.pass_time(jump)

    def stall(self, slot: int, steps: int, jump: float) -> None:
        """Suspend the process in a slot; it wakes up some steps later."""
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._environment.tally.process("stalled", process)
        process.stall()
        self._runner.after(steps, f"{process.name} wakes", process.wake)
        self._environment.pass_time(jump)

    def shutdown(self, slot: int, limit: float, patience: int, steps: int) -> None:
        """Ask a process to shut down within its limit; kill it when that takes too many steps.

        With a `patience` of 0 it gets all the time that it needs.
        """
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._environment.tally.process("shut down", process)
        self._take_out(slot, steps)
        self._environment.leaving.append(process)
        task = process.spawn(process.shut_down(limit))
        task.add_done_callback(lambda _: self._exit(process, in_time=True))
        if patience:
            words = f"{process.name} is killed if it still runs"
            self._runner.after(patience, words, lambda: self._exit(process, in_time=False))

    def no_descriptors(self, slot: int, steps: int) -> None:
        """Let a process run out of descriptors for a while: it cannot probe any engine."""
        process = self._environment.processes[slot]
        if process is not None:
            self._environment.tally.process("out of descriptors", process)
            process.unaskable.has_no_descriptors = True
            self._runner.after(steps, f"{process.name} can probe again", process.unaskable.recover)

    def _take_out(self, slot: int, steps: int) -> Process | None:
        process = self._environment.processes[slot]
        if process is None:
            return None
        self._environment.processes[slot] = None
        self.leader = 1 - slot if self.leader == slot else self.leader
        words = f"a new process in slot {slot}"
        self._runner.after(steps, words, lambda: self._boot(slot))
        return process

    def _exit(self, process: Process, *, in_time: bool) -> None:
        if process not in self._environment.leaving:
            return
        self._environment.leaving.remove(process)
        self._environment.tally.note("shut down", "in time" if in_time else "too late")
        self._environment.invariants.leases.left(process, in_time=in_time)
        process.kill()

    def _boot(self, slot: int) -> None:
        process = self._environment.boot(slot)
        if self._environment.full:
            process.is_open = False
            process.work(process.workers.serve())
        else:
            process.work(process.attempt(self._open(process)))

    async def _open(self, process: Process) -> None:
        await process.open()
        await process.attempt(process.cycles.reconcile.run())


FAULT = "simulated: a field is missing"


class StoreFaults:
    """Faults of the streams; each public method is an event of a plan."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment

    def job(self, kind: str, game: str, image: str) -> None:
        """Add a job as the Lobby does; a malformed one may be in either stream."""
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
        """Lose the consumer group: every job that is still there is delivered again."""
        self._environment.streams.lose_group()
        self._environment.invariants.streams.group_lost()

    def flush(self) -> None:
        """Empty Redis: jobs, group, leases, numbers, markers and published messages are lost."""
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
        """Revoke the leader's claim and the relay's lock; both notice only later."""
        self._environment.claim.leader = None
        self._environment.store.outbox_table.cut_off()

    def suspend(self, slot: int, steps: int, jump: float) -> None:
        """Stall a process that is also cut off from Postgres, until its markers are forgotten."""
        process = self._environment.processes[slot]
        if process is None or not process.is_awake:
            return
        self._runner.happen("stall", slot, steps, jump)
        process.workers.leadership.abandon()
        self._environment.store.outbox_table.cut_off()
        self._runner.after(steps - 1, "markers are forgotten", self._forget_markers)

    def _forget_markers(self) -> None:
        """Forget the markers of sent messages, as if thousands had been published since."""
        table, markers = self._environment.store.outbox_table, self._environment.streams.markers
        markers -= {f"message {each}" for each in table.sent_at}


K = TypeVar("K")
V = TypeVar("V")

UNTIL_CALLS_ARE_OVER = 1.0


@dataclass(frozen=True, slots=True)
class Backup:
    """The contents of the database."""

    records: dict[GameId, RuntimeRecord]
    operations: dict[Fence, Operation]
    leases: dict[GameId, LeaseNumber]
    holders: dict[Fence, LeaseNumber]
    handed_over: set[Fence]
    messages: int


class DatabaseRestore:
    """Makes a backup and restores it; each public method is an event of a plan."""

    def __init__(self, runner: "PlanRunner", environment: "Environment") -> None:
        self._runner, self._environment = runner, environment
        self._backup: Backup | None = None

    def backup(self) -> None:
        """Copy what is in the database now."""
        store = self._environment.store
        self._backup = Backup(
            dict(store.runtime_records),
            dict(store.operations),
            dict(store.leases),
            dict(store.holders),
            set(store.handed_over),
            len(store.outbox),
        )

    def restore(self, steps: int) -> None:
        """Stop the service, restore the backup, and start the service again."""
        if self._backup is None or self._environment.full:
            return
        for slot in range(len(self._environment.processes)):
            self._runner.happen("kill", slot, steps, UNTIL_CALLS_ARE_OVER)
        self._put_back(self._backup)
        self._environment.invariants.forget()
        self._environment.invariants.oracle.rebase()
        self._environment.tally.note("database restored", "from a backup")

    def _put_back(self, backup: Backup) -> None:
        store = self._environment.store
        _put(store.runtime_records, backup.records)
        _put(store.operations, backup.operations)
        _put(store.leases, backup.leases)
        _put(store.holders, backup.holders)
        store.handed_over.clear()
        store.handed_over.update(backup.handed_over)
        store.fences_up_to = 0
        del store.outbox[backup.messages :]


def _put(table: dict[K, V], kept: dict[K, V]) -> None:
    """Set the table back to the copy without reporting each write."""
    table.clear()
    table.update(kept)
