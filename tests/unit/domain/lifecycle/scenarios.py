"""Every operation in every situation that matters, for the tests that break them everywhere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    NotFound,
    SemverPatchOnly,
)
from tests.unit.domain.world import BROKEN, OTHER, Process, World

Request = Callable[[Process], Awaitable[object]]


@dataclass(frozen=True)
class Scenario:
    """A situation, and a request.

    `refusable` tells that a repeated request may be refused: its image cannot run, or the failure
    has shown that no container is left to restart.
    """

    name: str
    before: tuple[Request, ...]
    request: Request
    refusable: bool = False

    async def world(self) -> World:
        """Return a world in this situation."""
        world = World()
        for step in self.before:
            await step(world.manager)
        world.manager.calls.clear()
        return world


async def _crash(process: Process) -> None:
    process.world.docker.crash(process.world.engine.id)


async def _vanish(process: Process) -> None:
    process.world.docker.vanish(process.world.engine.id)


async def _start_broken(process: Process) -> object:
    return await process.start(BROKEN)


async def _start_other(process: Process) -> object:
    return await process.start(OTHER)


async def _patch_broken(process: Process) -> object:
    return await process.patch(BROKEN)


START, STOP, CLEANUP = Process.start, Process.stop, Process.cleanup
RESTART, PATCH = Process.restart, Process.patch

SCENARIOS = (
    Scenario("first start", (), START),
    Scenario("first start fails", (), _start_broken, refusable=True),
    Scenario("start when stopped", (START, STOP), _start_other),
    Scenario("start when stopped fails", (START, STOP), _start_broken, refusable=True),
    Scenario("start when removed", (START, STOP, CLEANUP), START),
    Scenario("start heals an exited engine", (START, _crash), START),
    Scenario("start heals a vanished engine", (START, _vanish), START),
    Scenario("restart", (START,), RESTART),
    Scenario("restart when stopped", (START, STOP), RESTART),
    Scenario("restart heals a vanished engine", (START, _vanish), RESTART, refusable=True),
    Scenario("patch", (START,), PATCH),
    Scenario("patch fails", (START,), _patch_broken, refusable=True),
    Scenario("patch when stopped", (START, STOP), PATCH),
    Scenario("patch when stopped fails", (START, STOP), _patch_broken, refusable=True),
    Scenario("stop", (START,), STOP),
    Scenario("stop of an exited engine", (START, _crash), STOP),
    Scenario("stop of a vanished engine", (START, _vanish), STOP),
    Scenario("cleanup", (START, STOP), CLEANUP),
)

FOLLOW_UPS: dict[str, Request] = {
    "start": START,
    "start of another image": _start_other,
    "stop": STOP,
    "restart": RESTART,
    "patch": PATCH,
    "cleanup": CLEANUP,
}

REFUSALS = (Conflict, NotFound, SemverPatchOnly, ContainerStartFailed)
"""What a sound service may still answer: the request does not fit, or its image cannot run."""

CHANGES = {
    "store.begin:done",
    "store.finish:done",
    "engine.create:done",
    "engine.start:done",
    "engine.stop:done",
    "engine.rename:done",
    "engine.remove:done",
}
"""The calls after which something durable is different."""


async def calls_of(scenario: Scenario) -> list[str]:
    """Return every gate that the scenario's request passes when nothing goes wrong."""
    world = await scenario.world()
    await attempt(scenario.request, world.manager)
    return list(world.manager.calls)


def is_answered(error: BaseException | None, scenario: Scenario) -> bool:
    """Tell whether this is what repeating the scenario's request may end in."""
    return error is None or (scenario.refusable and isinstance(error, REFUSALS))


async def attempt(request: Request, process: Process) -> BaseException | None:
    """Send the request; return what it raised."""
    try:
        await request(process)
    except BaseException as error:  # noqa: BLE001 - a kill is no Exception
        return error
    return None


def by_name(scenario: Scenario) -> str:
    """Return the scenario's name, for the test's."""
    return scenario.name.replace(" ", "_")
