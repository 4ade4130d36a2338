"""The walk: breadth-first through every state that a number of faults can lead to."""

import argparse
import gc
import sys
import time
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from rtmanager.domain.operation import OperationKind
from tests.exhaustive.docker_model import SLOT_NAMES, DockerState
from tests.exhaustive.intent import Intent
from tests.exhaustive.invariants import Violation
from tests.exhaustive.scenarios import Scenario, initial_states, scenarios
from tests.exhaustive.state import Course, State, Transition
from tests.exhaustive.transitions import TransitionSystem


@dataclass(frozen=True, slots=True)
class WalkResult:
    """The counts of a walk, and the most steps from a state to its end without further faults."""

    states: int = 0
    transitions: int = 0
    longest: int = 0

    def __add__(self, other: "WalkResult") -> "WalkResult":
        return WalkResult(
            self.states + other.states,
            self.transitions + other.transitions,
            max(self.longest, other.longest),
        )


class Counterexample(AssertionError):
    """An invariant that does not hold, with the shortest path to its violation."""

    def __init__(self, scenario: Scenario, violation: Violation, path: list[str]) -> None:
        lines = [scenario.label, *(f"  {each}" for each in path), f"  => {violation}"]
        super().__init__("\n".join(lines))
        self.invariant = violation.invariant
        self.path = path


@dataclass(slots=True)
class Walk:
    """One walk from one scenario, fewest faults first, then the fewest steps."""

    scenario: Scenario
    max_faults: int
    transitions: int = 0
    _parents: dict[State, tuple[State | None, str]] = field(default_factory=dict)
    _normal: dict[State, State] = field(default_factory=dict)
    _queue: list[State] = field(default_factory=list)
    _pending: dict[int, list[tuple[State, State | None, str]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def run(self) -> WalkResult:
        """Visit every state; raises Counterexample."""
        system = TransitionSystem(self.scenario)
        for docker, faults in initial_states(self.scenario):
            state = State(docker, Intent(), disturbed=faults > 0)
            self._pending[faults].append((state, None, f"it finds {_describe_docker(docker)}"))
        for level in range(self.max_faults + 1):
            self._queue = []
            for found in self._pending.pop(level, ()):
                self._find(*found)
            for state in self._queue:  # it grows during the loop
                self._visit(system, state, level)
        return WalkResult(len(self._parents), self.transitions, self._longest())

    @property
    def found(self) -> Collection[State]:
        """The states that were found."""
        return self._parents.keys()

    def _find(self, state: State, parent: State | None, label: str) -> None:
        if state not in self._parents:
            self._parents[state] = parent, label
            self._queue.append(state)

    def _visit(self, system: TransitionSystem, state: State, level: int) -> None:
        try:
            for transition in system.transitions(state, faults_left=level < self.max_faults):
                self._take(transition, state, level)
        except Violation as violation:
            raise Counterexample(self.scenario, violation, self._path_to(state)) from violation

    def _take(self, transition: Transition, state: State, level: int) -> None:
        self.transitions += 1
        if transition.course is Course.NORMAL:
            self._normal[state] = transition.state
        if transition.course is not Course.FAULT:
            self._find(transition.state, state, transition.label)
        elif transition.state not in self._parents:
            self._pending[level + 1].append((transition.state, state, transition.label))

    def _path_to(self, state: State) -> list[str]:
        """Return the labels of the transitions that led to a state."""
        path: list[str] = []
        at: State | None = state
        while at is not None:
            at, label = self._parents[at]
            path.append(label)
        return path[::-1]

    def _longest(self) -> int:
        """Follow the normal transitions from every state to its end."""
        steps: dict[State, int] = {}
        for state in self._parents:
            path: dict[State, None] = {}
            at = state
            while at not in steps and at.ended is None:
                if at in path or at not in self._normal:
                    label = f"after {len(path)} steps it repeats itself, or stays where it is"
                    raise Counterexample(self.scenario, Violation(6, label), self._path_to(state))
                path[at] = None
                at = self._normal[at]
            count = steps.get(at, 0)
            for each in reversed(path):
                count += 1
                steps[each] = count
        return max(steps.values(), default=0)


def _describe_docker(docker: DockerState) -> str:
    found = [
        f"{SLOT_NAMES[slot]} {each.status} under its name {each.name}"
        for slot, each in enumerate(docker.containers)
        if each is not None
    ]
    return (
        ", ".join([*found, *(["a stranger with the engine's name"] * docker.stranger)]) or "nothing"
    )


def walk(kind: OperationKind, faults: int) -> WalkResult:
    """Walk every scenario of a kind; raises Counterexample."""
    return walk_all(scenarios(kind), faults)


def walk_all(wanted: Iterable[Scenario], faults: int) -> WalkResult:
    """Walk some scenarios; raises Counterexample."""
    gc.disable()  # every state is kept to the end: a million of them, and no garbage among them
    try:
        return sum((Walk(each, faults).run() for each in wanted), WalkResult())
    finally:
        gc.enable()


def main() -> int:
    """Walk what the command line asks for and print the counts: `make walk`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=3, help="the most faults on one path")
    parser.add_argument("kinds", nargs="*", type=OperationKind, help="all, when none is named")
    asked = parser.parse_args()
    for kind in asked.kinds or OperationKind:
        began = time.process_time()
        try:
            walked = walk(kind, asked.faults)
        except Counterexample as counterexample:
            _print(str(counterexample))
            return 1
        counts = f"{walked.states:>11,} states {walked.transitions:>12,} transitions"
        longest = f"{walked.longest:>4} steps at most to an end"
        _print(f"{kind:<24}{counts}{longest}, {time.process_time() - began:.1f} s")
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
