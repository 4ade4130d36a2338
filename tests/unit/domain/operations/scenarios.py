"""Every operation in every situation that matters, for the tests that inject faults everywhere."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from rtmanager.domain.errors import (
    Conflict,
    ContainerStartFailed,
    NotFound,
    SemverPatchOnly,
)
from tests.unit.domain.world import BROKEN, OTHER, Killed, Process, World

Request = Callable[[Process], Awaitable[object]]


@dataclass(frozen=True)
class Scenario:
    """A situation and a request.

    `refusable` means that a repeated request may be refused: its image cannot run, or the failure
    has left no container to restart.
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
    Scenario("start over an exited engine", (START, _crash), START),
    Scenario("start over a vanished engine", (START, _vanish), START),
    Scenario("restart", (START,), RESTART),
    Scenario("restart when stopped", (START, STOP), RESTART),
    Scenario("restart of a vanished engine", (START, _vanish), RESTART, refusable=True),
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
"""The errors that a correct service may still answer with."""

CHANGING = {
    *(f"host.{call}" for call in ("pull", "create", "start", "stop", "rename", "remove")),
    *(f"store.{call}" for call in ("begin", "save", "hand_over", "take_over", "finish", "refuse")),
    *(f"lease.{call}" for call in ("acquire", "release")),
    "directories.prepare",
}
"""The calls that have an effect; all others only read."""

MAX_POLLS = 2


def crash_points(calls: list[str]) -> list[int]:
    """Return one call index for each distinct state in which the process can die or lose its lease.

    A process loses all it knows when it dies, so dying at any call between two effects is the same:
    one point after each effect and one before the first are enough.
    """
    ends = {f"{call}:done" for call in CHANGING}
    return [0, *(index for index, call in enumerate(calls) if call in ends)]


def fault_points(calls: list[str], *prefixes: str) -> Iterator[int]:
    """Yield the call indices at which a fault of these ports has different consequences.

    A call with an effect can fail before or after it; a call that reads can only fail. Of equal
    calls between two effects, as when a gate polls, the first few are enough.
    """
    polls: Counter[tuple[str, int]] = Counter()
    effects = 0
    for index, call in enumerate(calls):
        name = call.removesuffix(":done")
        effects += name in CHANGING
        polls[call, effects] += 1
        repeated = polls[call, effects] > MAX_POLLS
        if name.startswith(prefixes) and (call == name or name in CHANGING) and not repeated:
            yield index


async def calls_of(scenario: Scenario) -> list[str]:
    """Return every fault point of the scenario's request in a run without faults."""
    world = await scenario.world()
    await attempt(scenario.request, world.manager)
    return list(world.manager.calls)


def is_answered(error: BaseException | None, scenario: Scenario) -> bool:
    """Return whether the scenario's repeated request may end with this error."""
    return error is None or (scenario.refusable and isinstance(error, REFUSALS))


async def attempt(request: Request, process: Process) -> BaseException | None:
    """Send the request; return the error that it raised."""
    try:
        await request(process)
    except BaseException as error:  # noqa: BLE001 - Killed is not an Exception
        return error
    return None


def by_name(scenario: Scenario) -> str:
    """Return the scenario's name, for the test's id."""
    return scenario.name.replace(" ", "_")


async def killed_at(world: World, call: str, request: Request) -> Process:
    """Kill the first process at this call; return another one, after the lease has expired."""
    manager = world.manager
    manager.on(call, manager.die)
    assert isinstance(await attempt(request, manager), Killed)
    manager.lease_connection.abandon()
    world.after_the_lease()
    return world.process()
