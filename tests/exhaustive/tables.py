"""The tables of docs/recovery.md, rendered by running the decisions; run it to print them."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rtmanager.domain.operation import ActionName, OperationKind
from tests.exhaustive.intent import ACTIONS, Intent
from tests.exhaustive.moves import Moves
from tests.exhaustive.setting import Setting
from tests.exhaustive.state import Move, State
from tests.exhaustive.table_words import counted, effect, end_words
from tests.exhaustive.world import (
    AWAY,
    ENGINE,
    EXITED,
    NONE,
    OTHER,
    RUNNING,
    Container,
    World,
)

_OWN = {ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE}
_BEFORE, _AFTER = "dying process before it happened", "dying process after it happened"
_REFUSED, _STILL = " is refused, now and ever after", "handed over, the call is still to come"
_HEAD = (
    "| action | dies before it happened | dies after it happened | is refused every time "
    "| arrives late, before the next look | arrives after the end |"
)


class Case(NamedTuple):
    """A table: an operation in one situation; `turned` are the words of what turns it back."""

    title: str
    setting: Setting
    world: World
    turned: str = ""


def _world(old: Container | None = None, other: Container | None = None) -> World:
    return World((old, None, None, other))


_UP, _DOWN = Container(ENGINE, RUNNING), Container(ENGINE, EXITED)
_RESTART = Setting(OperationKind.RESTART, "running", "yes")
_PATCH = Setting(OperationKind.PATCH, "running", "healthy")
CASES = (
    Case("Restart or patch of a running game", _RESTART, _world(_UP)),
    Case("The way back after the gate of a patch has failed", _PATCH, _world(_UP), "shows failed"),
    Case(
        "Start, restart or patch of a stopped game",
        Setting(OperationKind.START, "stopped", "no"),
        _world(_DOWN),
    ),
    Case("First start of a game", Setting(OperationKind.START, None), _world()),
    Case("Stop", Setting(OperationKind.STOP, "running"), _world(_UP)),
    Case("Cleanup", Setting(OperationKind.CLEANUP_CONTAINER, "stopped"), _world(_DOWN)),
    Case(
        "Adoption of an engine that has lost its name",
        Setting(OperationKind.RECONCILE_ADOPT, None, subject=OTHER),
        _world(other=Container(AWAY, RUNNING)),
    ),
    Case(
        "Disposal of an engine that is superfluous",
        Setting(OperationKind.RECONCILE_DISPOSE, "running", subject=OTHER),
        _world(_UP, Container(AWAY, RUNNING)),
    ),
)


class _Table:
    """Follows one case along the good way, and from every mishap on it to the end."""

    def __init__(self, case: Case) -> None:
        self.case, self.moves = case, Moves(case.setting)

    def lines(self) -> Iterator[str]:
        """Return the table."""
        yield f"### {self.case.title}"
        yield ""
        yield _HEAD
        yield "|" + "---|" * (_HEAD.count("|") - 1)
        for state in self._points():
            cells = (_name(state), *self._cells(state))
            yield f"| {' | '.join(cells)} |"

    def _points(self) -> list[State]:
        """Return the states in which an action is under way that changes something."""
        state, points = State(self.case.world, Intent()), []
        is_turned = not self.case.turned
        while state.ended is None:
            if not is_turned and (failed := self._find(state, self.case.turned)):
                state, is_turned = failed.state, True
                continue
            if is_turned and state.sent != NONE and ACTIONS[state.sent].name not in _OWN:
                points.append(state)
            state = self._good(state)
        return points

    def _cells(self, state: State) -> Iterator[str]:
        for words in (_BEFORE, _AFTER):
            dead = self._find(state, words) or self._find(state, "left by a dying process")
            yield self._follow(dead.state) if dead else "as before"
        refused = self._find(state, _REFUSED)
        yield self._follow(refused.state) if refused else "-"
        still = self._find(state, _STILL)
        if still is None:
            yield "-"
            yield "-"
            return
        arrived = next(each for each in self._all(still.state) if "late call" in each.words)
        yield self._follow(arrived.state)
        yield effect(self._end(still.state), still.state.late[0])

    def _follow(self, state: State) -> str:
        """Return what is done from here on, and how it ends."""
        done: list[str] = []
        end = self._end(state, lambda each: done.append(_name(each)))
        shown = [each for each in counted(done) if each]
        return f"{' → '.join([*shown, end_words(end)])}"

    def _end(self, state: State, tell: Callable[[State], None] = lambda _: None) -> State:
        while state.ended is None:
            if state.sent != NONE and ACTIONS[state.sent].name not in _OWN:
                tell(state)
            state = self._good(state)
        return state

    def _good(self, state: State) -> State:
        return next(each.state for each in self._all(state) if each.good)

    def _find(self, state: State, words: str) -> Move | None:
        return next((each for each in self._all(state) if each.words.endswith(words)), None)

    def _all(self, state: State) -> list[Move]:
        return list(self.moves.of(state, left=True))


def _name(state: State) -> str:
    action = ACTIONS[state.sent]
    about = f" {action.container_id}" if action.container_id else ""
    return f"{action.name.replace('_', ' ')}{about}"


def table(case: Case) -> str:
    """Return one table with its heading as lines of the page."""
    return "\n".join(_Table(case).lines())


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(table(each) for each in CASES) + "\n")
