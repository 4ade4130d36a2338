"""The model of Docker: a game's containers, the effect of each call, and what others do to them."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

ENGINE, PARKED, ASIDE, AWAY = "engine", "parked", "aside", "away"
"""Names: the engine's, the two that only this operation gives, any other (one per container)."""

CREATED, RUNNING, STARTED, EXITED, LOST, DEAD, REMOVING = (
    "created",
    "running",
    "started by somebody",
    "exited",
    "lost with its node",
    "dead",
    "being removed",
)
"""States. A container that somebody else started runs like any other, but is no start of ours.

Only the old one is lost with its node: of any other an operation makes no difference to an exit.
While its node is down an engine runs, and what is asked of it is not answered.
"""

OLD, NEW, TWIN, OTHER = range(4)
"""The record's container, what the operation created, a second one, another one of ours."""

NONE = -1
"""No slot, no action."""

SLOT_NAMES = ("the old one", "the new one", "a second new one", "another one of ours")
MADE = (NEW, TWIN)
RUNS = frozenset({RUNNING, STARTED})
UNUSABLE = frozenset({DEAD, REMOVING})


class Container(NamedTuple):
    """A container of ours."""

    name: str
    status: str


class DockerState(NamedTuple):
    """All containers of the game, by slot, and whether a stranger holds the engine's name."""

    containers: tuple[Container | None, ...]
    stranger: bool = False

    def runs(self, slot: int) -> bool:
        """Return whether the container in the slot runs."""
        found = self.containers[slot]
        return found is not None and found.status in RUNS

    def is_named(self, slot: int, name: str) -> bool:
        """Return whether the container in the slot has the name."""
        found = self.containers[slot]
        return found is not None and found.name == name

    def takes(self, name: str) -> bool:
        """Return whether somebody has the name. Away is no single name."""
        if name == AWAY:
            return False
        if name == ENGINE and self.stranger:
            return True
        return any(self.is_named(slot, name) for slot in range(len(self.containers)))

    def exited(self, slot: int) -> "DockerState":
        """Return the state after the engine in the slot has exited."""
        found = self.containers[slot]
        return self.with_(slot, found and found._replace(status=EXITED))

    def with_(self, slot: int, container: Container | None) -> "DockerState":
        """Return the state with another container in the slot."""
        before, after = self.containers[:slot], self.containers[slot + 1 :]
        return DockerState((*before, container, *after), self.stranger)


class Call(NamedTuple):
    """One call to Docker: by id, which is a slot, or by a name; `name` is the one to be given.

    A halt is a stop that Docker has accepted and not finished: no name fences it any more, and it
    is over as soon as the engine has exited.
    """

    verb: str
    slot: int = NONE
    address: str = ""
    name: str = ""


@cache
def target(docker: DockerState, call: Call) -> int | None:
    """Return the slot of the container that the call reaches, None when it reaches nothing."""
    if not call.address:
        return None if call.slot == NONE or docker.containers[call.slot] is None else call.slot
    slots = range(len(docker.containers))
    return next((slot for slot in slots if docker.is_named(slot, call.address)), None)


@cache
def apply(docker: DockerState, call: Call, reserved: int = NONE) -> DockerState | None:
    """Return the state after the call by Docker's own rules, None when Docker refuses it.

    A new container does not go to the `reserved` slot.
    """
    if call.verb == "create":
        return _create(docker, reserved)
    slot = target(docker, call)
    if slot is None:
        return docker if call.verb == "remove" else None
    return _change(docker, call, slot)


def _create(docker: DockerState, reserved: int) -> DockerState | None:
    """Put a new container in the first free slot; the model has room for two."""
    free = (slot for slot in MADE if docker.containers[slot] is None and slot != reserved)
    slot = next(free, None)
    if slot is None or docker.takes(ENGINE):
        return None
    return docker.with_(slot, Container(ENGINE, CREATED))


def _change(docker: DockerState, call: Call, slot: int) -> DockerState | None:
    found = docker.containers[slot]
    if found is None:
        raise AssertionError(call)
    if call.verb == "start":
        return _start(docker, slot, found)
    if call.verb == "rename":
        return (
            None if docker.takes(call.name) else docker.with_(slot, found._replace(name=call.name))
        )
    if call.verb == "remove":
        return None if docker.runs(slot) else docker.with_(slot, None)
    if call.verb not in {"stop", "halt"}:
        raise AssertionError(call)
    return docker.exited(slot) if docker.runs(slot) else docker


def _start(docker: DockerState, slot: int, found: Container) -> DockerState | None:
    if found.status in UNUSABLE:
        return None
    return docker if found.status in RUNS else docker.with_(slot, found._replace(status=RUNNING))


class Fault(NamedTuple):
    """An action of people, tools or an engine; any but the exit of the new engine `disturbs`."""

    label: str
    docker: DockerState
    disturbs: bool = True


@cache
def interferences(docker: DockerState) -> tuple[Fault, ...]:
    """Return all that others can do at one moment."""
    on_ours = (
        each
        for slot, container in enumerate(docker.containers)
        if container is not None
        for each in _on_container(docker, slot, container)
    )
    return (*on_ours, *_by_stranger(docker))


def _by_stranger(docker: DockerState) -> Iterator[Fault]:
    if docker.stranger:
        yield Fault("the stranger gives the name up", DockerState(docker.containers))
    elif not docker.takes(ENGINE):
        yield Fault(
            "a stranger takes the engine's name", DockerState(docker.containers, stranger=True)
        )


def _on_container(docker: DockerState, slot: int, found: Container) -> Iterator[Fault]:
    """Return what others can do to one container."""
    who = SLOT_NAMES[slot]
    yield from _to_its_state(docker, slot, found, who)
    yield Fault(f"somebody removes {who}", docker.with_(slot, None))
    if found.status in UNUSABLE:
        return
    if found.name != AWAY:
        away = docker.with_(slot, found._replace(name=AWAY))
        yield Fault(f"somebody renames {who} away", away)
    if not docker.takes(ENGINE):
        named = docker.with_(slot, found._replace(name=ENGINE))
        yield Fault(f"somebody gives {who} the engine's name", named)


def _to_its_state(docker: DockerState, slot: int, found: Container, who: str) -> Iterator[Fault]:
    if found.status in RUNS:
        yield Fault(f"{who} exits, or is stopped", docker.exited(slot), slot not in MADE)
        if slot == OLD:
            lost = docker.with_(slot, found._replace(status=LOST))
            yield Fault(f"{who} is lost with its node", lost)
    elif found.status not in UNUSABLE:
        started = docker.with_(slot, found._replace(status=STARTED))
        yield Fault(f"somebody starts {who}", started)
    if found.status != REMOVING:
        removing = docker.with_(slot, found._replace(status=REMOVING))
        yield Fault(f"somebody begins to remove {who}", removing)
