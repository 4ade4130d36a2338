"""Finding where the record of a game and Docker disagree; nothing is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rtmanager.domain.container import (
    ContainerId,
    ContainerStatus,
    EngineContainer,
    container_name,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import Operation
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

GRACE = 60.0
"""Seconds for which a new container that belongs to no operation is left alone."""


class DriftKind(StrEnum):
    """The kinds of drift."""

    OPEN_OPERATION = "open_operation"
    ADOPT = "adopt"
    DISPOSE = "dispose"
    OBSERVED_EXIT = "observed_exit"
    MISNAMED = "misnamed"
    STALE_CONTAINER = "stale_container"
    NODE_LOST = "node_lost"


@dataclass(frozen=True, slots=True)
class Drift:
    """One disagreement: its kind, its container, and a human-readable sentence.

    `node` is the name of the node with which the engine was lost.
    """

    game_id: GameId
    kind: DriftKind
    container_id: ContainerId | None
    sentence: str
    node: str = ""

    def is_like(self, other: "Drift") -> bool:
        """Return whether the other is the same disagreement, ignoring the sentence."""
        return (self.kind, self.container_id) == (other.kind, other.container_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameView:
    """A game as observed: its record, its containers, its open operation.

    The containers are ours, as `Installation.owns` decides.
    """

    game_id: GameId
    record: RuntimeRecord | None
    containers: Sequence[EngineContainer]
    open_operation: Operation | None

    @property
    def current(self) -> EngineContainer | None:
        """The container that the record names, if Docker has it."""
        if self.record is None:
            return None
        wanted = self.record.current_container_id
        return next((each for each in self.containers if each.id == wanted), None)


def find_drift(view: GameView, *, now: datetime, grace: float) -> Sequence[Drift]:
    """Return the game's drifts in the order of reconciliation; empty when all agrees.

    An open operation is reported alone: anything else is found when it has finished. Containers
    younger than `grace` seconds are left alone: an operation may be about to use them. So are those
    on a node that is down: what is not known changes no record.
    """
    if view.open_operation is not None:
        return [_open_operation(view.game_id, view.open_operation)]
    adoptable = _adoptable(view)
    drifts = [_adoption(view, adoptable)] if adoptable else [*_loss(view), *_misnamed(view)]
    keep = adoptable or view.current
    spared_since = now - timedelta(seconds=grace)
    return [*drifts, *_stale(view, keep, spared_since)]


def _open_operation(game_id: GameId, operation: Operation) -> Drift:
    sentence = f"operation {operation.id} ({operation.kind}) is open"
    return Drift(game_id, DriftKind.OPEN_OPERATION, operation.container_id, sentence)


def _adoptable(view: GameView) -> EngineContainer | None:
    """Return the engine that runs although the record is not `running` in it."""
    current, name = view.current, container_name(view.game_id)
    if current is not None and current.is_running:
        return None if _record_runs(view) or not _surely_runs(current) else current
    running = [each for each in view.containers if _surely_runs(each)]
    engine = next((each for each in running if each.name == name), None)
    if engine is None and view.record is None:
        return next(iter(running), None)  # the record was lost, and its engine was renamed
    return engine


def _surely_runs(container: EngineContainer) -> bool:
    is_starting = container.status is ContainerStatus.STARTING
    return container.is_running and not is_starting and not container.is_out_of_reach


def _adoption(view: GameView, engine: EngineContainer) -> Drift:
    status = view.record.status if view.record else "missing"
    sentence = f"container {engine.id[:12]} runs although the record is {status}"
    return Drift(view.game_id, DriftKind.ADOPT, engine.id, sentence)


def _loss(view: GameView) -> Iterator[Drift]:
    record, current = view.record, view.current
    if record is None or record.status is RuntimeStatus.REMOVED:
        return
    wanted = record.current_container_id
    if current is None or current.is_being_removed:
        sentence = f"the record is {record.status} but its container is gone"
        yield Drift(view.game_id, DriftKind.DISPOSE, wanted, sentence)
    elif _record_runs(view) and current.is_lost:
        yield from _lost_with_node(view, current)
    elif _record_runs(view) and not current.is_running:
        sentence = f"the record is running but its container is {current.status}"
        yield Drift(view.game_id, DriftKind.OBSERVED_EXIT, wanted, sentence)


def _lost_with_node(view: GameView, lost: EngineContainer) -> Iterator[Drift]:
    """Find an engine to start elsewhere, unless another of the game may run out of reach."""
    if any(each.is_out_of_reach for each in view.containers):
        return
    sentence = f"the record is running but its engine was lost with {lost.node_name}"
    node = lost.placement.name if lost.placement else "unknown"
    yield Drift(view.game_id, DriftKind.NODE_LOST, lost.id, sentence, node)


def _misnamed(view: GameView) -> Iterator[Drift]:
    """Find a container that lost its name, to another container or by a late call."""
    current, name = view.current, container_name(view.game_id)
    if current is not None and not current.is_being_removed and current.name != name:
        sentence = f"the record's container is named {current.name}, not {name}"
        yield Drift(view.game_id, DriftKind.MISNAMED, current.id, sentence)


def _stale(view: GameView, keep: EngineContainer | None, spared_since: datetime) -> Iterator[Drift]:
    for each in view.containers:
        if each is keep or each.is_being_removed or each.created_at > spared_since:
            continue
        if each.is_out_of_reach:
            continue
        sentence = f"container {each.name} ({each.id[:12]}) belongs to no operation"
        yield Drift(view.game_id, DriftKind.STALE_CONTAINER, each.id, sentence)


def _record_runs(view: GameView) -> bool:
    return view.record is not None and view.record.status is RuntimeStatus.RUNNING
