"""Every transition out of a state: by the holder, an answer, a fault, or a late call."""

from collections.abc import Iterator

from rtmanager.domain.completion import Completion
from rtmanager.domain.operation import Operation
from rtmanager.domain.operations import kinds
from rtmanager.domain.operations.decision import Decision, RollBack
from rtmanager.domain.operations.observation import Observation
from tests.exhaustive import code_under_test as code
from tests.exhaustive.answers import Answers
from tests.exhaustive.concrete_values import IDS, operation_of
from tests.exhaustive.docker_model import (
    AWAY,
    ENGINE,
    EXITED,
    NONE,
    OTHER,
    RUNNING,
    STARTED,
    Call,
    Container,
    DockerState,
    apply,
    interferences,
    target,
)
from tests.exhaustive.intent import Intent, describe_action, number_of
from tests.exhaustive.invariants import (
    Violation,
    check_action,
    check_effect,
    check_end,
    check_late_effect,
)
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.state import (
    EMPTY,
    Course,
    Ended,
    Memory,
    State,
    Transition,
    gone_slot,
    with_docker,
)

FAULT, POSSIBLE = Course.FAULT, Course.POSSIBLE


class TransitionSystem:
    """The transitions of one scenario; each decision is made once per observation."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._observations: dict[tuple[DockerState, Memory], tuple[Observation, Memory]] = {}
        self._decisions: dict[tuple[DockerState, Intent, Memory], tuple[Decision, Memory]] = {}

    def transitions(self, state: State, *, faults_left: bool) -> Iterator[Transition]:
        """Return every transition from a state, faults only while some are left.

        Raises Violation when one of them violates an invariant.
        """
        yield from self._late(state)
        if state.intent is None:
            yield from _later_operation(state)
        elif state.sent == NONE:
            yield self._decide(state, state.intent)
        else:
            yield from Answers(self.scenario, state, state.intent, faults_left=faults_left).all()
        if faults_left and state.intent is not None:
            yield from self._faults(state, state.intent)

    def _faults(self, state: State, intent: Intent) -> Iterator[Transition]:
        """Return the faults that need no action under way, and what others may do at any moment."""
        for fault in interferences(state.docker):
            after = with_docker(state, fault.docker, disturbed=fault.disturbs)
            yield Transition(fault.label, after, FAULT)
        if state.sent != NONE:
            return
        gone = state._replace(memory=EMPTY, unanswered=NONE)
        for lost in intent.lost_again():
            dead = gone._replace(intent=intent.orphaned(lost))
            yield Transition("the process dies", dead, FAULT)
        three = intent.orphaned(intent.lost_with(kinds.MAX_LOST))
        yield Transition("three processes in a row die here", gone._replace(intent=three), FAULT)
        handed = gone._replace(intent=intent.handed_over())
        yield Transition("it is handed over to the next holder", handed, FAULT)

    def _decide(self, state: State, intent: Intent) -> Transition:
        """Observe, decide and write ahead, in one step: nothing can happen in between."""
        decision, memory = self._decision(state, intent)
        state = state._replace(memory=memory)
        if isinstance(decision, Completion):
            return self._end(state, decision)
        if isinstance(decision, RollBack):
            label = f"it is rolled back: {decision.cause.message}"
            turned = intent.rolled_back(intent.cause or decision.cause.code.value)
            return Transition(label, state._replace(intent=turned))
        if state.unanswered != NONE and code.must_hand_over(state.unanswered, decision):
            handed = state._replace(memory=EMPTY, unanswered=NONE)
            return Transition("it cannot observe the effect, and hands over", handed)
        check_action(self.scenario, state, decision)
        number = number_of(decision)
        sent = state._replace(intent=intent.acting(number), sent=number, unanswered=NONE)
        return Transition(f"it decides to {describe_action(number)}", sent)

    def _end(self, state: State, completion: Completion) -> Transition:
        ended = check_end(self.scenario, state, completion)
        removals = {Call("remove", slot=IDS.index(each)) for each in completion.leftovers}
        late = tuple(sorted({*_checked_late(state), *removals}))
        end = State(state.docker, None, late=late, refused=state.refused, ended=ended)
        return Transition(f"it ends: {completion.outcome}", end)

    def _decision(self, state: State, intent: Intent) -> tuple[Decision, Memory]:
        key = (state.docker, intent, state.memory)
        known = self._decisions.get(key)
        if known is None:
            seen, memory = self._observe(state.docker, state.memory)
            operation = operation_of(self.scenario, intent)
            decision = kinds.decide(operation, seen)
            if isinstance(decision, RollBack):
                _check_first_cause(operation, decision)
            known = self._decisions[key] = decision, memory
        return known

    def _observe(self, docker: DockerState, memory: Memory) -> tuple[Observation, Memory]:
        """Observe once for all memories that do not differ in what affects an observation."""
        key = (docker, Memory(gate=memory.gate, known=memory.known))
        observed = self._observations.get(key)
        if observed is None:
            observed = self._observations[key] = code.observe(self.scenario, *key)
        seen, after = observed
        after = Memory(memory.image, memory.spec, after.gate, after.known)
        return code.with_memory(seen, after), after

    def _late(self, state: State) -> Iterator[Transition]:
        """Return the arrival of each call whose sender no longer waits for it."""
        for call in dict.fromkeys(state.late):
            rest = list(state.late)
            rest.remove(call)
            after = apply(state.docker, call, gone_slot(state))
            if after is not None:
                self._check_late(state, call, after)
            arrived = with_docker(state._replace(late=tuple(rest)), after or state.docker)
            yield Transition(f"the late call arrives: {_describe_call(call)}", arrived, POSSIBLE)

    def _check_late(self, state: State, call: Call, after: DockerState) -> None:
        try:
            check_effect(state.docker, call, after, excused=state.refused)
        except Violation as violation:
            if state.ended is None:
                raise
            raise Violation(5, str(violation)) from violation
        if state.ended is not None:
            check_late_effect(state, call, state.ended, is_stop=self.scenario.is_stop)


def _check_first_cause(operation: Operation, decision: RollBack) -> None:
    first = operation.cause
    if first is not None and operation.rolled_back(decision.cause).cause != first:
        raise Violation(7, "a second cause replaces the first")


def _checked_late(state: State) -> Iterator[Call]:
    """Return the late calls that are checked after the end.

    Not the start of a container that somebody else has started meanwhile: no decision could know
    that our own start was still to come. Not a stop that Docker has not finished, which no name
    fences, when somebody interfered, the rollback was refused, or the operation was given up.
    """
    lost = state.intent.lost if state.intent is not None else 0
    is_excused = state.disturbed or state.refused or lost >= 2 * kinds.MAX_LOST
    for call in state.late:
        slot = target(state.docker, call)
        found = None if slot is None else state.docker.containers[slot]
        is_started = call.verb == "start" and found is not None and found.status == STARTED
        if not is_started and not (call.verb == "halt" and is_excused):
            yield call


def _later_operation(state: State) -> Iterator[Transition]:
    """Return how another operation replaces the record's container before a late call arrives."""
    ended, containers = state.ended, state.docker.containers
    if len(state.late) != 1 or ended is None or ended.slot is None or containers[OTHER] is not None:
        return
    found = containers[ended.slot]
    replaced = state.docker.with_(ended.slot, found and Container(AWAY, EXITED))
    if replaced.takes(ENGINE):
        return
    docker = replaced.with_(OTHER, Container(ENGINE, RUNNING))
    later = state._replace(docker=docker, ended=Ended(success=True, slot=OTHER, status="running"))
    label = "a later operation parks the record's container and starts another"
    yield Transition(label, later, POSSIBLE)


def _describe_call(call: Call) -> str:
    about = call.address or ("" if call.slot == NONE else IDS[call.slot])
    return f"{call.verb} {about}{' as ' + call.name if call.name else ''}"
