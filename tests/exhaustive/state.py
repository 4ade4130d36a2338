"""One state of the model: Docker, the intent, its holder, and what is under way."""

from enum import Enum
from typing import NamedTuple

from tests.exhaustive.docker_model import NONE, OLD, PARKED, Call, DockerState
from tests.exhaustive.intent import Intent, slot_of

MAX_LATE = 2
"""The most calls of dead, frozen or timed-out holders that are under way at once."""


class Memory(NamedTuple):
    """What one holder of the operation knows in addition to what is saved; lost with the holder.

    `known` are the slots of the containers that it observes, None before its first observation.
    `gate` is a reading and the slot that it is of, NONE when that container is gone.
    """

    image: bool = False
    spec: bool = False
    gate: tuple[str, int] | None = None
    known: frozenset[int] | None = None


EMPTY = Memory()


class Ended(NamedTuple):
    """What a completion left behind: whether it was a success, and the record's slot and status."""

    success: bool
    slot: int | None
    status: str | None


class State(NamedTuple):
    """Everything that the future depends on.

    `sent` is the action that is written ahead and not answered, `unanswered` one whose answer the
    living holder did not get, `always_refused` one that is refused whenever it is tried. `late` are
    calls whose effect is still to come. `disturbed` and `refused` record, for the invariants alone,
    that somebody interfered, and that something was refused during the rollback.
    """

    docker: DockerState
    intent: Intent | None
    memory: Memory = EMPTY
    sent: int = NONE
    unanswered: int = NONE
    always_refused: int = NONE
    late: tuple[Call, ...] = ()
    disturbed: bool = False
    refused: bool = False
    ended: Ended | None = None


class Course(Enum):
    """How a transition comes about; NORMAL is the one that follows when nothing goes wrong."""

    NORMAL = "normal"
    POSSIBLE = "possible"
    FAULT = "fault"


class Transition(NamedTuple):
    """A transition: what happens, and the next state."""

    label: str
    state: State
    course: Course = Course.NORMAL


def with_docker(state: State, docker: DockerState, *, disturbed: bool = False) -> State:
    """Return the state with Docker changed, and without anything about a container that is gone."""
    if docker is state.docker:
        return state._replace(disturbed=True) if disturbed else state
    for slot, before in enumerate(state.docker.containers):
        if before is not None:
            state = _without(state, docker, slot)
    return state._replace(docker=docker, disturbed=state.disturbed or disturbed)


def _without(state: State, docker: DockerState, slot: int) -> State:
    """Return the state without anything that can no longer matter about one container."""
    if state.late and not docker.runs(slot):
        late = tuple(each for each in state.late if each != Call("halt", slot))
        state = state._replace(late=late)
    if docker.containers[slot] is not None:
        return state
    intent = state.intent
    return state._replace(
        intent=intent and intent.forgetting(slot),
        memory=_forgetting(state.memory, slot),
        unanswered=NONE if _acts_on(state.unanswered, slot) else state.unanswered,
        always_refused=NONE if _acts_on(state.always_refused, slot) else state.always_refused,
        late=tuple(each for each in state.late if not _is_about(each, slot)),
    )


def _acts_on(number: int, slot: int) -> bool:
    return number != NONE and slot_of(number) == slot


def _is_about(call: Call, slot: int) -> bool:
    """Return whether the call can reach nothing once this container is gone."""
    return call.slot == slot or (slot == OLD and call.address == PARKED)


def _forgetting(memory: Memory, slot: int) -> Memory:
    gate, known = memory.gate, memory.known
    if gate is not None and gate[1] == slot:
        gate = (gate[0], NONE)
    if known is not None and slot in known:
        known = known - {slot}
    return Memory(memory.image, memory.spec, gate, known)


def gone_slot(state: State) -> int:
    """Return the slot of the container that the action under way is about, if that is gone."""
    slot = None if state.sent == NONE else slot_of(state.sent)
    return NONE if slot is None or state.docker.containers[slot] is not None else slot


def without_gone(state: State, intent: Intent) -> Intent:
    """Return the intent after an answer, without anything about a container gone by then."""
    slot = gone_slot(state)
    return intent if slot == NONE else intent.forgetting(slot)
