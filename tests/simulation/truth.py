"""What was true in Docker, and when: the yardstick for records, answers and events."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import GAME_ID_LABEL, ContainerId
from rtmanager.domain.runtime import RuntimeRecord, RuntimeStatus

Engine = tuple[ContainerId, str, bool]
"""A container's id, its name, and whether it runs."""

Shown = tuple[Engine, ...]


@dataclass(slots=True)
class Truth:
    """The states of every game's containers, each with the step from which on it was so.

    `born` holds the moment of each container's creation, by the beginning of its id.

    `by_strangers` are the running containers that someone else started: what they run beside is not
    the service's doing.
    """

    docker: InMemoryDocker
    states: dict[str, list[tuple[int, Shown]]] = field(default_factory=lambda: defaultdict(list))
    born: dict[str, float] = field(default_factory=dict)
    losses: Counter[ContainerId] = field(default_factory=Counter)
    by_strangers: set[ContainerId] = field(default_factory=set)

    def look(self, step: int) -> list[str]:
        """Note how every game is now; return the games of which two engines run."""
        self.docker.settle()
        now: dict[str, list[Engine]] = {game: [] for game in self.states}
        for each in self.docker.containers.values():
            game = each.spec.labels.get(GAME_ID_LABEL)
            if game is not None:
                now.setdefault(game, []).append((each.id, each.name, each.is_running))
        return [game for game, engines in now.items() if self._note(step, game, tuple(engines))]

    def _note(self, step: int, game: str, shown: Shown) -> bool:
        states = self.states[game]
        before = states[-1][1] if states else ()
        if states and before == shown:
            return False
        for each, _, _ in shown:
            self.born.setdefault(each[:12], self.docker.clock.monotonic())
        running = {each for each, _, runs in shown if runs}
        for lost in {each for each, _, runs in before if runs} - running:
            self.losses[lost] += 1
            self.by_strangers.discard(lost)
        states.append((step, shown))
        return len(running - self.by_strangers) > 1

    def during(self, game: str, since: int) -> Iterator[Shown]:
        """Return every state that the game was in at `since` or later, newest first."""
        for step, shown in reversed(self.states[game]):
            yield shown
            if step <= since:
                return
        yield ()

    def before(self, game: str, step: int) -> Iterator[Shown]:
        """Return the state that the game was in at `step`, if it is known."""
        known = (shown for at, shown in reversed(self.states[game]) if at <= step)
        yield from islice(known, 1)

    def was_as(self, record: RuntimeRecord, since: int) -> bool:
        """Tell whether the record was true at any moment from `since` on."""
        return any(agrees(record, shown) for shown in self.during(record.game_id, since))

    def now(self, game: str) -> Shown:
        """Return the game's containers as they are."""
        return next(self.during(game, 0))


def agrees(record: RuntimeRecord, shown: Shown) -> bool:
    """Tell whether the record says of its container what Docker shows."""
    states = {each: runs for each, _, runs in shown}
    if record.status is RuntimeStatus.REMOVED:
        return record.current_container_id is None
    runs = states.get(record.current_container_id or ContainerId(""))
    return runs is (record.status is RuntimeStatus.RUNNING)
