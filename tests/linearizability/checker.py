"""Is a history linearizable? The search of Wing and Gong with Lowe's just-in-time linearization.

A configuration is a state of the game and the pending operations that have taken effect in it. All
configurations that are possible are kept as a set, which is what memoises the search: two orders of
the same operations that lead to the same state are one. Calls and returns are processed in the
order of time. At a return the operation must have taken effect; only then are others linearized
before it, as far as that is needed. When no configuration is left, the history up to this return is
the shortest prefix that is not linearizable. Games are independent, so each is checked alone.

An operation of unknown outcome has no return: it stays pending, may take effect at any time or
never, until `is_decided_by` says that it no longer can.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from tests.linearizability.history import (
    CALL,
    Operation,
    by_game,
    contended_operations,
    events_of,
    is_decided_by,
)
from tests.linearizability.model import NEVER_STARTED, GameState, legal_steps

MAX_CONFIGURATIONS = 200_000
SHOWN = 12


class TooManyConfigurations(Exception):
    """So many orders are possible that the search gave up: nothing is known."""


class Configuration(NamedTuple):
    """A possible state, and which pending operations have led to it or will never take effect."""

    state: GameState
    done: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Violation:
    """A game's shortest prefix that has no linearization; its last return is of `operation`.

    `states` were possible just before, `pending` were without an answer by then.
    """

    operation: Operation
    prefix: Sequence[Operation]
    states: frozenset[GameState]
    pending: Sequence[Operation]

    def __str__(self) -> str:
        """Return a readable form."""
        others = len(self.prefix) - 1
        lines = [
            f"game {self.operation.game} is not linearizable: after {others} other operations",
            "this one has no linearization point at which its answer is right:",
            f"  {self.operation}",
            "possible states of the game before its return:",
            *sorted(f"  {each}" for each in self.states),
            "operations that were pending, each of which may have taken effect or not:",
            *(f"  {each}" for each in self.pending),
            f"the last {SHOWN} operations, in the order of their returns:",
            *(f"  {each}" for each in self._last()),
        ]
        return "\n".join(lines)

    def _last(self) -> Sequence[Operation]:
        return sorted(self.prefix, key=lambda each: each.returned_at)[-SHOWN:]


def violations(history: Iterable[Operation]) -> list[Violation]:
    """Return the violation of each game whose history is not linearizable."""
    found = (check_game(operations) for operations in by_game(history).values())
    return [each for each in found if each is not None]


def check_game(operations: Sequence[Operation]) -> Violation | None:
    """Return why the history of one game is not linearizable, or None if it is.

    Raises TooManyConfigurations.
    """
    search = Search(contended_operations(operations), _mentions(operations))
    for at, what, operation in events_of(operations):
        if what == CALL:
            search.call(operation)
        elif not operation.is_unknown and not search.has_returned(operation):
            called = [each for each in operations if each.called_at <= at]
            pending = [each for each in search.pending.values() if each is not operation]
            return Violation(operation, called, search.states, pending)
    return None


@dataclass
class Search:
    """The configurations that are possible after the events so far.

    `mentions` counts the answers yet to come that name a container: one that none will name need
    not be remembered as retired.
    """

    contended: set[int]
    mentions: Counter[str]
    pending: dict[int, Operation] = field(default_factory=dict)
    configurations: set[Configuration] = field(
        default_factory=lambda: {Configuration(NEVER_STARTED)}
    )

    @property
    def states(self) -> frozenset[GameState]:
        """The states that are possible."""
        return frozenset(each.state for each in self.configurations)

    def call(self, operation: Operation) -> None:
        """Process a call; a read that was not answered shows nothing."""
        if not (operation.is_read and operation.is_unknown):
            self.pending[operation.id] = operation

    def has_returned(self, operation: Operation) -> bool:
        """Process a return, before which the operation took effect; False if it cannot have."""
        reached = set(self._linearized(operation))
        if not reached:
            return False
        del self.pending[operation.id]
        self.mentions -= _mentions([operation])
        self.configurations = {
            Configuration(self._remembered(state), done - {operation.id}) for state, done in reached
        }
        self._drop_decided()
        return True

    def _linearized(self, operation: Operation) -> Iterator[Configuration]:
        """Return every configuration in which the operation is the last one that took effect."""
        met = {self._with_harmless(each) for each in self.configurations}
        to_do = list(met)
        while to_do:
            configuration = to_do.pop()
            if operation.id in configuration.done:
                yield configuration
                continue
            new = {self._with_harmless(each) for each in self._next(configuration)} - met
            met |= new
            to_do += new
            if len(met) > MAX_CONFIGURATIONS:
                raise TooManyConfigurations(str(operation))

    def _next(self, configuration: Configuration) -> Iterator[Configuration]:
        """Let each pending operation that can take effect do so."""
        for operation in self._waiting(configuration):
            yield from self._after(configuration, operation)

    def _with_harmless(self, configuration: Configuration) -> Configuration:
        """Let every operation take effect that changes nothing, here or at any later time.

        What can follow without it can follow with it too, so the other case is not kept. That is
        not so of a success that may be a replay here and a change later, such as a cleanup.
        """
        for operation in self._waiting(configuration):
            if not operation.changes_nothing:
                continue
            state, done = configuration
            harmless = Configuration(state, done | {operation.id})
            if harmless in self._after(configuration, operation):
                configuration = harmless
        return configuration

    def _waiting(self, configuration: Configuration) -> list[Operation]:
        done = configuration.done
        return [each for number, each in self.pending.items() if number not in done]

    def _after(self, configuration: Configuration, operation: Operation) -> Iterator[Configuration]:
        """Return what the operation can lead to when it takes effect here."""
        contended, done = operation.id in self.contended, configuration.done | {operation.id}
        for step in legal_steps(configuration.state, operation, contended=contended):
            decided = self._decided_by(operation) if step.admitted else frozenset()
            yield Configuration(step.state, done | decided)

    def _decided_by(self, operation: Operation) -> frozenset[int]:
        pending = self.pending.values()
        return frozenset(
            each.id for each in pending if each.is_unknown and is_decided_by(each, operation)
        )

    def _drop_decided(self) -> None:
        """Remove operations that can no longer take effect in any configuration."""
        in_all = frozenset.intersection(*(each.done for each in self.configurations))
        over = {number for number in in_all if self.pending[number].is_unknown}
        for number in over:
            del self.pending[number]
        if over:
            self.configurations = {
                Configuration(state, done - over) for state, done in self.configurations
            }

    def _remembered(self, state: GameState) -> GameState:
        """Forget the retired containers that no later answer will name."""
        remembered = frozenset(each for each in state.retired if each in self.mentions)
        return state if remembered == state.retired else replace(state, retired=remembered)


def _mentions(operations: Iterable[Operation]) -> Counter[str]:
    records = (each.response.record for each in operations if each.response)
    return Counter(each.container for each in records if each and each.container)
