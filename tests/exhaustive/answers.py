"""The outcomes of the action under way: every answer, and every way to get none."""

from collections.abc import Iterator

from rtmanager.domain.operation import ActionName
from tests.exhaustive import code_under_test as code
from tests.exhaustive.concrete_values import EXIT_READ, FAILED, HEALTHY, SILENT
from tests.exhaustive.docker_model import (
    MADE,
    NONE,
    STARTED,
    Call,
    DockerState,
    apply,
    target,
)
from tests.exhaustive.intent import ACTIONS, BACK, Intent, describe_action, slot_of
from tests.exhaustive.invariants import check_effect
from tests.exhaustive.scenarios import Scenario
from tests.exhaustive.state import (
    EMPTY,
    MAX_LATE,
    Course,
    Memory,
    State,
    Transition,
    gone_slot,
    with_docker,
    without_gone,
)

NORMAL, POSSIBLE, FAULT = Course


class Answers:
    """The answers to the action that is under way in one state; faults only while some are left."""

    def __init__(
        self, scenario: Scenario, state: State, intent: Intent, *, faults_left: bool
    ) -> None:
        self.scenario, self.state, self.intent = scenario, state, intent
        self.faults_left = faults_left
        self.action = ACTIONS[state.sent]

    def all(self) -> Iterator[Transition]:
        """Return every transition; raises Violation when a call of ours has a forbidden effect."""
        if self.state.sent == self.state.always_refused:
            yield self._refused(self.state.docker, "is refused again", NORMAL)
        elif self.action.name in code.LOCAL:
            yield from self._obtained()
        elif self.action.name is ActionName.WATCH_GATE:
            yield from self._readings()
        else:
            yield from self._called()

    def _obtained(self) -> Iterator[Transition]:
        """Return how the holder obtains what it alone remembers: an image, a state directory."""
        memory, docker = self.state.memory, self.state.docker
        is_image = self.action.name is ActionName.OBTAIN_IMAGE
        has = memory._replace(image=True) if is_image else memory._replace(spec=True)
        yield self._answered(docker, has, "is done")
        if self.faults_left:
            yield from self._refusals(docker)
            yield from self._unknown(docker, "")

    def _readings(self) -> Iterator[Transition]:
        """Return the readings of the gate: healthy, silent, failed, or the engine exits."""
        slot, docker = slot_of(self.state.sent), self.state.docker
        if slot is None:
            raise AssertionError(self.action)
        found = docker.containers[slot]
        if found is None or not docker.runs(slot):
            yield self._read(docker, EXIT_READ, slot)
        else:
            yield self._read(docker, HEALTHY, slot)
            yield from self._other_readings(docker, slot, found.status)
        if self.faults_left:
            yield from self._refusals(docker)
            yield from self._unknown(docker, "")

    def _other_readings(self, docker: DockerState, slot: int, status: str) -> Iterator[Transition]:
        is_strict = code.must_answer(self.scenario, self.state.sent)
        if not is_strict:
            yield self._read(docker, SILENT, slot, POSSIBLE)
        elif self.faults_left:
            yield self._read(docker, FAILED, slot, FAULT)
        if status == STARTED:  # it may have exited before
            yield self._read(docker, EXIT_READ, slot, POSSIBLE)
        if self.faults_left:
            yield self._read(docker.exited(slot), EXIT_READ, slot, FAULT)

    def _read(
        self, docker: DockerState, reading: str, slot: int, course: Course = NORMAL
    ) -> Transition:
        is_there = self.state.docker.containers[slot] is not None
        memory = self.state.memory._replace(gate=(reading, slot if is_there else NONE))
        return self._answered(docker, memory, f"shows {reading}", course)

    def _called(self) -> Iterator[Transition]:
        """Return what Docker does with the call, or that Docker refuses it by its own rules."""
        before = self.state.docker
        call = code.performed(self.scenario, self.state.sent, refused=False).call
        if call is None:
            raise AssertionError(self.action)
        after = apply(before, call, gone_slot(self.state))
        if after is None:
            yield self._refused(before, "is refused by Docker's rules", NORMAL)
        else:
            check_effect(before, call, after, excused=self.state.refused)
            memory = self._memory_after(after, refused=False)
            yield self._answered(after, memory, "is done")
        if self.faults_left:
            yield from self._faults(call, after)

    def _faults(self, call: Call, after: DockerState | None) -> Iterator[Transition]:
        before = self.state.docker
        if after is not None:
            yield from self._refusals(before)
            if after != before:
                yield self._refused(after, "is refused although it happened")
                yield from self._unknown(after, " after it happened")
            yield from self._exits_at_once(call, after)
        yield from self._unknown(before, " before it happened")
        for label, still in self._still_to_come(call):
            yield from self._unknown(before, label, still)

    def _exits_at_once(self, call: Call, after: DockerState) -> Iterator[Transition]:
        slot = target(self.state.docker, call)
        if call.verb != "start" or slot is None:
            return
        memory = self._memory_after(after, refused=False)
        label = "is done, and the engine exits at once"
        transition = self._answered(after.exited(slot), memory, label, FAULT)
        disturbed = transition.state.disturbed or slot not in MADE
        yield transition._replace(state=transition.state._replace(disturbed=disturbed))

    def _still_to_come(self, call: Call) -> Iterator[tuple[str, Call]]:
        """Return how the call may continue without the holder that sent it."""
        if len(self.state.late) == MAX_LATE or gone_slot(self.state) != NONE:
            return
        yield ", the call is still to come", call
        slot = target(self.state.docker, call)
        if call.verb == "stop" and slot is not None and self.state.docker.runs(slot):
            yield ", Docker has not finished it", Call("halt", slot)

    def _answered(
        self, docker: DockerState, memory: Memory, label: str, course: Course = NORMAL
    ) -> Transition:
        intent = self.intent.acted(self.state.sent, refused=False)
        return self._transition(docker, intent, memory, label, course)

    def _refused(self, docker: DockerState, label: str, course: Course = FAULT) -> Transition:
        intent = self.intent.acted(self.state.sent, refused=True)
        memory = self._memory_after(self.state.docker, refused=True)
        transition = self._transition(docker, intent, memory, label, course)
        refused = transition.state.refused or intent.phase == BACK
        return transition._replace(state=transition.state._replace(refused=refused))

    def _refusals(self, docker: DockerState) -> Iterator[Transition]:
        """Return the refusal of this one attempt, and of all later ones."""
        yield self._refused(docker, "is refused")
        if gone_slot(self.state) == NONE:
            transition = self._refused(docker, "is refused from now on")
            yield transition._replace(
                state=transition.state._replace(always_refused=self.state.sent)
            )

    def _unknown(
        self, docker: DockerState, label: str, still: Call | None = None
    ) -> Iterator[Transition]:
        """Return what follows a lost answer: the holder observes, hands over, or dies."""
        number, intent = self.state.sent, self.intent
        memory = self._memory_after(self.state.docker, refused=True)
        unknown = intent.in_doubt(number, lost=intent.lost)
        yield self._transition(
            docker, unknown, memory, f"is not answered{label}", unanswered=number, still=still
        )
        yield self._transition(docker, unknown, EMPTY, f"is handed over{label}", still=still)
        for lost in intent.lost_again():
            dead = intent.in_doubt(number, lost=lost)
            yield self._transition(
                docker, dead, EMPTY, f"is left by a dying process{label}", still=still
            )

    def _transition(  # noqa: PLR0913 - one argument for each thing that an answer may change
        self,
        docker: DockerState,
        intent: Intent,
        memory: Memory,
        label: str,
        course: Course = FAULT,
        *,
        unanswered: int = NONE,
        still: Call | None = None,
    ) -> Transition:
        state = self.state
        late = state.late if still is None else tuple(sorted((*state.late, still)))
        kept = without_gone(state, intent)
        unanswered = NONE if gone_slot(state) != NONE else unanswered
        after = state._replace(
            intent=kept, memory=memory, sent=NONE, unanswered=unanswered, late=late
        )
        full_label = f"{describe_action(state.sent)} {label}"
        return Transition(full_label, with_docker(after, docker), course)

    def _memory_after(self, after: DockerState, *, refused: bool) -> Memory:
        """Return what the real executor remembers after the action."""
        memory, number = self.state.memory, self.state.sent
        if self.action.name in code.LOCAL:
            return memory
        if self.action.name is ActionName.WATCH_GATE:
            return memory._replace(gate=None)
        done = code.performed(self.scenario, number, refused=refused)
        known = memory.known or frozenset()
        if done.knows_made:
            known = known | {slot for slot in MADE if _is_new(self.state.docker, after, slot)}
        gate = memory.gate if done.keeps_reading else None
        return Memory(memory.image, memory.spec, gate, known)


def _is_new(before: DockerState, after: DockerState, slot: int) -> bool:
    return before.containers[slot] is None and after.containers[slot] is not None
