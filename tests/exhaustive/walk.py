"""Breadth-first through every state that a number of mishaps can lead to."""

import gc
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from rtmanager.domain.operation import OperationKind
from tests.exhaustive.checks import Breach
from tests.exhaustive.intent import Intent
from tests.exhaustive.moves import Moves
from tests.exhaustive.setting import Setting, beginnings, settings
from tests.exhaustive.state import Move, State
from tests.exhaustive.world import WORDS, World


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk saw, and the most steps from a state to its end when nothing more goes wrong."""

    states: int = 0
    transitions: int = 0
    longest: int = 0

    def __add__(self, other: "Walked") -> "Walked":
        return Walked(
            self.states + other.states,
            self.transitions + other.transitions,
            max(self.longest, other.longest),
        )


class Violation(AssertionError):
    """A check that does not hold, with the shortest way to it."""

    def __init__(self, setting: Setting, breach: Breach, path: list[str]) -> None:
        lines = [setting.words, *(f"  {each}" for each in path), f"  => {breach}"]
        super().__init__("\n".join(lines))
        self.check = breach.check
        self.path = path


_Pending = list[tuple[State, State | None, str]]


@dataclass(slots=True)
class Walk:
    """One walk from one setting, fewest mishaps first, then the fewest steps."""

    setting: Setting
    mishaps: int
    transitions: int = 0
    _parents: dict[State, tuple[State | None, str]] = field(default_factory=dict)
    _good: dict[State, State] = field(default_factory=dict)

    def run(self) -> Walked:
        """Visit every state; raises Violation."""
        moves = Moves(self.setting)
        pending = self._beginnings()
        for level in range(self.mishaps + 1):
            queue: list[State] = []
            for state, parent, words in pending[level]:
                self._find(state, parent, words, queue)
            pending[level].clear()
            for state in queue:  # it grows meanwhile
                self._visit(moves, state, level, queue, pending)
        return Walked(len(self._parents), self.transitions, self._longest())

    @property
    def found(self) -> Collection[State]:
        """The states that were found."""
        return self._parents.keys()

    def _beginnings(self) -> list[_Pending]:
        pending: list[_Pending] = [[] for _ in range(self.mishaps + 1)]
        for world, mishaps in beginnings(self.setting):
            if mishaps <= self.mishaps:
                state = State(world, Intent(), disturbed=mishaps > 0)
                pending[mishaps].append((state, None, f"it finds {_world_words(world)}"))
        return pending

    def _find(self, state: State, parent: State | None, words: str, queue: list[State]) -> None:
        if state not in self._parents:
            self._parents[state] = parent, words
            queue.append(state)

    def _visit(
        self, moves: Moves, state: State, level: int, queue: list[State], pending: list[_Pending]
    ) -> None:
        try:
            for move in moves.of(state, left=level < self.mishaps):
                self._take(move, state, level, queue, pending)
        except Breach as breach:
            raise Violation(self.setting, breach, self._path_to(state)) from breach

    def _take(
        self, move: Move, state: State, level: int, queue: list[State], pending: list[_Pending]
    ) -> None:
        self.transitions += 1
        if move.good:
            self._good[state] = move.state
        if move.mishaps == 0:
            self._find(move.state, state, move.words, queue)
        elif move.state not in self._parents:
            pending[level + move.mishaps].append((move.state, state, move.words))

    def _path_to(self, state: State) -> list[str]:
        """Return how the walk came to a state, in words."""
        path: list[str] = []
        at: State | None = state
        while at is not None:
            at, words = self._parents[at]
            path.append(words)
        return path[::-1]

    def _longest(self) -> int:
        """Follow what happens when nothing more goes wrong, from every state to its end."""
        steps: dict[State, int] = {}
        for state in self._parents:
            way: dict[State, None] = {}
            at = state
            while at not in steps and at.ended is None:
                if at in way or at not in self._good:
                    words = f"after {len(way)} steps it goes round for ever, or nowhere"
                    raise Violation(self.setting, Breach(6, words), self._path_to(state))
                way[at] = None
                at = self._good[at]
            count = steps.get(at, 0)
            for each in reversed(way):
                count += 1
                steps[each] = count
        return max(steps.values(), default=0)


def _world_words(world: World) -> str:
    found = [
        f"{WORDS[slot]} {each.status} under its name {each.name}"
        for slot, each in enumerate(world.containers)
        if each is not None
    ]
    return (
        ", ".join([*found, *(["a stranger with the engine's name"] * world.stranger)]) or "nothing"
    )


def walk(kind: OperationKind, mishaps: int) -> Walked:
    """Walk every setting of a kind; raises Violation."""
    return walk_all(settings(kind), mishaps)


def walk_all(wanted: Iterable[Setting], mishaps: int) -> Walked:
    """Walk some settings; raises Violation."""
    gc.disable()  # every state is kept to the end, and a million of them are searched in vain
    try:
        return sum((Walk(each, mishaps).run() for each in wanted), Walked())
    finally:
        gc.enable()
