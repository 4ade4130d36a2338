"""An operation as the model keeps it: only what a decision reads, so that it is finite."""

from collections.abc import Iterator
from typing import NamedTuple

from rtmanager.domain.operation import Action, ActionName, Cause, Operation, Phase
from rtmanager.domain.operations.decision import MAX_ATTEMPTS
from rtmanager.domain.operations.kinds import MAX_LOST
from rtmanager.domain.operations.rollback import MAX_TRIES
from tests.exhaustive.docker_model import OLD

FORWARD, BACK = Phase.FORWARD.value, Phase.BACK.value
MAX_COUNT = max(MAX_ATTEMPTS, MAX_TRIES)
"""No decision distinguishes more answers to an action than this."""

DOUBTED = frozenset({ActionName.START, ActionName.REMOVE})
"""The actions of which a decision asks whether they are in doubt; of removals only forward."""

SLOT_OF = {"old": 0, "new": 1, "twin": 2, "other": 3}

_numbers: dict[Action, int] = {}
ACTIONS: list[Action] = []
"""Actions by number: a small number is quick to compare, and all that a state holds."""


def number_of(action: Action) -> int:
    """Return the number of an action."""
    if action not in _numbers:
        _numbers[action] = len(ACTIONS)
        ACTIONS.append(action)
    return _numbers[action]


def slot_of(number: int) -> int | None:
    """Return the slot of the container that an action is about."""
    container_id = ACTIONS[number].container_id
    return None if container_id is None else SLOT_OF[container_id]


def describe_action(number: int) -> str:
    """Return an action as a path names it."""
    action = ACTIONS[number]
    about = f" {action.container_id}" if action.container_id else ""
    by = f" by the name {action.address}" if action.address else ""
    return f"{action.name.replace('_', ' ')}{about}{by}"


def is_halt(number: int) -> bool:
    """Return whether an action stops the container that the operation has parked."""
    return ACTIONS[number].name is ActionName.STOP and ACTIONS[number].address is not None


class Last(NamedTuple):
    """The last step, while more than its number matters: it was refused, or is not saved yet."""

    action: int
    refused: bool
    saved: bool


class Intent(NamedTuple):
    """An open operation, without anything that no decision reads.

    `cause` is the code of what rolled it back, `lost` the number of processes that died. `answered`
    counts the answers to each action in the present phase, `doubts` are the starts and removals of
    unknown outcome. `stops` are those that were not completed since they were in doubt, and
    whether their container was started since. During the rollback, `halted` says that the parked
    container was ever to be stopped.
    """

    phase: str = FORWARD
    cause: str = ""
    lost: int = 0
    answered: tuple[tuple[int, int], ...] = ()
    doubts: tuple[int, ...] = ()
    stops: tuple[tuple[int, bool], ...] = ()
    last: Last | None = None
    halted: bool = False

    def acting(self, action: int) -> "Intent":
        """Return the intent as it is saved with one more action in flight: the last is counted."""
        saved = self._saved(None)
        if self.phase == BACK and is_halt(action):
            saved = saved._replace(halted=True)
        if ACTIONS[action].name is not ActionName.START:
            return saved
        slot = slot_of(action)
        stops = {(stop, started or slot_of(stop) == slot) for stop, started in saved.stops}
        return saved._replace(stops=tuple(sorted(stops)))

    def acted(self, action: int, *, refused: bool) -> "Intent":
        """Return the intent with its action answered, which only its holder knows so far."""
        return self._replace(last=Last(action, refused, saved=False))

    def in_doubt(self, action: int, *, lost: int) -> "Intent":
        """Return the intent as the next holder finds it, with the action in flight unknown."""
        name, doubts, stops = ACTIONS[action].name, self.doubts, self.stops
        if name in DOUBTED and self.phase == FORWARD:
            doubts = tuple(sorted({*doubts, action}))
        if name is ActionName.STOP:
            others = (each for each in stops if each[0] != action)
            stops = tuple(sorted((*others, (action, False))))
        return self._replace(lost=lost, doubts=doubts, stops=stops, last=None)

    def handed_over(self) -> "Intent":
        """Return the intent as its holder saves it between two steps, for the next one."""
        last = self.last
        return self._saved(last._replace(saved=True) if last and last.refused else None)

    def orphaned(self, lost: int) -> "Intent":
        """Return the intent after its holder died between two steps: what was not saved is lost."""
        if self.last is not None and not self.last.saved:
            return self.in_doubt(self.last.action, lost=lost)
        return self._replace(lost=lost)

    def rolled_back(self, cause: str) -> "Intent":
        """Return the intent in its rollback, where few decisions ask for what came before."""
        saved = self._saved(None)
        sent = (each for each, _ in (*saved.answered, *saved.stops))
        halted = any(is_halt(each) for each in sent)
        starts = tuple(each for each in saved.doubts if ACTIONS[each].name is ActionName.START)
        return Intent(BACK, cause, self.lost, doubts=starts, stops=saved.stops, halted=halted)

    def forgetting(self, slot: int) -> "Intent":
        """Return the intent without a container that is gone for good: its id is never reused."""
        answered = tuple(each for each in self.answered if slot_of(each[0]) != slot)
        doubts = tuple(each for each in self.doubts if slot_of(each) != slot)
        stops = tuple(each for each in self.stops if slot_of(each[0]) != slot)
        last = self.last
        if last is not None and slot_of(last.action) == slot:
            last = None
        halted = self.halted and slot != OLD
        return Intent(
            self.phase, self.cause, self.lost, answered, doubts, stops, last, halted=halted
        )

    def lost_again(self) -> Iterator[int]:
        """Return the number of lost processes with one more: from 1 again after progress.

        Both are returned, with and without progress: the journal counts one of them.
        """
        yield from sorted({1, self.lost_with(1)})

    def lost_with(self, more: int) -> int:
        """Return the number of lost processes with some more, as far as a decision counts."""
        return min(self.lost + more, 2 * MAX_LOST)

    def _saved(self, last: Last | None) -> "Intent":
        """Return the intent with its last step counted like the others."""
        answered, stops, before = self.answered, self.stops, self.last
        if before is not None and not before.saved:
            counts = dict(answered)
            counts[before.action] = min(MAX_COUNT, counts.get(before.action, 0) + 1)
            answered = tuple(sorted(counts.items()))
            if not before.refused:
                stops = tuple(each for each in stops if each[0] != before.action)
        return self._replace(answered=answered, stops=stops, last=last)


def _is_first_start(action: Action) -> bool:
    return action.name is ActionName.START and action.address is None


class KeptOperation(Operation):
    """The real operation, which raises an error for anything that the model does not keep."""

    __slots__ = ()

    def refusal(self, action: Action) -> Cause | None:
        """Return the refusal; during the rollback none is kept."""
        if self.phase is Phase.BACK:
            raise AssertionError(
                "a decision during the rollback reads a refusal: keep it in Intent"
            )
        return super().refusal(action)

    def is_in_doubt(self, action: Action) -> bool:
        """Answer for starts and removals, during the rollback for first starts only."""
        is_kept = action.name in DOUBTED if self.phase is Phase.FORWARD else _is_first_start(action)
        if not is_kept:
            raise AssertionError("a decision reads a doubt that is not kept in Intent")
        return super().is_in_doubt(action)

    def was_sent(self, action: Action) -> bool:
        """Answer during the rollback whether the parked container was ever to be stopped."""
        if self.phase is Phase.FORWARD or not is_halt(number_of(action)):
            raise AssertionError("a decision asks for an action sent that is not kept in Intent")
        return super().was_sent(action)
