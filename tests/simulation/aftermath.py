"""After the faults: everything is restored, the service comes to rest, and the end is judged."""

from collections import Counter
from typing import TYPE_CHECKING

from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OpSource
from rtmanager.domain.outbox import OutboxStream
from rtmanager.domain.runtime import RuntimeStatus
from rtmanager.domain.supervision.reconcile_runtimes import Reconciliation
from tests.simulation.policy import GRACE, LEASE_TTL
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.universe import Universe

MOST_ROUNDS = 8
MOST_STEPS = 6000


SETTLED_AFTER = LEASE_TTL + GRACE + 4 * 60.0
"""Seconds after which the workers alone have put everything in order."""


def settle(universe: "Universe") -> None:
    """Let the workers of the supervised processes do what is left to do, and judge it then."""
    universe.faults.forget()
    universe.scheduler.calls_are_slow = False
    universe.scheduler.note("** the workers settle what is left")
    until, last = universe.loop.now + SETTLED_AFTER, universe.scheduler.steps + MOST_STEPS
    while not universe.violations and (universe.loop.now < until or _is_at_work(universe)):
        if universe.scheduler.steps > last or not universe.step():
            universe.violation("the workers did not come to rest")
    if not universe.violations:
        _judge(universe)


def quiesce(universe: "Universe") -> None:
    """Reconcile until nothing is found any more, and judge what is there then."""
    universe.faults.forget()
    universe.scheduler.calls_are_slow = False
    process = universe.live[0]
    for _ in range(MOST_ROUNDS):
        universe.loop.advance_to(universe.loop.now + LEASE_TTL + GRACE + 1)
        result = _reconcile(universe, process)
        if universe.violations:
            return
        if result is not None and not result.found and not result.failed:
            _judge(universe)
            return
    universe.violation(f"reconciliation finds no end: {result and result.sentence}")


def _reconcile(universe: "Universe", process: Process) -> Reconciliation | None:
    universe.scheduler.note("** reconcile to quiet")
    task = process.spawn(process.cycles.reconcile.run())
    last = universe.scheduler.steps + MOST_STEPS
    while universe.step() and not universe.violations:
        if universe.scheduler.steps > last:
            universe.violation("reconciliation did not come to rest")
    if not task.done():
        universe.violation("reconciliation hangs")
        return None
    return None if task.exception() else task.result()


def _held(universe: "Universe") -> list[GameId]:
    now = universe.loop.now
    return [game_id for game_id, grant in universe.grants.items() if not grant.is_over(now)]


def _is_at_work(universe: "Universe") -> bool:
    return bool(_held(universe) or not universe.witness.streams.are_done())


def _judge(universe: "Universe") -> None:
    for operation in universe.store.operations.values():
        if operation.outcome is None:
            universe.violation(f"operation {operation.id} ({operation.kind}) stays open")
    for game_id in _held(universe):
        universe.violation(f"the lease of {game_id} is still held")
    for game in sorted({*universe.truth.states, *universe.store.runtime_records}):
        _judge_game(universe, GameId(game))
    _judge_job_results(universe)
    if universe.supervised:
        universe.witness.streams.judge_end()


def _judge_game(universe: "Universe", game_id: GameId) -> None:
    record = universe.store.runtime_records.get(game_id)
    shown = list(universe.truth.now(game_id))
    expected = []
    if record is not None and record.status is not RuntimeStatus.REMOVED:
        runs = record.status is RuntimeStatus.RUNNING
        expected = [(record.current_container_id, container_name(game_id), runs)]
    if shown != expected:
        universe.violation(f"{game_id} is {record and record.status}: {expected}, but {shown}")
    if record is not None and universe.directories.path(game_id) not in (
        universe.directories.directories
    ):
        universe.violation(f"the state directory of {game_id} is gone")


def _judge_job_results(universe: "Universe") -> None:
    """Every recorded job has exactly one result."""
    results = Counter(
        message.fields["job_id"]
        for message in universe.store.outbox
        if message.stream is OutboxStream.JOB_RESULTS
    )
    jobs = Counter(
        operation.request.origin.source_ref
        for operation in universe.store.operations.values()
        if operation.request.origin.source is OpSource.LOBBY_STREAM
    )
    if results != jobs or any(count > 1 for count in jobs.values()):
        universe.violation(f"jobs {dict(jobs)} have results {dict(results)}")
