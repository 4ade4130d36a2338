"""Every transition out of a state: the holder's, the answers, mishaps, late arrivals."""

from collections.abc import Iterator

from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations import kinds
from rtmanager.domain.operations.decision import Decision, TurnBack
from rtmanager.domain.operations.observation import Observation
from tests.exhaustive import subject
from tests.exhaustive.answers import Answers
from tests.exhaustive.checks import Breach, check_action, check_effect, check_late_effect
from tests.exhaustive.end_checks import check_end
from tests.exhaustive.intent import Intent, action_words, number_of
from tests.exhaustive.interference import interferences
from tests.exhaustive.setting import Setting
from tests.exhaustive.shown import IDS, operation_of
from tests.exhaustive.state import EMPTY, Ended, Hands, Move, State, gone_slot, in_world
from tests.exhaustive.world import (
    AWAY,
    ENGINE,
    EXITED,
    NONE,
    OTHER,
    RUNNING,
    STARTED,
    Call,
    Container,
    World,
    apply,
    target,
)


class Moves:
    """The transitions of one setting; decisions are asked once for each thing that they can see."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self._looks: dict[tuple[World, Hands], tuple[Observation, Hands]] = {}
        self._decisions: dict[tuple[World, Intent, Hands], tuple[Decision, Hands]] = {}

    def of(self, state: State, *, left: bool) -> Iterator[Move]:
        """Return every move, mishaps only while some are left.

        Raises Breach when one of them breaks a check.
        """
        yield from self._late(state)
        if state.intent is None:
            yield from _later_operation(state)
        elif state.sent == NONE:
            yield self._decide(state, state.intent)
        else:
            yield from Answers(self.setting, state, state.intent, left=left).all()
        if left and state.intent is not None:
            yield from self._mishaps(state, state.intent)

    def _mishaps(self, state: State, intent: Intent) -> Iterator[Move]:
        """Return what may go wrong while nobody waits for an answer, or beside that."""
        for mishap in interferences(state.world):
            yield Move(mishap.words, 1, in_world(state, mishap.world, disturbed=mishap.spoils))
        if state.sent != NONE:
            return
        gone = state._replace(hands=EMPTY, trouble=NONE)
        for lost in intent.lost_again():
            yield Move("the process dies", 1, gone._replace(intent=intent.orphaned(lost)))
        three = intent.orphaned(intent.lost_with(kinds.MOST_LOST))
        yield Move("three processes in a row die here", 1, gone._replace(intent=three))
        handed = gone._replace(intent=intent.handed_over())
        yield Move("it is handed over to the next holder", 1, handed)

    def _decide(self, state: State, intent: Intent) -> Move:
        """Look, decide and write ahead: nobody sees what is between."""
        decision, hands = self._decision(state, intent)
        state = state._replace(hands=hands)
        if isinstance(decision, Completion):
            return self._end(state, decision)
        if isinstance(decision, TurnBack):
            words = f"it is turned back: {decision.cause.message}"
            turned = intent.turned_back(intent.cause or decision.cause.code.value)
            return Move(words, 0, state._replace(intent=turned), good=True)
        if state.trouble != NONE and subject.is_handed_over(state.trouble, decision):
            handed = state._replace(hands=EMPTY, trouble=NONE)
            return Move("it cannot find out what came of it, and hands over", 0, handed, good=True)
        check_action(self.setting, state, decision)
        number = number_of(decision)
        sent = state._replace(intent=intent.acting(number), sent=number, trouble=NONE)
        return Move(f"it decides to {action_words(number)}", 0, sent, good=True)

    def _end(self, state: State, completion: Completion) -> Move:
        ended = check_end(self.setting, state, completion)
        removals = {Call("remove", slot=IDS.index(each)) for each in completion.leftovers}
        late = tuple(sorted({*_judged(state), *removals}))
        end = State(state.world, None, late=late, refused=state.refused, ended=ended)
        return Move(f"it ends: {completion.outcome}", 0, end, good=True)

    def _decision(self, state: State, intent: Intent) -> tuple[Decision, Hands]:
        key = (state.world, intent, state.hands)
        known = self._decisions.get(key)
        if known is None:
            seen, hands = self._look(state.world, state.hands)
            operation = operation_of(self.setting, intent)
            decision = kinds.decide(operation, seen)
            if isinstance(decision, TurnBack):
                _check_first_cause(operation, decision)
            known = self._decisions[key] = decision, hands
        return known

    def _look(self, world: World, hands: Hands) -> tuple[Observation, Hands]:
        """Look once for all hands that differ only in what no look depends on."""
        key = (world, Hands(gate=hands.gate, known=hands.known))
        looked = self._looks.get(key)
        if looked is None:
            looked = self._looks[key] = subject.look(self.setting, *key)
        seen, after = looked
        after = Hands(hands.image, hands.spec, after.gate, after.known)
        return subject.with_hands(seen, after), after

    def _late(self, state: State) -> Iterator[Move]:
        """Let each call arrive that somebody sent who is no longer there."""
        for call in dict.fromkeys(state.late):
            rest = list(state.late)
            rest.remove(call)
            after = apply(state.world, call, gone_slot(state))
            if after is not None:
                self._check_late(state, call, after)
            arrived = in_world(state._replace(late=tuple(rest)), after or state.world)
            yield Move(f"the late call arrives: {_call_words(call)}", 0, arrived)

    def _check_late(self, state: State, call: Call, after: World) -> None:
        try:
            check_effect(state.world, call, after, excused=state.refused)
        except Breach as breach:
            if state.ended is None:
                raise
            raise Breach(5, str(breach)) from breach
        if state.ended is not None:
            check_late_effect(state, call, state.ended, is_stop=self.setting.is_stop)


def _check_first_cause(operation: Operation, decision: TurnBack) -> None:
    first = operation.cause
    if first is not None and operation.turned_back(decision.cause).cause != first:
        raise Breach(7, "a second cause replaces the first")


def _judged(state: State) -> Iterator[Call]:
    """Return the late calls that are judged after the end.

    Not the start of a container that somebody else has started meanwhile: who would have thought
    that our own start was still to come? Not what Docker is still at, which goes by no name any
    more, when somebody interfered, the way back was refused, or the operation was given up.
    """
    lost = state.intent.lost if state.intent is not None else 0
    spoilt = state.disturbed or state.refused or lost >= 2 * kinds.MOST_LOST
    for call in state.late:
        slot = target(state.world, call)
        found = None if slot is None else state.world.containers[slot]
        is_started = call.verb == "start" and found is not None and found.status == STARTED
        if not is_started and not (call.verb == "halt" and spoilt):
            yield call


def _later_operation(state: State) -> Iterator[Move]:
    """While a call is still to come, another operation replaces what the record names."""
    ended, containers = state.ended, state.world.containers
    if len(state.late) != 1 or ended is None or ended.slot is None or containers[OTHER] is not None:
        return
    found = containers[ended.slot]
    replaced = state.world.with_(ended.slot, found and Container(AWAY, EXITED))
    if replaced.takes(ENGINE):
        return
    world = replaced.with_(OTHER, Container(ENGINE, RUNNING))
    later = state._replace(world=world, ended=Ended(success=True, slot=OTHER, status="running"))
    yield Move("a later operation parks the record's container and starts another", 0, later)


def _call_words(call: Call) -> str:
    about = call.address or ("" if call.slot == NONE else IDS[call.slot])
    return f"{call.verb} {about}{' as ' + call.name if call.name else ''}"
