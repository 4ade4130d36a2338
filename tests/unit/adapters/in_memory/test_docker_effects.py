"""Calls to the in-memory Docker can be slow, refused, lost or late, as on a real one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_effects import (
    LOSE_CALL,
    LOSE_REPLY,
    NORMAL,
    REFUSE_AFTER,
    REFUSE_BEFORE,
    Fate,
    late,
)
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ContainerNameInUse,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    ImagePullFailed,
)
from tests.unit.adapters.in_memory.slow_docker import SteppingClock, add, catch_up, under_way

REFERENCE = ImageRef.parse("galaxy/game:1.4.7")
DEAF = ImageBehaviour(ignores_sigterm=True)


def fated(docker: InMemoryDocker, fate: Fate) -> list[tuple[str, str]]:
    """Give every call this fate; return the list of calls made."""
    calls: list[tuple[str, str]] = []

    def fate_of(call: str, container: str) -> Fate:
        calls.append((call, container))
        return fate

    docker.fate_of = fate_of
    return calls


@pytest.mark.parametrize("call", ["create", "start", "remove", "pull"])
async def test_a_call_may_take_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, call: str
) -> None:
    """Effect and answer come at the end of a slow call."""
    docker.durations[call] = 5.0
    act, has_happened = _calls(docker, host)[call]
    caller = await under_way(act())
    clock.advance(4.9)
    await catch_up()
    assert (has_happened(), caller.done()) == (False, False)

    clock.advance(0.1)
    await caller

    assert has_happened()


@pytest.mark.parametrize("call", ["create", "start", "remove", "pull"])
async def test_a_slow_call_happens_although_its_caller_has_gone(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, call: str
) -> None:
    """Docker completes a call whose caller has gone."""
    docker.durations[call] = 5.0
    act, has_happened = _calls(docker, host)[call]
    caller = await under_way(act())
    caller.cancel()
    await asyncio.wait([caller])

    clock.advance(5.0)
    docker.catch_up()

    assert has_happened()


def _calls(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> dict[str, tuple[Callable[[], Awaitable[object]], Callable[[], bool]]]:
    """Return, for each call, how to make it and how to check its effect."""
    made = add(docker, "made")
    docker.add_image("galaxy/game:1.4.8")
    image = docker.find_image("galaxy/game:1.4.8")
    assert image is not None
    docker.add_image(REFERENCE.text, in_registry=True)
    spec = replace(made.spec, name="new", image=image.id)
    return {
        "create": (lambda: host.create(spec), lambda: docker.holder_of("new") is not None),
        "start": (lambda: host.start("made"), lambda: made.is_running),
        "remove": (lambda: host.remove(made.id), lambda: made.id not in docker.containers),
        "pull": (
            lambda: host.pull(REFERENCE, progress=lambda _: None),
            lambda: docker.find_image(REFERENCE) is not None,
        ),
    }


async def test_a_slow_removal_shows_and_keeps_the_name(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """During a removal a second one waits for the first, and a start is refused."""
    docker.durations["remove"] = 5.0
    made = add(docker)
    first = await under_way(host.remove(made.id))
    second = await under_way(host.remove(made.id))

    found = await host.inspect(made.id)
    assert found is not None
    assert found.is_being_removed
    with pytest.raises(ContainerStartFailed, match="marked for removal"):
        await host.start(made.id)
    with pytest.raises(ContainerNameInUse):
        docker.add_foreign("a")
    clock.advance(5.0)
    await asyncio.gather(first, second)
    assert await host.inspect(made.id) is None


@pytest.mark.parametrize(
    ("fate", "error", "happens"),
    [
        (NORMAL, None, True),
        (REFUSE_BEFORE, HostRefused, False),
        (REFUSE_AFTER, HostRefused, True),
        (LOSE_CALL, DockerUnavailable, False),
        (LOSE_REPLY, DockerUnavailable, True),
    ],
)
async def test_a_call_meets_its_fate(
    docker: InMemoryDocker,
    host: InMemoryContainerHost,
    fate: Fate,
    error: type[Exception] | None,
    *,
    happens: bool,
) -> None:
    """Neither a refusal nor a lost reply says whether the call had its effect."""
    made = add(docker)
    calls = fated(docker, fate)

    (heard,) = await asyncio.gather(host.rename("a", "b"), return_exceptions=True)

    assert (type(heard) if heard else None, made.name == "b") == (error, happens)
    assert calls == [("rename", "a")]


@pytest.mark.parametrize(
    ("call", "error"), [("start", ContainerStartFailed), ("pull", ImagePullFailed)]
)
async def test_a_refusal_is_the_error_of_its_call(
    docker: InMemoryDocker, host: InMemoryContainerHost, call: str, error: type[Exception]
) -> None:
    """A refusal is the error that the real adapter raises for that call."""
    act, _ = _calls(docker, host)[call]
    fated(docker, REFUSE_BEFORE)

    with pytest.raises(error, match="Docker refused"):
        await act()


async def test_a_lost_reply_is_lost_at_once_and_the_effect_takes_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The caller sees the engine still running, and then it exits."""
    engine = add(docker, running=True, behaviour=DEAF)
    fated(docker, LOSE_REPLY)
    with pytest.raises(DockerUnavailable):
        await host.stop(engine.id, grace=30)
    assert engine.is_running

    clock.advance(30.0)
    docker.catch_up()

    assert not engine.is_running


