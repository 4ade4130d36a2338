"""The oracle: it knows what was asked for and what others changed, and allows nothing else."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.domain.container import ContainerId, ImageId
from rtmanager.domain.errors import RuntimeManagerError
from rtmanager.domain.game_id import GameId
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.operation import (
    Fence,
    Operation,
    OperationKind,
    OperationRequest,
    OpSource,
)
from rtmanager.domain.ports.job_stream import JobEntry, StartJob, StopJob
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.events import NOTHING_SPECIAL, Expectation
from tests.simulation.model import Change, GameState, complaints, same_image
from tests.simulation.policy import NOT_ALLOWED, RETENTION

if TYPE_CHECKING:
    from tests.simulation.environment import Environment

_START, _STOP = OperationKind.START, OperationKind.STOP
_REPLACE = {_START, OperationKind.RESTART, OperationKind.PATCH}
_DISPOSE, _CLEAN_UP = OperationKind.RECONCILE_DISPOSE, OperationKind.CLEANUP_CONTAINER
_BY_ITSELF = {
    *(OperationKind.RECONCILE_ADOPT, OperationKind.RECONCILE_OBSERVED_EXIT),
    _DISPOSE,
}
MAY_CALL = {
    "create": _REPLACE,
    "start": _REPLACE,
    "stop": _REPLACE | {_STOP, _DISPOSE},
    "rename": _REPLACE | {OperationKind.RECONCILE_ADOPT},
    "remove": _REPLACE | {_CLEAN_UP, _DISPOSE},
}
"""The kinds of operations that may make a call."""

COMMITTED_WITHIN = 60.0
"""Seconds from a change, as dated by its record, to its commit: writing is retried that long."""

Asked = tuple[OperationKind, str, str | None]


class Oracle:
    """Compares every change of a game with what was asked for, and keeps the states of games."""

    def __init__(self, environment: "Environment") -> None:
        self._environment = environment
        self._expected: Expectation = NOTHING_SPECIAL
        self._asked: dict[str, Asked] = {}
        self._states: dict[GameId, GameState] = {}
        self._changed_at: dict[GameId, float] = {}

    def expect(self, expected: Expectation) -> None:
        """Set what may be expected of this history."""
        self._expected = expected

    def asked(self, request: OperationRequest) -> None:
        """Remember what a caller has asked for."""
        words = request.kind, request.game_id, request.image_ref
        self._asked[request.origin.source_ref] = words

    def asked_by_job(self, entry: JobEntry) -> None:
        """Remember what a job asks for."""
        if isinstance(entry.job, StartJob):
            self._asked[entry.entry_id] = _START, entry.job.game_id, entry.job.image_ref
        elif isinstance(entry.job, StopJob):
            self._asked[entry.entry_id] = _STOP, entry.job.game_id, None

    def rebase(self) -> None:
        """Start from the database as it is now: it was restored."""
        records = self._environment.store.runtime_records
        self._states = {each: self._shown(record) for each, record in records.items()}

    def begun(self, operation: Operation) -> None:
        """Check that somebody asked for an operation that begins, and that it is needed."""
        if operation.outcome is None:
            for words in (*self._unasked(operation), *self._needless(operation)):
                self._wrong(operation, words)
            if operation.request.image_ref == NOT_ALLOWED:
                self._wrong(operation, "begins although its image is not allowed")

    def finished(self, operation: Operation) -> None:
        """Check that an outcome changes the game as requested."""
        game = operation.game_id
        record = self._environment.store.runtime_records.get(game)
        before = self._states.get(game, GameState())
        after = self._shown(record) if record else GameState()
        touched = after.container in self._environment.truth.interfered
        change = Change(operation, before, after, self._wanted(operation), touched)
        for words in (*complaints(change), *self._surprises(change)):
            self._wrong(operation, words)
        self._states[game] = after
        if before != after:
            self._changed_at[game] = self._environment.loop.now

    def sent(self, call: str, container: str, found: MemoryContainer | None) -> None:
        """Check that somebody asked for the call that is sent to Docker."""
        if not self._expected.punctual or call == "pull":
            return
        open_operation = self._environment.invariants.calls.operation_for(container, found)
        if call == "remove" and found is not None:
            words = self._needed_still(found, open_operation)
        elif open_operation is None:
            words = "nobody has asked for it" if call != "remove" else ""
        elif open_operation.kind not in MAY_CALL[call]:
            words = f"a {open_operation.kind} may not do that"
        else:
            words = self._not_stale(found, open_operation)
        if words:
            self._environment.violation(f"{call} of {found.name if found else container}: {words}")

    def lost(self, container_id: ContainerId) -> None:
        """Check that an engine whose loss is published was not ended by the service itself."""
        truth = self._environment.truth
        container = truth.seen.get(container_id)
        dies = container is not None and container.image.behaviour.exits_after is not None
        is_sure = self._expected.punctual and self._expected.unrefused
        if is_sure and not dies and container_id not in truth.interfered:
            words = f"the loss of {container_id[:12]} was published, and nothing happened to it"
            self._environment.violation(words)

    def _unasked(self, operation: Operation) -> Iterator[str]:
        """Return why nobody can have asked for the operation."""
        request = operation.request
        match request.origin.source:
            case OpSource.AUTO_RECONCILE:
                if request.kind is OperationKind.RESTART:
                    yield from self._needless_move(operation)
                elif request.kind not in _BY_ITSELF:
                    yield "is nothing that the reconciler may begin"
            case OpSource.AUTO_TTL:
                yield from self._expired_early(operation)
            case _:
                asked = self._asked.get(request.origin.source_ref)
                if asked != (request.kind, request.game_id, request.image_ref):
                    yield f"was never asked for: {asked}"

    def _needless_move(self, operation: Operation) -> Iterator[str]:
        """Return why the game need not be moved: its node was neither lost nor drained."""
        state = self._states.get(operation.game_id, GameState())
        container = state.container
        if state.status is not RuntimeStatus.RUNNING:
            yield f"moves a game that is {state.status}"
        if not (container in self._environment.truth.exposed or self._environment.is_drained):
            yield f"moves a game whose node was never lost: {container}"

    def _expired_early(self, operation: Operation) -> Iterator[str]:
        since = self._changed_at.get(operation.game_id, 0.0)
        age = self._environment.loop.now - since
        allowed = self._environment.skew + COMMITTED_WITHIN
        if operation.kind is not _CLEAN_UP:
            yield "is nothing that the retention may begin"
        elif not self._expected.clocks_step and age < RETENTION - allowed:
            yield f"comes {age:.0f} s after the game's last change"

    def _needless(self, operation: Operation) -> Iterator[str]:
        """Return why there is nothing to do: the game was running as requested all the time."""
        if self._environment.truth.is_shown_late:
            return
        before = self._states.get(operation.game_id, GameState())
        wanted = operation.request.image_ref or ""
        is_same = operation.kind is _START or (
            operation.kind is OperationKind.PATCH and same_image(wanted, before.image_ref)
        )
        if is_same and before.status is RuntimeStatus.RUNNING and self._has_run(operation, before):
            yield f"begins although {before.image_ref} runs"

    def _surprises(self, change: Change) -> Iterator[str]:
        """Return what was adopted though only the service can have started it."""
        is_adoption = change.operation.kind is OperationKind.RECONCILE_ADOPT
        if not is_adoption or not (self._expected.punctual and self._expected.unrefused):
            return
        has_begun = change.after != change.before and change.after.status is RuntimeStatus.RUNNING
        if has_begun and change.after.container not in self._environment.truth.interfered:
            yield "adopted an engine that nobody else has started"

    def _has_run(self, operation: Operation, state: GameState) -> bool:
        """Return whether the engine ran at every moment since the operation got its lease."""
        container = self._environment.truth.seen.get(state.container or ContainerId(""))
        if container is None or container.removal is not None:
            return False
        since = self._environment.invariants.leases.since(operation.game_id)
        during = self._environment.truth.during(operation.game_id, since)
        return all(any(each[0] == state.container and each[2] for each in one) for one in during)

    def _needed_still(self, found: MemoryContainer, operation: Operation | None) -> str:
        """Return why a container must not be removed."""
        record = self._record_of(found)
        is_current = record is not None and record.current_container_id == found.id
        if operation is not None and operation.kind not in MAY_CALL["remove"]:
            return f"a {operation.kind} may not do that"
        cleans_up = operation is not None and operation.kind is _CLEAN_UP
        if is_current and not cleans_up and found.removal is None:
            return "it is the game's, and no cleanup was asked for"
        return ""

    def _not_stale(self, found: MemoryContainer | None, operation: Operation) -> str:
        """Return why a disposal must leave a container alone."""
        if operation.kind is not _DISPOSE or found is None:
            return ""
        record = self._record_of(found)
        is_current = record is not None and record.current_container_id == found.id
        return "it is the game's engine and not stale" if is_current else ""

    def _record_of(self, found: MemoryContainer) -> RuntimeRecord | None:
        game = self._environment.truth.game_of(found)
        return self._environment.store.runtime_records.get(GameId(game)) if game else None

    def _shown(self, record: RuntimeRecord) -> GameState:
        """Return the game's state by its record and the container that the record names."""
        container = self._environment.truth.seen.get(record.current_container_id or ContainerId(""))
        return GameState(
            status=record.status,
            container=record.current_container_id,
            image_ref=record.current_image_ref,
            image=container.image.id if container else None,
            maker=_maker(container) if container else None,
        )

    def _wanted(self, operation: Operation) -> ImageId | None:
        """Return the image that the operation's reference names."""
        try:
            reference = ImageRef.parse(operation.request.image_ref or "").normalized
        except RuntimeManagerError:
            return None
        docker = self._environment.docker
        image = docker.registry.get(reference) or docker.images.get(reference)
        return image.id if image else None

    def _wrong(self, operation: Operation, words: str) -> None:
        self._environment.violation(f"operation {operation.id} ({operation.kind}) {words}")


def _maker(container: MemoryContainer) -> Fence | None:
    """Return the operation that created a container, by its label."""
    fence = container.listed().fence
    return None if fence is None else Fence(fence)
