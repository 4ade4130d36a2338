"""How the in-memory Docker is as unkind as a real one: slow, refusing, late, changed by others."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

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
from rtmanager.adapters.in_memory.docker_objects import ImageBehaviour, MemoryContainer
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.container import KIND, KIND_LABEL, OWNER, OWNER_LABEL, ContainerStatus
from rtmanager.domain.image_ref import ImageRef
from rtmanager.domain.ports.container_host import (
    ContainerGone,
    ContainerNameInUse,
    ContainerRuns,
    ContainerStartFailed,
    DockerUnavailable,
    HostRefused,
    ImagePullFailed,
)

REFERENCE = ImageRef.parse("galaxy/game:1.4.7")
OURS = {OWNER_LABEL: OWNER, KIND_LABEL: KIND}
DEAF = ImageBehaviour(ignores_sigterm=True)


class SteppingClock(ManualClock):
    """A clock whose wall time jumps when it is told to."""

    def __init__(self) -> None:
        super().__init__(auto=False)
        self.jump = timedelta()

    def now(self) -> datetime:
        """Return the wall time, jumps included."""
        return super().now() + self.jump


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that moves only when the test moves it."""
    return SteppingClock()


@pytest.fixture
def docker(clock: SteppingClock) -> InMemoryDocker:
    """Return a Docker."""
    return InMemoryDocker(clock=clock)


@pytest.fixture
def host(docker: InMemoryDocker) -> InMemoryContainerHost:
    """Return a manager's connection to it."""
    return InMemoryContainerHost(docker=docker)


def add(docker: InMemoryDocker, name: str = "a", **more: bool | ImageBehaviour) -> MemoryContainer:
    """Create a container with our labels."""
    return docker.add_foreign(name, labels=OURS, **more)  # type: ignore[arg-type]


def fated(docker: InMemoryDocker, fate: Fate) -> list[tuple[str, str]]:
    """Let every call have this fate; return the list of those that were made."""
    calls: list[tuple[str, str]] = []

    def meddle(call: str, container: str) -> Fate:
        calls.append((call, container))
        return fate

    docker.meddle = meddle
    return calls


async def under_way(call: Awaitable[object]) -> "asyncio.Future[object]":
    """Let a call come to where it waits."""
    task = asyncio.ensure_future(call)
    await settle()
    return task


async def settle() -> None:
    """Let everybody go on who can."""
    for _ in range(9):
        await asyncio.sleep(0)


