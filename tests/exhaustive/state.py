"""One state of the walk: the world, the intent, its holder, and what is under way."""

from typing import NamedTuple

from tests.exhaustive.intent import Intent, slot_of
from tests.exhaustive.world import NONE, OLD, PARKED, Call, World

MOST_LATE = 2
"""So many calls of dead, frozen or timed-out holders may be under way at once."""


class Hands(NamedTuple):
    """What one holder of the operation knows beside what is saved; gone with the holder.

    `known` are the slots of the containers that it looks at, None before its first look. `gate` is
    a reading and the slot that it is of, NONE when that container is gone.
    """

    image: bool = False
    spec: bool = False
    gate: tuple[str, int] | None = None
    known: frozenset[int] | None = None


EMPTY = Hands()


class Ended(NamedTuple):
    """What a completion left behind: whether it was a success, and the record's slot and status."""

    success: bool
    slot: int | None
    status: str | None


class State(NamedTuple):
    """All that the future depends on.

    `sent` is the action that is written ahead and not answered, `trouble` one of which the holder
    got no answer while it lives on, `barred` one that is refused whenever it is tried. `late` are
    calls whose effect is still to come. `disturbed` and `refused` remember, for the checks alone,
    that somebody interfered, and that something was refused on the way back.
    """

    world: World
    intent: Intent | None
    hands: Hands = EMPTY
    sent: int = NONE
    trouble: int = NONE
    barred: int = NONE
    late: tuple[Call, ...] = ()
    disturbed: bool = False
    refused: bool = False
    ended: Ended | None = None


class Move(NamedTuple):
    """A transition: what happens, how many mishaps that is, and where it leads.

    `good` is the one that follows when nothing goes wrong from here on.
    """

    words: str
    mishaps: int
    state: State
    good: bool = False


def in_world(state: State, world: World, *, disturbed: bool = False) -> State:
    """Return the state in a changed world: what is about a container that is gone is forgotten."""
    if world is state.world:
        return state._replace(disturbed=True) if disturbed else state
    for slot, before in enumerate(state.world.containers):
        if before is not None:
            state = _without(state, world, slot)
    return state._replace(world=world, disturbed=state.disturbed or disturbed)


def _without(state: State, world: World, slot: int) -> State:
    """Return the state without what can never matter again of one container."""
    if state.late and not world.runs(slot):
        late = tuple(each for each in state.late if each != Call("halt", slot))
        state = state._replace(late=late)
    if world.containers[slot] is not None:
        return state
    intent = state.intent
    return state._replace(
        intent=intent and intent.forgetting(slot),
        hands=_forgetting(state.hands, slot),
        trouble=NONE if _acts_on(state.trouble, slot) else state.trouble,
        barred=NONE if _acts_on(state.barred, slot) else state.barred,
        late=tuple(each for each in state.late if not _is_about(each, slot)),
    )


def _acts_on(number: int, slot: int) -> bool:
    return number != NONE and slot_of(number) == slot


def _is_about(call: Call, slot: int) -> bool:
    """Tell whether the call can reach nothing any more once this container is gone."""
    return call.slot == slot or (slot == OLD and call.address == PARKED)


def _forgetting(hands: Hands, slot: int) -> Hands:
    gate, known = hands.gate, hands.known
    if gate is not None and gate[1] == slot:
        gate = (gate[0], NONE)
    if known is not None and slot in known:
        known = known - {slot}
    return Hands(hands.image, hands.spec, gate, known)


def gone_slot(state: State) -> int:
    """Return the slot of the container that the action under way is about, if that is gone."""
    slot = None if state.sent == NONE else slot_of(state.sent)
    return NONE if slot is None or state.world.containers[slot] is not None else slot


def without_gone(state: State, intent: Intent) -> Intent:
    """Return the intent after an answer, without what concerns a container that is gone by then."""
    slot = gone_slot(state)
    return intent if slot == NONE else intent.forgetting(slot)
