"""The end of a history: everything is restored, the service runs until idle, the end is checked."""

from collections import Counter
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, cast

from rtmanager.domain.container import container_name
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import OpSource
from rtmanager.domain.reconciliation.reconcile_runtimes import Reconciliation
from rtmanager.domain.runtime import RuntimeStatus
from tests.simulation.node_faults import NODE_CYCLES
from tests.simulation.policy import GRACE, LEASE_TTL

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

T = TypeVar("T")

MAX_ROUNDS = 12
MAX_STEPS = 9000
UNTIL_NOTHING_IS_LATE = 120.0


AT_REST_AFTER = LEASE_TTL + GRACE + 4 * 60.0
"""Seconds within which the workers alone must have reconciled everything."""


def come_to_rest(environment: "Environment") -> None:
    """Let the workers of both processes finish what is left, and check the final state."""
    _restore(environment)
    environment.pass_time(UNTIL_NOTHING_IS_LATE)
    environment.scheduler.note("** the workers finish what is left")
    until = environment.loop.now + AT_REST_AFTER
    last = environment.scheduler.steps + MAX_STEPS
    while not environment.violations and (environment.loop.now < until or _is_at_work(environment)):
        if environment.scheduler.steps > last or not environment.step():
            environment.violation("the workers did not become idle")
    if not environment.violations:
        _check(environment)


def reconcile_to_rest(environment: "Environment") -> None:
    """Reconcile until no drift is found, and check the final state."""
    _restore(environment)
    environment.pass_time(UNTIL_NOTHING_IS_LATE)
    process = environment.live[0]
    result: Reconciliation | None = None
    for _ in range(MAX_ROUNDS):
        environment.pass_time(LEASE_TTL + GRACE + 1)
        for each in NODE_CYCLES if environment.on_swarm else ():
            _run(environment, getattr(process.cycles, each).run())
        result = _run(environment, process.cycles.reconcile.run())
        if environment.violations:
            return
        is_over = result is not None and not result.found and not result.failed
        if is_over and not environment.platform.outages():
            _check(environment)
            return
    left = result and result.found, environment.platform.outages()
    environment.violation(f"reconciliation does not come to an end: {left}")


def _restore(environment: "Environment") -> None:
    """Remove foreign containers, and restore everything that was taken away."""
    environment.faults.forget()
    environment.scheduler.calls_are_slow = False
    environment.platform.restore()
    docker = environment.docker
    for each in list(docker.containers.values()):
        if environment.truth.game_of(each) is None:
            docker.vanish(each.id)


def _run(environment: "Environment", cycle: Coroutine[Any, Any, T]) -> T | None:
    """Run a cycle of the first process until nothing more happens; None if it has failed."""
    environment.scheduler.note("** a cycle runs until idle")
    task = environment.live[0].spawn(cycle)
    last = environment.scheduler.steps + MAX_STEPS
    while environment.step() and not environment.violations:
        if environment.scheduler.steps > last:
            environment.violation("a cycle did not become idle")
    if not task.done():
        environment.violation("a cycle hangs")
        return None
    return None if task.exception() else cast("T", task.result())


def _held(environment: "Environment") -> list[GameId]:
    now = environment.loop.now
    return [game_id for game_id, grant in environment.grants.items() if not grant.is_over(now)]


def _is_at_work(environment: "Environment") -> bool:
    return bool(_held(environment) or not environment.invariants.streams.are_done())


def _check(environment: "Environment") -> None:
    for operation in environment.store.operations.values():
        if operation.outcome is None:
            environment.violation(f"operation {operation.id} ({operation.kind}) stays open")
    for words in environment.platform.outages():
        environment.violation(words)
    for game_id in _held(environment):
        environment.violation(f"the lease of {game_id} is still held")
    for game in sorted({*environment.truth.states, *environment.store.runtime_records}):
        _check_game(environment, GameId(game))
    _check_job_results(environment)
    if environment.full:
        environment.invariants.streams.check_end()


def _check_game(environment: "Environment", game_id: GameId) -> None:
    record = environment.store.runtime_records.get(game_id)
    shown = list(environment.truth.now(game_id))
    expected = []
    if record is not None and record.status is not RuntimeStatus.REMOVED:
        runs = record.status is RuntimeStatus.RUNNING
        expected = [(record.current_container_id, container_name(game_id), runs)]
    if shown != expected:
        environment.violation(f"{game_id} is {record and record.status}: {expected}, but {shown}")
    if record is not None and environment.directories.path(game_id) not in (
        environment.directories.directories
    ):
        environment.violation(f"the state directory of {game_id} is gone")


def _check_job_results(environment: "Environment") -> None:
    """Check that every recorded job has exactly one result."""
    results = Counter(
        message.fields["job_id"]
        for message in environment.store.outbox
        if message.stream is OutboxStream.JOB_RESULTS
    )
    jobs = Counter(
        operation.request.origin.source_ref
        for operation in environment.store.operations.values()
        if operation.request.origin.source is OpSource.LOBBY_STREAM
    )
    if results != jobs or any(count > 1 for count in jobs.values()):
        environment.violation(f"jobs {dict(jobs)} have results {dict(results)}")
