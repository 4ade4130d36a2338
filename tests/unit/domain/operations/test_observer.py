"""What is seen of a game: who is who among its containers, and what leaves that unknown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import pytest

from rtmanager.domain.container import EngineContainer, container_name, parked_name
from rtmanager.domain.errors import DockerUnavailable
from rtmanager.domain.operation import Action, ActionName, Fence, Operation
from rtmanager.domain.operations.observation import Observation
from rtmanager.domain.operations.observer import Observer, OperationContext
from rtmanager.domain.ports.container_host import ContainerHost
from tests.builders import NOON, make_request
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.observed import held_lease
from tests.unit.domain.watch import labels_of, stray
from tests.unit.domain.world import GAME, World

FENCE = Fence(77)


class _NothingListed:
    """Docker with a list from before anything was created."""

    def __init__(self, host: ContainerHost) -> None:
        self.named, self.inspect = host.named, host.inspect

    async def containers_of(self, _: str) -> Sequence[EngineContainer]:
        return ()


def context_of(world: World) -> OperationContext:
    """Return what the first holder of an operation knows before its first look."""
    request = make_request(game_id=GAME)
    return OperationContext(
        operation=Operation(id=FENCE, request=request, started_at=NOON),
        record=world.record,
        lease=held_lease(),
    )


async def look(world: World) -> Observation:
    """Look once."""
    return await observer_of(world).observe(context_of(world))


def observer_of(world: World) -> Observer:
    """Return the eyes of the world's first process."""
    return world.manager.cases.operations.observer


async def test_containers_are_told_apart(running: World) -> None:
    """The record's, the operation's own, others of ours, and nobody else's."""
    current = running.engine
    running.docker.rename(current.id, parked_name(GAME, FENCE))
    new = stray(running, container_name(GAME), fence=FENCE)
    left = stray(running, "left-over", fence=3)
    running.docker.add_foreign("foreign")
    stray(running, "another-game", game="g2")

    seen = await look(running)

    assert seen.current is not None
    assert seen.new is not None
    assert (seen.current.id, seen.new.id) == (current.id, new.id)
    assert [each.id for each in seen.others] == [left.id]
    assert seen.stranger is None


@pytest.mark.parametrize(
    "labels", [{}, labels_of(GAME, installation="there"), labels_of("g2")], ids=str
)
async def test_whoever_has_the_name_and_is_not_ours_is_a_stranger(
    world: World, labels: dict[str, str]
) -> None:
    """Without our labels, of another installation, or labelled for another game."""
    stranger = world.docker.add_foreign(container_name(GAME), labels=labels)

    seen = await look(world)

    assert seen.stranger is not None
    assert seen.stranger.id == stranger.id
    assert seen.ours == ()


async def test_of_two_that_the_operation_made_the_one_in_use_is_its_own(world: World) -> None:
    """A create that came late made the other: running counts first, then the name."""
    named = stray(world, container_name(GAME), fence=FENCE)
    other = stray(world, "late", fence=FENCE)
    seen = await look(world)
    assert seen.new is not None
    assert seen.new.id == named.id
    world.docker.run(other)

    seen = await look(world)

    assert seen.new is not None
    assert seen.new.id == other.id
    assert [each.id for each in seen.others] == [named.id]


async def test_state_is_that_of_the_inspection_not_of_the_list(running: World) -> None:
    """Docker's list lags behind."""
    running.docker.lag = 60.0
    running.docker.crash(running.engine.id)

    seen = await look(running)

    assert seen.current is not None
    assert not seen.current.is_running


async def test_what_an_earlier_holder_acted_on_is_seen_although_neither_list_nor_name_shows_it(
    world: World,
) -> None:
    """It was started a moment ago, somebody renamed it, and Docker's list lags behind."""
    observer = observer_of(world)
    listed_before = replace(observer, host=cast("ContainerHost", _NothingListed(observer.host)))
    new = stray(world, "renamed-by-somebody", fence=FENCE)
    context = context_of(world)
    start = Action(ActionName.START, new.id)
    context.operation = context.operation.acting(start, at=NOON).taken_over()

    seen = await listed_before.observe(context)

    assert seen.new is not None
    assert seen.new.id == new.id


@pytest.mark.parametrize("call", ["host.containers_of", "host.named", "host.inspect"])
@pytest.mark.parametrize("fault", [unavailable, refusal])
async def test_look_that_fails_is_unknown(running: World, call: str, fault: object) -> None:
    """Refused or unanswered: nobody knows, and nothing is decided by it."""
    running.docker.rename(running.engine.id, "renamed")
    running.manager.on(call, fault())  # type: ignore[operator]

    with pytest.raises(DockerUnavailable):
        await look(running)


@pytest.mark.parametrize("fault", [unavailable, refusal])
async def test_first_look_of_a_rule_keeps_the_trouble(running: World, fault: object) -> None:
    """The rule decides whether it needs to know."""
    running.manager.on("host.inspect", fault())  # type: ignore[operator]

    current = await observer_of(running).current(running.record)

    with pytest.raises(DockerUnavailable):
        current.runs()


async def test_list_is_asked_once_per_holder(running: World) -> None:
    """It only finds ids; afterwards each known container is inspected."""
    context, observer = context_of(running), observer_of(running)
    running.manager.calls.clear()

    for _ in range(3):
        await observer.observe(context)

    assert running.manager.calls.count("host.containers_of") == 1
