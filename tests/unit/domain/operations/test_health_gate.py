from dataclasses import replace

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.adapters.in_memory.container_host import InMemoryContainerHost
from rtmanager.adapters.in_memory.docker_world import InMemoryDocker
from rtmanager.domain.errors import Conflict, ContainerStartFailed, DockerUnavailable, ErrorCode
from rtmanager.domain.operation import Outcome, Phase
from rtmanager.domain.operations.health_gate import Gate, HealthGate
from rtmanager.domain.ports.engine_probe import ProbeAnswer
from tests.unit.domain.faults import refusal, unavailable
from tests.unit.domain.world import POLICY, World

SLOW = "galaxy/slow:1.0.0"
SILENT = "galaxy/silent:1.0.0"
SHORT = "galaxy/short:1.0.0"


async def test_healthy_engine_passes_at_once(world: World) -> None:
    """A start returns as soon as the engine answers."""
    await world.manager.start()

    assert world.clock.monotonic() == 0.0
    assert world.last.details["healthy"] is True


async def test_engine_that_answers_at_once_is_asked_where_it_was_seen(world: World) -> None:
    """Its address is known from the observation: the gate asks Docker and the store nothing."""
    await world.manager.start()

    calls = [each for each in world.manager.calls if not each.endswith(":done")]
    gate = calls[calls.index("host.start") + 1 : calls.index("store.finish")]
    assert gate == ["host.named", "probe.check", "host.named"]
    assert world.last.steps[-1].note == "healthy"


async def test_engine_that_exits_after_its_first_answer_has_failed(world: World) -> None:
    """An answer does not show the container: it is observed once more before the outcome."""

    async def crash() -> None:
        world.docker.crash(world.engine.id)

    world.manager.on("probe.check:done", crash)

    with pytest.raises(ContainerStartFailed, match="exited"):
        await world.manager.start()

    assert world.record is None
    assert world.faults() == []


async def test_engine_that_answers_in_time_passes_then(world: World) -> None:
    """A start returns after the first healthy answer, not at the time limit."""
    world.image(SLOW, healthy_after=2.0)

    await world.manager.start(SLOW)

    assert 2.0 <= world.clock.monotonic() < 2.3
    assert world.last.details["healthy"] is True


async def test_engine_that_runs_without_answering_is_started_with_a_note(world: World) -> None:
    """When the time is up without an answer the start succeeds with a note in its row."""
    world.image(SILENT, healthy_after=None)

    await world.manager.start(SILENT)

    assert world.clock.monotonic() == pytest.approx(5.0)
    assert world.last.outcome is Outcome.SUCCESS
    assert world.last.details["healthy"] is False
    assert world.last.steps[-1].note == (
        "the engine runs, but has not answered /healthz within 5 s: /healthz answered 503"
    )
    assert world.faults() == []


async def test_engine_that_exits_while_it_is_watched_has_failed(world: World) -> None:
    """An exit within the gate is container_start_failed with the exit code."""
    world.image(SHORT, exits_after=3.0, exit_code=7, healthy_after=None)

    with pytest.raises(ContainerStartFailed, match="exited with code 7"):
        await world.manager.start(SHORT)

    assert world.last.details["exit_code"] == 7
    assert world.last.error_code is ErrorCode.CONTAINER_START_FAILED
    assert world.faults() == []


async def test_engine_killed_for_lack_of_memory_is_named_so(world: World) -> None:
    """A kill for lack of memory is distinguished from a crash."""
    world.image(SILENT, healthy_after=None)

    async def run_out_of_memory() -> None:
        world.docker.oom(world.engine.id)

    world.manager.on("probe.check:done", run_out_of_memory)

    with pytest.raises(ContainerStartFailed, match="out of memory"):
        await world.manager.start(SILENT)


async def test_container_that_vanishes_while_it_is_watched_is_made_again(world: World) -> None:
    """A container that someone removes once is created again, with a gate of its own."""
    world.image(SILENT, healthy_after=None)

    async def vanish() -> None:
        world.docker.vanish(world.engine.id)

    world.manager.on("probe.check:done", vanish)

    await world.manager.start(SILENT)

    assert len(world.docker.starts) == 2
    assert world.last.details["healthy"] is False
    assert world.clock.monotonic() == pytest.approx(5.0, abs=0.1)
    assert world.faults() == []


async def test_container_that_keeps_vanishing_is_a_conflict(world: World) -> None:
    """After three removals the start is a conflict, and nothing is recorded."""
    world.image(SILENT, healthy_after=None)

    async def vanish() -> None:
        world.docker.vanish(world.engine.id)

    world.manager.on("probe.check:done", vanish, always=True)

    with pytest.raises(Conflict, match="create has no lasting effect"):
        await world.manager.start(SILENT)

    assert len(world.docker.starts) == 3
    assert world.record is None
    assert world.faults() == []


