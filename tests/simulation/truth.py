"""The ground truth: which containers Docker had, and when, to check all else against."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from rtmanager.adapters.in_memory.docker_objects import MemoryContainer
from rtmanager.adapters.in_memory.docker_world import NETWORK, InMemoryDocker
from rtmanager.adapters.in_memory.store import InMemoryStore
from rtmanager.domain.container import (
    GAME_ID_LABEL,
    INSTALLATION_LABEL,
    KIND,
    KIND_LABEL,
    OPERATION_LABEL,
    OWNER,
    OWNER_LABEL,
    ContainerId,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus
from tests.simulation.policy import INSTALLATION

Engine = tuple[ContainerId, str, bool]
"""A container's id, its name, and whether it runs."""

Shown = tuple[Engine, ...]


@dataclass(slots=True)
class Truth:
    """The states of every game's containers, each with the step at which it began.

    `born` holds the moment of each container's creation. `started_by_others` are the running
    containers that someone else started, with the step: if another runs as well, it is not the
    service's fault unless it could have known. `disputed` are those that others started first while
    a start by the service may still be under way. `leaving` are those that Docker removed while
    they ran: they count as gone before they end. `interfered` are those that others changed,
    `taken` those that others removed. `seen` is every container that ever existed.

    `exposed` are those that were on a node when it was lost: such an engine may have ended while
    its record still says that it runs, until it is started elsewhere. `is_shown_late` once a
    process was shown what was true some time ago.
    """

    docker: InMemoryDocker
    store: InMemoryStore
    states: dict[str, list[tuple[int, Shown]]] = field(default_factory=lambda: defaultdict(list))
    born: dict[ContainerId, float] = field(default_factory=dict)
    losses: Counter[ContainerId] = field(default_factory=Counter)
    started_by_others: dict[ContainerId, int] = field(default_factory=dict)
    disputed: set[ContainerId] = field(default_factory=set)
    leaving: set[ContainerId] = field(default_factory=set)
    interfered: set[ContainerId] = field(default_factory=set)
    taken: set[ContainerId] = field(default_factory=set)
    seen: dict[ContainerId, MemoryContainer] = field(default_factory=dict)
    exposed: set[ContainerId] = field(default_factory=set)
    is_shown_late: bool = False

    def observe(self, step: int) -> list[str]:
        """Record the state of every game; return violations: two engines, or one removed alive."""
        self.docker.catch_up()
        now: dict[str, list[Engine]] = {game: [] for game in self.states}
        for each in self.docker.containers.values():
            self.seen.setdefault(each.id, each)
            game = self.game_of(each)
            if game is not None:
                now.setdefault(game, []).append((each.id, each.name, each.is_running))
                if each.removal is not None and each.is_running and each.id not in self.leaving:
                    self.leaving.add(each.id)
                    self.losses[each.id] += 1
        return [
            words
            for game, engines in now.items()
            for words in self._note(step, game, tuple(engines))
        ]

    def game_of(self, container: MemoryContainer) -> str | None:
        """Return the game to which this container belongs; None when it is not the service's."""
        labels = container.spec.labels
        if labels.get(OWNER_LABEL) != OWNER or labels.get(KIND_LABEL) != KIND:
            return None
        game, stamp = labels.get(GAME_ID_LABEL), labels.get(INSTALLATION_LABEL)
        if stamp is None:
            return game if game and self._is_named(container, GameId(game)) else None
        return game if stamp == INSTALLATION and container.spec.network == NETWORK else None

    def _is_named(self, container: MemoryContainer, game_id: GameId) -> bool:
        """Return whether the game's record or its open operation names the container as ours."""
        record = self.store.runtime_records.get(game_id)
        if record is not None and record.current_container_id == container.id:
            return True
        fence = container.spec.labels.get(OPERATION_LABEL)
        return any(
            each.outcome is None and str(each.id) == fence
            for each in self.store.operations.values()
        )

    def highest_fence(self) -> int:
        """Return the highest fence that a container of the service carries."""
        ours = (each for each in self.docker.containers.values() if self.game_of(each))
        return max((int(each.spec.labels.get(OPERATION_LABEL, 0)) for each in ours), default=0)

    def _note(self, step: int, game: str, shown: Shown) -> Iterator[str]:
        states = self.states[game]
        before = states[-1][1] if states else ()
        if states and before == shown:
            return
        for each, _, _ in shown:
            self.born.setdefault(each, self.docker.clock.monotonic())
        running = {each for each, _, runs in shown if runs}
        for lost in {each for each, _, runs in before if runs} - running:
            self.losses[lost] += lost not in self.leaving
            self.started_by_others.pop(lost, None)
            if lost not in self.docker.containers and lost not in self.taken:
                yield f"an engine of {game} was removed while it ran: {lost}"
        states.append((step, shown))
        if len(running - self.started_by_others.keys() - self.disputed) > 1:
            yield f"two engines of {game} run: {shown}"

    def during(self, game: str, since: int) -> Iterator[Shown]:
        """Return every state that the game was in at `since` or later, newest first."""
        for step, shown in reversed(self.states[game]):
            yield shown
            if step <= since:
                return
        yield ()

    def was_as(self, record: RuntimeRecord, since: int) -> bool:
        """Return whether the record was true at any moment since `since`."""
        if record.status is RuntimeStatus.RUNNING and record.current_container_id in self.exposed:
            return True
        if self.is_shown_late:
            since = 0
        return any(agrees(record, shown) for shown in self.during(record.game_id, since))

    def now(self, game: str) -> Shown:
        """Return the game's containers as they are now."""
        return next(self.during(game, 0))

    def running(self, game: str) -> set[ContainerId]:
        """Return the game's running containers."""
        return {each for each, _, runs in self.now(game) if runs}


def agrees(record: RuntimeRecord, shown: Shown) -> bool:
    """Return whether the record says the same about its container as Docker."""
    states = {each: runs for each, _, runs in shown}
    if record.status is RuntimeStatus.REMOVED:
        return record.current_container_id is None
    runs = states.get(record.current_container_id or ContainerId(""))
    return runs is (record.status is RuntimeStatus.RUNNING)
