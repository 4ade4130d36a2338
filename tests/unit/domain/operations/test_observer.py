"""Observing a game: the role of each of its containers, and what leaves it unknown."""

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
from tests.unit.domain.observed import held_lease, nothing_early
from tests.unit.domain.watch import labels_of, stray
from tests.unit.domain.world import GAME, World

FENCE = Fence(77)


class _NothingListed:
    """A Docker whose list is from before anything was created."""

    def __init__(self, host: ContainerHost) -> None:
        self.named, self.inspect = host.named, host.inspect

    async def containers_of(self, _: str) -> Sequence[EngineContainer]:
        return ()


def context_of(world: World) -> OperationContext:
    """Return the context of the first holder before its first observation."""
    request = make_request(game_id=GAME)
    return OperationContext(
        operation=Operation(id=FENCE, request=request, started_at=NOON),
        record=world.record,
        lease=held_lease(),
        early=nothing_early(),
    )


async def observe(world: World) -> Observation:
    """Observe once."""
    return await observer_of(world).observe(context_of(world))


def observer_of(world: World) -> Observer:
    """Return the observer of the world's first process."""
    return world.manager.cases.operations.answering.prepare_checks.observer


async def test_containers_are_distinguished(running: World) -> None:
    """The record's, the operation's own, and others of ours are distinguished from strangers'."""
    current = running.engine
    running.docker.rename(current.id, parked_name(GAME, FENCE))
    new = stray(running, container_name(GAME), fence=FENCE)
    left = stray(running, "left-over", fence=3)
    running.docker.add_foreign("foreign")
    stray(running, "another-game", game="g2")

    seen = await observe(running)

    assert seen.current is not None
    assert seen.new is not None
    assert (seen.current.id, seen.new.id) == (current.id, new.id)
    assert [each.id for each in seen.others] == [left.id]
    assert seen.stranger is None


@pytest.mark.parametrize(
    "labels", [{}, labels_of(GAME, installation="there"), labels_of("g2")], ids=str
)
async def test_holder_of_the_name_that_is_not_ours_is_a_stranger(
    world: World, labels: dict[str, str]
) -> None:
    """Strangers have no labels of ours, another installation's, or another game's."""
    stranger = world.docker.add_foreign(container_name(GAME), labels=labels)

    seen = await observe(world)

    assert seen.stranger is not None
    assert seen.stranger.id == stranger.id
    assert seen.ours == ()


async def test_of_two_that_the_operation_made_the_one_in_use_is_its_own(world: World) -> None:
    """If a late create made a second one, the running one counts, then the one with the name."""
    named = stray(world, container_name(GAME), fence=FENCE)
    other = stray(world, "late", fence=FENCE)
    seen = await observe(world)
    assert seen.new is not None
    assert seen.new.id == named.id
    world.docker.run(other)

    seen = await observe(world)

    assert seen.new is not None
    assert seen.new.id == other.id
    assert [each.id for each in seen.others] == [named.id]


async def test_state_is_that_of_the_inspection_not_of_the_list(running: World) -> None:
    """Docker's list may lag behind an inspection."""
    running.docker.lag = 60.0
    running.docker.crash(running.engine.id)

    seen = await observe(running)

    assert seen.current is not None
    assert not seen.current.is_running


async def test_container_of_an_earlier_action_is_found_without_list_or_name(
    world: World,
) -> None:
    """A container just started and then renamed is found although the list lags."""
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
async def test_observation_that_fails_is_unknown(running: World, call: str, fault: object) -> None:
    """A refused or unanswered call makes the observation unknown, and nothing is decided."""
    running.docker.rename(running.engine.id, "renamed")
    running.manager.on(call, fault())  # type: ignore[operator]

    with pytest.raises(DockerUnavailable):
        await observe(running)


@pytest.mark.parametrize("fault", [unavailable, refusal])
async def test_first_observation_of_a_rule_keeps_the_error(running: World, fault: object) -> None:
    """The rule decides whether it needs the observation."""
    running.manager.on("host.inspect", fault())  # type: ignore[operator]

    current = await observer_of(running).current(running.record)

    with pytest.raises(DockerUnavailable):
        current.runs()


async def test_list_is_asked_once_per_holder(running: World) -> None:
    """The list only finds ids; later each known container is inspected."""
    context, observer = context_of(running), observer_of(running)
    running.manager.calls.clear()

    for _ in range(3):
        await observer.observe(context)

    assert running.manager.calls.count("host.containers_of") == 1
