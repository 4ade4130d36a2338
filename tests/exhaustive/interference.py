"""What others do to the containers of a game at any moment: people, tools, engines that exit."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from tests.exhaustive.world import (
    AWAY,
    ENGINE,
    LEAVING,
    MADE,
    RUNS,
    STARTED,
    UNUSABLE,
    WORDS,
    Container,
    World,
)


class Mishap(NamedTuple):
    """Something that others do; `spoils` unless it is the new engine's own exit."""

    words: str
    world: World
    spoils: bool = True


@cache
def interferences(world: World) -> tuple[Mishap, ...]:
    """Return all that others can do at one moment."""
    on_ours = (
        each
        for slot, container in enumerate(world.containers)
        if container is not None
        for each in _on(world, slot, container)
    )
    return (*on_ours, *_by_a_stranger(world))


def _by_a_stranger(world: World) -> Iterator[Mishap]:
    if world.stranger:
        yield Mishap("the stranger gives the name up", World(world.containers))
    elif not world.takes(ENGINE):
        yield Mishap("a stranger takes the engine's name", World(world.containers, stranger=True))


def _on(world: World, slot: int, found: Container) -> Iterator[Mishap]:
    """Return what others can do to one container."""
    who = WORDS[slot]
    yield from _to_its_state(world, slot, found, who)
    yield Mishap(f"somebody removes {who}", world.with_(slot, None))
    if found.status in UNUSABLE:
        return
    if found.name != AWAY:
        away = world.with_(slot, found._replace(name=AWAY))
        yield Mishap(f"somebody renames {who} away", away)
    if not world.takes(ENGINE):
        named = world.with_(slot, found._replace(name=ENGINE))
        yield Mishap(f"somebody gives {who} the engine's name", named)


def _to_its_state(world: World, slot: int, found: Container, who: str) -> Iterator[Mishap]:
    if found.status in RUNS:
        yield Mishap(f"{who} exits, or is stopped", world.exited(slot), slot not in MADE)
    elif found.status not in UNUSABLE:
        started = world.with_(slot, found._replace(status=STARTED))
        yield Mishap(f"somebody starts {who}", started)
    if found.status != LEAVING:
        leaving = world.with_(slot, found._replace(status=LEAVING))
        yield Mishap(f"somebody begins to remove {who}", leaving)
