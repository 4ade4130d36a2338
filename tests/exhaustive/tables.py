"""The tables of docs/recovery.md, rendered by running the decisions; run it to print them."""

import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rtmanager.domain.operation import ActionName, OperationKind
from tests.exhaustive.docker_model import (
    AWAY,
    ENGINE,
    EXITED,
    NONE,
    OTHER,
    RUNNING,
    SLOT_NAMES,
    Call,
    Container,
    DockerState,
    apply,
)
from tests.exhaustive.intent import ACTIONS, Intent
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.state import Course, State, Transition
from tests.exhaustive.transitions import TransitionSystem

_NO_EFFECT = {ActionName.OBTAIN_IMAGE, ActionName.PREPARE_STATE}
_BEFORE, _AFTER = "dying process before it happened", "dying process after it happened"
_REFUSED, _STILL = " is refused from now on", "handed over, the call is still to come"
_HEAD = (
    "| action | dies before it happened | dies after it happened | is refused every time "
    "| arrives late, before the next observation | arrives after the end |"
)


class Case(NamedTuple):
    """A table: an operation in one situation; `rolled_back_at` labels what causes the rollback."""

    title: str
    scenario: Scenario
    docker: DockerState
    rolled_back_at: str = ""


def _docker(old: Container | None = None, other: Container | None = None) -> DockerState:
    return DockerState((old, None, None, other))


_UP, _DOWN = Container(ENGINE, RUNNING), Container(ENGINE, EXITED)
_RESTART = Scenario(OperationKind.RESTART, "running", "yes")
_PATCH = Scenario(OperationKind.PATCH, "running", "healthy")
CASES = (
    Case("Restart or patch of a running game", _RESTART, _docker(_UP)),
    Case("The rollback after the gate of a patch has failed", _PATCH, _docker(_UP), "shows failed"),
    Case(
        "Start, restart or patch of a stopped game",
        Scenario(OperationKind.START, "stopped", "no"),
        _docker(_DOWN),
    ),
    Case("First start of a game", Scenario(OperationKind.START, None), _docker()),
    Case("Stop", Scenario(OperationKind.STOP, "running"), _docker(_UP)),
    Case("Cleanup", Scenario(OperationKind.CLEANUP_CONTAINER, "stopped"), _docker(_DOWN)),
    Case(
        "Adoption of an engine that has lost its name",
        Scenario(OperationKind.RECONCILE_ADOPT, None, subject=OTHER),
        _docker(other=Container(AWAY, RUNNING)),
    ),
    Case(
        "Disposal of a stale engine",
        Scenario(OperationKind.RECONCILE_DISPOSE, "running", subject=OTHER),
        _docker(_UP, Container(AWAY, RUNNING)),
    ),
)


class _Table:
    """Follows one case along its fault-free path, and from every fault on that path to the end."""

    def __init__(self, case: Case) -> None:
        self.case, self.system = case, TransitionSystem(case.scenario)

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
        state, points = State(self.case.docker, Intent()), []
        is_rolled_back = not self.case.rolled_back_at
        while state.ended is None:
            if not is_rolled_back and (failed := self._find(state, self.case.rolled_back_at)):
                state, is_rolled_back = failed.state, True
                continue
            if is_rolled_back and state.sent != NONE and ACTIONS[state.sent].name not in _NO_EFFECT:
                points.append(state)
            state = self._next(state)
        return points

    def _cells(self, state: State) -> Iterator[str]:
        for label in (_BEFORE, _AFTER):
            dead = self._find(state, label) or self._find(state, "left by a dying process")
            yield self._follow(dead.state) if dead else "as before"
        refused = self._find(state, _REFUSED)
        yield self._follow(refused.state) if refused else "-"
        still = self._find(state, _STILL)
        if still is None:
            yield "-"
            yield "-"
            return
        arrived = next(each for each in self._all(still.state) if "late call" in each.label)
        yield self._follow(arrived.state)
        yield effect(self._end(still.state), still.state.late[0])

    def _follow(self, state: State) -> str:
        """Return what is done from here on, and how the operation ends."""
        done: list[str] = []
        end = self._end(state, lambda each: done.append(_name(each)))
        shown = [each for each in counted(done) if each]
        return f"{' → '.join([*shown, describe_end(end)])}"

    def _end(self, state: State, visit: Callable[[State], None] = lambda _: None) -> State:
        while state.ended is None:
            if state.sent != NONE and ACTIONS[state.sent].name not in _NO_EFFECT:
                visit(state)
            state = self._next(state)
        return state

    def _next(self, state: State) -> State:
        return next(each.state for each in self._all(state) if each.course is Course.NORMAL)

    def _find(self, state: State, label: str) -> Transition | None:
        return next((each for each in self._all(state) if each.label.endswith(label)), None)

    def _all(self, state: State) -> list[Transition]:
        return list(self.system.transitions(state, faults_left=True))


def _name(state: State) -> str:
    action = ACTIONS[state.sent]
    about = f" {action.container_id}" if action.container_id else ""
    return f"{action.name.replace('_', ' ')}{about}"


def counted(names: list[str]) -> Iterator[str]:
    """Return the names, each repetition of the previous one only as a count."""
    for at, name in enumerate(names):
        if at == 0 or names[at - 1] != name:
            again = next((n for n, each in enumerate(names[at:]) if each != name), len(names) - at)
            yield name if again == 1 else f"{name} ({again} times)"


def _without_leftovers(end: State) -> DockerState:
    """Return Docker after the removal of what is stale, which the holder does at once."""
    docker = end.docker
    for call in end.late:
        if call.verb == "remove":
            docker = apply(docker, call) or docker
    return docker


def describe_end(end: State) -> str:
    """Return the outcome, what Docker shows, and the record."""
    if end.ended is None:
        raise AssertionError
    outcome = "success" if end.ended.success else "failure"
    docker, status = _without_leftovers(end), end.ended.status
    found = [
        _describe_container(docker, slot)
        for slot in range(len(SLOT_NAMES))
        if docker.containers[slot]
    ]
    record = f"record {status}" if status else "no record"
    return f"**{outcome}**: {', '.join(found) or 'no container'}; {record}"


def _describe_container(docker: DockerState, slot: int) -> str:
    found = docker.containers[slot]
    if found is None:
        raise AssertionError(slot)
    name = "" if found.name == ENGINE else f" under its {found.name} name"
    return f"{('old', 'new', 'twin', 'other')[slot]} {found.status}{name}"


def effect(end: State, call: Call) -> str:
    """Return what is changed by a call that arrives after the end."""
    before = _without_leftovers(end)
    after = apply(before, call)
    if after is None or after == before:
        return "nothing"
    changed = (
        slot for slot in range(len(SLOT_NAMES)) if before.containers[slot] != after.containers[slot]
    )
    slot = next(changed)
    if after.containers[slot] is None:
        return f"removes {SLOT_NAMES[slot]}"
    return _describe_container(after, slot)


def table(case: Case) -> str:
    """Return one table with its heading as lines of the page."""
    return "\n".join(_Table(case).lines())


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(table(each) for each in CASES) + "\n")