async def test_an_engine_that_ignores_the_signal_runs_until_its_grace_is_over(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The call lasts as long, and the engine is killed at its end."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    clock.advance(29.9)
    await settle()
    assert (stop.done(), engine.is_running) == (False, True)

    clock.advance(0.1)
    await stop

    assert (engine.is_running, engine.exit_code) == (False, 137)


@pytest.mark.parametrize(("grace", "seconds", "code"), [(10, 4.0, 143), (3, 3.0, 137)])
async def test_an_engine_may_take_its_time_to_stop(
    docker: InMemoryDocker, clock: SteppingClock, grace: int, seconds: float, code: int
) -> None:
    """As long as the grace allows."""
    engine = add(docker, running=True, behaviour=ImageBehaviour(stops_in=4.0))
    docker.stop(engine.id, grace=grace)

    assert docker.next_due == seconds
    clock.advance(seconds)
    docker.settle()
    assert (engine.is_running, engine.exit_code) == (False, code)


async def test_a_stop_goes_on_when_its_caller_has_gone(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """Nobody waits for it, and it ends the engine at its time, not at the next look."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    stop.cancel()
    await asyncio.wait([stop])
    ends = clock.now() + timedelta(seconds=30)

    clock.advance(100.0)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_running, found.finished_at) == (False, ends)


async def test_an_engine_that_was_started_again_is_not_stopped_by_the_old_signal(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The stop was for the process that ran then, and its caller hears so."""
    engine = add(docker, running=True, behaviour=DEAF)
    stop = await under_way(host.stop(engine.id, grace=30))
    docker.crash(engine.id)
    docker.run(engine)

    clock.advance(60.0)
    await stop

    assert engine.is_running


@pytest.mark.parametrize("call", ["create", "start", "remove", "pull"])
async def test_a_call_may_take_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, call: str
) -> None:
    """Its effect comes at the end, and so does the answer."""
    docker.durations[call] = 5.0
    act, has_happened = _calls(docker, host)[call]
    caller = await under_way(act())
    clock.advance(4.9)
    await settle()
    assert (has_happened(), caller.done()) == (False, False)

    clock.advance(0.1)
    await caller

    assert has_happened()


@pytest.mark.parametrize("call", ["create", "start", "remove", "pull"])
async def test_a_slow_call_happens_although_its_caller_has_gone(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, call: str
) -> None:
    """Docker goes on."""
    docker.durations[call] = 5.0
    act, has_happened = _calls(docker, host)[call]
    caller = await under_way(act())
    caller.cancel()
    await asyncio.wait([caller])

    clock.advance(5.0)
    docker.settle()

    assert has_happened()


def _calls(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> dict[str, tuple[Callable[[], Awaitable[object]], Callable[[], bool]]]:
    """Return for each call how to make it, and whether its effect is to be seen."""
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
    """It is leaving meanwhile; a second removal waits for the first, a start is refused."""
    docker.durations["remove"] = 5.0
    made = add(docker)
    first = await under_way(host.remove(made.id))
    second = await under_way(host.remove(made.id))

    found = await host.inspect(made.id)
    assert found is not None
    assert found.is_leaving
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
    """A refusal says no more about the effect than silence does."""
    made = add(docker)
    calls = fated(docker, fate)

    (heard,) = await asyncio.gather(host.rename("a", "b"), return_exceptions=True)

    assert (type(heard) if heard else None, made.name == "b") == (error, happens)
    assert calls == [("rename", "a")]


@pytest.mark.parametrize(
    ("call", "error"), [("start", ContainerStartFailed), ("pull", ImagePullFailed)]
)
async def test_a_refusal_is_in_the_words_of_its_call(
    docker: InMemoryDocker, host: InMemoryContainerHost, call: str, error: type[Exception]
) -> None:
    """As the adapter of a real Docker translates them."""
    act, _ = _calls(docker, host)[call]
    fated(docker, REFUSE_BEFORE)

    with pytest.raises(error, match="Docker refused"):
        await act()


async def test_a_lost_reply_is_lost_at_once_and_the_effect_takes_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The caller looks while the engine still runs, and then it exits."""
    engine = add(docker, running=True, behaviour=DEAF)
    fated(docker, LOSE_REPLY)
    with pytest.raises(DockerUnavailable):
        await host.stop(engine.id, grace=30)
    assert engine.is_running

    clock.advance(30.0)
    docker.settle()

    assert not engine.is_running


async def test_a_late_call_is_one_of_its_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """It means whichever container has the name then."""
    old = add(docker)
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.start("a")
    docker.rename(old.id, "b")
    new = add(docker)

    assert docker.next_due == 20.0
    clock.advance(20.0)
    docker.settle()

    assert (old.is_running, new.is_running) == (False, True)
    assert new.started_at == clock.now()


@pytest.mark.parametrize("change", ["run", "vanish"])
async def test_a_late_call_is_checked_like_any_other(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock, change: str
) -> None:
    """A removal that comes late spares what runs by then, and finds nothing that has gone."""
    made = add(docker)
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.remove(made.id)
    docker.meddle = None
    docker.run(made) if change == "run" else docker.vanish(made.id)

    clock.advance(20.0)
    docker.settle()

    assert made.is_running is (change == "run")
    assert docker.next_due is None


async def test_late_effects_and_exits_happen_in_the_order_of_time(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """Even when nobody looked for long: the start at 20 finds what exited at 10."""
    engine = add(docker, running=True, behaviour=ImageBehaviour(exits_after=10.0))
    began = clock.now()
    fated(docker, late(20.0))
    with pytest.raises(DockerUnavailable):
        await host.start("a")

    clock.advance(25.0)
    docker.settle()

    assert engine.is_running
    assert engine.started_at == began + timedelta(seconds=20)
    assert docker.next_due == 30.0


async def test_an_outage_during_a_slow_call_hides_its_end(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """The effect is there all the same."""
    docker.durations["start"] = 5.0
    made = add(docker)
    caller = await under_way(host.start(made.id))
    docker.reachable = False

    clock.advance(5.0)

    with pytest.raises(DockerUnavailable):
        await caller
    assert made.is_running


async def test_a_slow_call_moves_a_clock_that_moves_by_itself(host: InMemoryContainerHost) -> None:
    """No test waits for it."""
    host.docker.clock = ManualClock()
    host.docker.durations["start"] = 5.0
    made = add(host.docker)

    await host.start(made.id)

    assert host.docker.clock.monotonic() == 5.0


async def test_a_wall_clock_that_steps_changes_no_duration(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """Engines live by elapsed time; what is shown is the wall's."""
    behaviour = ImageBehaviour(exits_after=10.0, healthy_after=2.0)
    engine = add(docker, running=True, behaviour=behaviour)
    clock.jump = timedelta(hours=-1)
    clock.advance(3.0)
    docker.settle()
    assert (engine.is_running, engine.is_healthy(clock.monotonic())) == (True, True)

    clock.jump = timedelta(hours=1)
    clock.advance(6.9)
    docker.settle()
    assert engine.is_running
    clock.advance(0.1)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_running, found.finished_at) == (False, clock.now())


async def test_the_list_may_lag_behind_an_inspection(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """It shows the state of some seconds ago; what exists it shows at once."""
    docker.lag = 2.0
    engine = add(docker)
    clock.advance(5.0)
    docker.run(engine)
    clock.advance(1.0)
    docker.crash(engine.id)
    states = []

    for _ in range(4):
        states.append([one.status for one in await host.list_containers()])
        clock.advance(0.75)

    assert states == [
        [ContainerStatus.CREATED],
        [ContainerStatus.CREATED],
        [ContainerStatus.RUNNING],
        [ContainerStatus.EXITED],
    ]


async def test_strangers_obey_docker(docker: InMemoryDocker) -> None:
    """Nobody takes a name that is in use."""
    add(docker)
    other = add(docker, "b")

    with pytest.raises(ContainerNameInUse):
        docker.rename(other.id, "a")


async def test_a_stranger_may_replace_a_container(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """The name and the labels stay, the id does not."""
    old = add(docker, running=True)

    new = docker.recreate(old.id)

    found = await host.named("a")
    assert found is not None
    assert (found.id, found.has_our_labels, found.is_running) == (new.id, True, False)
    assert new.id != old.id
    with pytest.raises(ContainerGone):
        await host.start(old.id)


async def test_a_removal_by_force_may_show_before_the_engine_has_died(
    docker: InMemoryDocker, host: InMemoryContainerHost, clock: SteppingClock
) -> None:
    """It says that it is leaving, and its process is there."""
    engine = add(docker, running=True)
    docker.vanish(engine.id, after=3.0)

    found = await host.inspect(engine.id)
    assert found is not None
    assert (found.is_leaving, engine.is_running) == (True, True)
    clock.advance(3.0)
    assert await host.inspect(engine.id) is None
    assert not engine.is_running


async def test_labels_networks_and_images_go_missing(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """As they do when others tidy up."""
    docker.add_image(REFERENCE.text)
    made = add(docker)
    docker.drop_labels(made.id, OWNER_LABEL)
    docker.networks.discard(host.network)
    docker.remove_image(REFERENCE.text)

    assert await host.list_containers() == []
    assert not await host.network_exists()
    assert await host.image(REFERENCE) is None
    with pytest.raises(ContainerStartFailed, match="not found"):
        await host.start(made.id)


async def test_a_running_container_is_not_removed(
    docker: InMemoryDocker, host: InMemoryContainerHost
) -> None:
    """Docker refuses, and so does the double."""
    engine = add(docker, running=True)

    with pytest.raises(ContainerRuns):
        await host.remove(engine.id)

    assert engine.is_running