async def test_a_late_call_acts_on_the_state_of_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """A late call acts on the container that has the name by then."""
    old = add(docker)
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.start("a")
    docker.rename(old.id, "b")
    new = add(docker)

    assert docker.next_due == 20.0
    clock.advance(20.0)
    docker.catch_up()

    assert (old.is_running, new.is_running) == (False, True)
    assert new.started_at == clock.now()


@pytest.mark.parametrize("change", ["run", "vanish"])
async def test_a_late_call_is_checked_like_any_other(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, change: str
) -> None:
    """A late removal spares a running container and ignores a missing one."""
    made = add(docker)
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.remove(made.id)
    docker.fate_of = None
    docker.run(made) if change == "run" else docker.vanish(made.id)

    clock.advance(20.0)
    docker.catch_up()

    assert made.is_running is (change == "run")
    assert docker.next_due is None


async def test_late_effects_and_exits_happen_in_the_order_of_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The start at 20 finds the exit at 10, even when nobody observed it."""
    engine = add(docker, running=True, behaviour=ImageBehaviour(exits_after=10.0))
    began = clock.now()
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.start("a")

    clock.advance(25.0)
    docker.catch_up()

    assert engine.is_running
    assert engine.started_at == began + timedelta(seconds=20)
    assert docker.next_due == 30.0


async def test_an_outage_during_a_slow_call_hides_its_end(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The effect happens although the reply is lost in the outage."""
    docker.durations["start"] = 5.0
    made = add(docker)
    caller = await under_way(host.start(made.id))
    docker.reachable = False

    clock.advance(5.0)

    with pytest.raises(DockerUnavailable):
        await caller
    assert made.is_running


async def test_a_slow_call_moves_a_clock_that_moves_by_itself(host: InMemoryContainerHost) -> None:
    """With an automatic clock no test waits for a slow call."""
    host.docker.clock = ManualClock()
    host.docker.durations["start"] = 5.0
    made = add(host.docker)

    await host.start(made.id)

    assert host.docker.clock.monotonic() == 5.0


async def test_a_wall_clock_that_steps_changes_no_duration(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """Engines live by elapsed time; only displayed times use the wall clock."""
    behaviour = ImageBehaviour(exits_after=10.0, healthy_after=2.0)
    engine = add(docker, running=True, behaviour=behaviour)
    clock.jump = timedelta(hours=-1)
    clock.advance(3.0)
    docker.catch_up()
    assert (engine.is_running, engine.is_healthy(clock.monotonic())) == (True, True)

    clock.jump = timedelta(hours=1)
    clock.advance(6.9)
    docker.catch_up()
    assert engine.is_running
    clock.advance(0.1)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_running, found.finished_at) == (False, clock.now())
