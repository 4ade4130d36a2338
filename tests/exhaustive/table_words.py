"""How the tables of docs/recovery.md tell what is done and how it ends."""

from collections.abc import Iterator

from tests.exhaustive.state import State
from tests.exhaustive.world import ENGINE, WORDS, Call, World, apply


def counted(names: list[str]) -> Iterator[str]:
    """Return the names, each that is repeated at once only once."""
    for at, name in enumerate(names):
        if at == 0 or names[at - 1] != name:
            again = next((n for n, each in enumerate(names[at:]) if each != name), len(names) - at)
            yield name if again == 1 else f"{name} ({again} times)"


def _tidied(end: State) -> World:
    """Return the world once what is superfluous has been removed, as the holder does at once."""
    world = end.world
    for call in end.late:
        if call.verb == "remove":
            world = apply(world, call) or world
    return world


def end_words(end: State) -> str:
    """Return the outcome, what Docker shows, and the record."""
    if end.ended is None:
        raise AssertionError
    outcome = "success" if end.ended.success else "failure"
    world, status = _tidied(end), end.ended.status
    found = [_container_words(world, slot) for slot in range(len(WORDS)) if world.containers[slot]]
    record = f"record {status}" if status else "no record"
    return f"**{outcome}**: {', '.join(found) or 'no container'}; {record}"


def _container_words(world: World, slot: int) -> str:
    found = world.containers[slot]
    if found is None:
        raise AssertionError(slot)
    name = "" if found.name == ENGINE else f" under its {found.name} name"
    return f"{('old', 'new', 'twin', 'other')[slot]} {found.status}{name}"


def effect(end: State, call: Call) -> str:
    """Return what a call changes that arrives after the end."""
    before = _tidied(end)
    after = apply(before, call)
    if after is None or after == before:
        return "nothing"
    changed = (
        slot for slot in range(len(WORDS)) if before.containers[slot] != after.containers[slot]
    )
    slot = next(changed)
    if after.containers[slot] is None:
        return f"removes {WORDS[slot]}"
    return _container_words(after, slot)
