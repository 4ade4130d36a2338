"""The model's Docker: the containers of one game, and what each call does to them."""

from functools import cache
from typing import NamedTuple

ENGINE, PARKED, ASIDE, AWAY = "engine", "parked", "aside", "away"
"""Names: the engine's, the two that only this operation gives, any other (one per container)."""

CREATED, RUNNING, STARTED, EXITED, DEAD, LEAVING = (
    "created",
    "running",
    "started by somebody",
    "exited",
    "dead",
    "being removed",
)
"""States. What somebody else started runs like any other, but is no start of ours."""

OLD, NEW, TWIN, OTHER = range(4)
"""The record's container, what the operation created, a second one, one of ours beside them."""

NONE = -1
"""No slot, no action."""

WORDS = ("the old one", "the new one", "a second new one", "another one of ours")
MADE = (NEW, TWIN)
RUNS = frozenset({RUNNING, STARTED})
UNUSABLE = frozenset({DEAD, LEAVING})


class Container(NamedTuple):
    """A container of ours."""

    name: str
    status: str


class World(NamedTuple):
    """All containers of the game, by slot, and whether a stranger holds the engine's name."""

    containers: tuple[Container | None, ...]
    stranger: bool = False

    def runs(self, slot: int) -> bool:
        """Tell whether the container in the slot runs."""
        found = self.containers[slot]
        return found is not None and found.status in RUNS

    def is_named(self, slot: int, name: str) -> bool:
        """Tell whether the container in the slot has the name."""
        found = self.containers[slot]
        return found is not None and found.name == name

    def takes(self, name: str) -> bool:
        """Tell whether somebody has the name. Away is no single name."""
        if name == AWAY:
            return False
        if name == ENGINE and self.stranger:
            return True
        return any(self.is_named(slot, name) for slot in range(len(self.containers)))

    def exited(self, slot: int) -> "World":
        """Return the world in which the engine in the slot has exited."""
        found = self.containers[slot]
        return self.with_(slot, found and found._replace(status=EXITED))

    def with_(self, slot: int, container: Container | None) -> "World":
        """Return the world with another container in the slot."""
        before, after = self.containers[:slot], self.containers[slot + 1 :]
        return World((*before, container, *after), self.stranger)


class Call(NamedTuple):
    """One call to Docker: by id, which is a slot, or by a name; `name` is the one to be given.

    A halt is a stop that Docker has accepted and is still at: no name fences it any more, and it is
    over as soon as the engine has exited.
    """

    verb: str
    slot: int = NONE
    address: str = ""
    name: str = ""


@cache
def target(world: World, call: Call) -> int | None:
    """Return the slot of the container that the call reaches, None when it reaches nothing."""
    if not call.address:
        return None if call.slot == NONE or world.containers[call.slot] is None else call.slot
    slots = range(len(world.containers))
    return next((slot for slot in slots if world.is_named(slot, call.address)), None)


@cache
def apply(world: World, call: Call, spared: int = NONE) -> World | None:
    """Return the world after the call by Docker's own rules, None when Docker refuses it.

    What is created does not go to the `spared` slot.
    """
    if call.verb == "create":
        return _create(world, spared)
    slot = target(world, call)
    if slot is None:
        return world if call.verb == "remove" else None
    return _change(world, call, slot)


def _create(world: World, spared: int) -> World | None:
    """Put a new container in the first free slot; the model has room for two."""
    free = (slot for slot in MADE if world.containers[slot] is None and slot != spared)
    slot = next(free, None)
    if slot is None or world.takes(ENGINE):
        return None
    return world.with_(slot, Container(ENGINE, CREATED))


def _change(world: World, call: Call, slot: int) -> World | None:
    found = world.containers[slot]
    if found is None:
        raise AssertionError(call)
    if call.verb == "start":
        return _start(world, slot, found)
    if call.verb == "rename":
        return None if world.takes(call.name) else world.with_(slot, found._replace(name=call.name))
    if call.verb == "remove":
        return None if world.runs(slot) else world.with_(slot, None)
    if call.verb not in {"stop", "halt"}:
        raise AssertionError(call)
    return world.exited(slot) if world.runs(slot) else world


def _start(world: World, slot: int, found: Container) -> World | None:
    if found.status in UNUSABLE:
        return None
    return world if found.status in RUNS else world.with_(slot, found._replace(status=RUNNING))