async def test_engine_that_someone_starts_again_after_its_exit_fails_the_gate(world: World) -> None:
    """A gate that saw the engine exit has failed, even if someone starts it again."""
    world.image(SHORT, exits_after=1.0, exit_code=7, healthy_after=None)

    async def start_again() -> None:
        for engine in world.docker.containers.values():
            if world.last.phase is Phase.FORWARD and engine.exit_code == 7:
                world.docker.run(engine)

    world.manager.on("host.named", start_again, always=True)

    with pytest.raises(ContainerStartFailed, match="someone else started it again"):
        await world.manager.start(SHORT)

    assert world.record is None
    assert world.faults() == []


async def test_gate_of_zero_takes_one_observation() -> None:
    """With the gate off there is one observation, which takes no time."""
    world = World(policy=replace(POLICY, start_gate_timeout=0))
    world.image(SILENT, healthy_after=None)

    await world.manager.start(SILENT)

    assert world.clock.monotonic() == 0.0
    assert world.manager.calls.count("probe.check") == 1


async def test_gate_of_zero_still_sees_an_exit() -> None:
    """The one observation finds an engine that has exited at once."""
    world = World(policy=replace(POLICY, start_gate_timeout=0))
    world.image(SHORT, exits_after=0.0, exit_code=7)

    with pytest.raises(ContainerStartFailed, match="exited with code 7"):
        await world.manager.start(SHORT)


async def test_docker_that_comes_back_within_the_gate_is_waited_for(world: World) -> None:
    """One failed observation does not fail the gate."""
    world.image(SLOW, healthy_after=2.0)

    async def fail_the_next_look() -> None:
        world.manager.on("host.inspect", unavailable())

    world.manager.on("host.start:done", fail_the_next_look)

    await world.manager.start(SLOW)

    assert world.last.outcome is Outcome.SUCCESS
    assert world.last.details["healthy"] is True


async def test_docker_that_stays_away_is_unavailable(world: World) -> None:
    """Docker is away until the gate's end, so the operation stays open."""
    world.manager.on("host.start:done", world.docker_leaves)

    with pytest.raises(DockerUnavailable):
        await world.manager.start()

    assert world.last.outcome is None
    assert world.record is None

    world.docker.reachable = True
    await world.manager.start()
    assert world.operations[0].outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_docker_that_refuses_an_observation_within_the_gate_is_asked_again(
    world: World,
) -> None:
    """One observation that Docker answers with a 500 does not fail the gate either."""
    world.image(SLOW, healthy_after=2.0)

    async def refuse_the_next_look() -> None:
        world.manager.on("host.inspect", refusal())

    world.manager.on("host.start:done", refuse_the_next_look)

    await world.manager.start(SLOW)

    assert world.last.outcome is Outcome.SUCCESS
    assert len(world.docker.starts) == 1
    assert world.faults() == []


async def test_docker_that_refuses_every_observation_is_unavailable(world: World) -> None:
    """Refusals until the gate's end leave the operation to the next holder."""
    world.image(SLOW, healthy_after=2.0)

    async def refuse_every_look() -> None:
        world.manager.on("host.inspect", refusal(), always=True)

    world.manager.on("host.start:done", refuse_every_look)

    with pytest.raises(DockerUnavailable, match="500 Server Error"):
        await world.manager.start(SLOW)

    assert world.last.outcome is None
    await world.process().start(SLOW)
    assert world.operations[0].outcome is Outcome.SUCCESS
    assert world.faults() == []


class FlappingProbe:
    """Alternates between an unhealthy and a healthy answer."""

    def __init__(self) -> None:
        self.asked = 0

    async def check(self, address: str, *, within: float | None = None) -> ProbeAnswer:
        """Answer alternately."""
        del address, within
        self.asked += 1
        assert self.asked < 1000, "the gate never ends"
        return ProbeAnswer(healthy=self.asked % 2 == 1, error="flaps")


async def test_engine_that_keeps_flapping_fails_when_the_time_is_up(running: World) -> None:
    """An engine that is healthy only now and then has not stayed up."""
    clock = running.clock
    gate = HealthGate(InMemoryContainerHost(docker=running.docker), FlappingProbe(), clock)

    reading = await gate.watch(running.engine.id, Gate(30.0, must_answer=True, stays_up=2.0))

    assert reading is not None
    assert reading.failure is not None
    assert reading.failure.code is ErrorCode.CONTAINER_START_FAILED
    assert "within 30 s: flaps" in reading.failure.message
    assert clock.monotonic() == pytest.approx(30.0, abs=3)


async def test_container_without_an_address_is_not_asked() -> None:
    """A container without an address is not probed yet."""
    docker = InMemoryDocker(clock=ManualClock())
    container = docker.add_foreign("x", running=True)
    container.address = None
    gate = HealthGate(InMemoryContainerHost(docker=docker), FlappingProbe(), ManualClock())

    passed = await gate.watch(container.id, Gate(0))

    assert passed is not None
    assert passed.answered_at is None
    assert passed.note == (
        "the engine runs, but has not answered /healthz: the container has no address yet"
    )
