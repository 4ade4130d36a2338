from collections.abc import Awaitable, Callable

import pytest

from rtmanager.domain.errors import ErrorCode, ServiceUnavailable
from rtmanager.handlers.errors import STATUS_OF_CODE
from tests.contract.caller import RUNTIMES, Answer, Caller
from tests.unit.domain.world import BROKEN, OTHER, World

Scene = Callable[[Caller, World], Awaitable[Answer]]


async def unknown_key(caller: Caller, _: World) -> Answer:
    """Start with an unknown key in the body."""
    return await caller.post(f"{RUNTIMES}/g1/start", {"image_ref": OTHER, "force": True})


async def malformed_reference(caller: Caller, _: World) -> Answer:
    """Start an image whose reference Docker rejects."""
    return await caller.start("g1", "Galaxy/Game:1.4.7")


async def no_version(caller: Caller, _: World) -> Answer:
    """Patch to a tag that is no version."""
    await caller.start("g1")
    return await caller.post(f"{RUNTIMES}/g1/patch", {"image_ref": "galaxy/game:latest"})


async def never_started(caller: Caller, _: World) -> Answer:
    """Read a game that was never started."""
    return await caller.get(f"{RUNTIMES}/g1")


async def other_image(caller: Caller, _: World) -> Answer:
    """Start another image while one runs."""
    await caller.start("g1")
    return await caller.start("g1", OTHER)


async def other_minor(caller: Caller, _: World) -> Answer:
    """Patch to another minor version."""
    await caller.start("g1")
    return await caller.post(f"{RUNTIMES}/g1/patch", {"image_ref": OTHER})


async def defect(caller: Caller, world: World) -> Answer:
    """Trigger a defect."""
    world.manager.on("records.get", RuntimeError("a secret DSN"))
    return await caller.get(f"{RUNTIMES}/g1")


async def no_such_image(caller: Caller, _: World) -> Answer:
    """Start an image that no registry has."""
    return await caller.start("g1", "galaxy/game:1.4.99")


async def broken_engine(caller: Caller, _: World) -> Answer:
    """Start an engine that exits at once."""
    return await caller.start("g1", BROKEN)


async def docker_away(caller: Caller, world: World) -> Answer:
    """Start a game while Docker is away."""
    await world.docker_leaves()
    return await caller.start("g1")


async def postgres_away(caller: Caller, world: World) -> Answer:
    """List the games while Postgres is away."""
    world.manager.on("records.pages", ServiceUnavailable("Postgres does not answer"))
    return await caller.get(RUNTIMES)


SCENES: dict[ErrorCode, tuple[int, Scene]] = {
    ErrorCode.INVALID_REQUEST: (400, unknown_key),
    ErrorCode.START_CONFIG_INVALID: (400, malformed_reference),
    ErrorCode.IMAGE_REF_NOT_SEMVER: (400, no_version),
    ErrorCode.NOT_FOUND: (404, never_started),
    ErrorCode.CONFLICT: (409, other_image),
    ErrorCode.SEMVER_PATCH_ONLY: (409, other_minor),
    ErrorCode.INTERNAL_ERROR: (500, defect),
    ErrorCode.IMAGE_PULL_FAILED: (500, no_such_image),
    ErrorCode.CONTAINER_START_FAILED: (500, broken_engine),
    ErrorCode.DOCKER_UNAVAILABLE: (503, docker_away),
    ErrorCode.SERVICE_UNAVAILABLE: (503, postgres_away),
}


@pytest.mark.parametrize("code", SCENES)
async def test_code_is_reachable_with_its_status(
    code: ErrorCode, caller: Caller, world: World
) -> None:
    """Each error code can be provoked and has the status and envelope of the contract."""
    status, scene = SCENES[code]

    answer = await scene(caller, world)

    assert answer.error == (status, code)


def test_every_code_but_the_replay_has_a_scene_and_a_status() -> None:
    """No answer ever carries `replay_no_op`, because a replay is not an error."""
    errors = set(ErrorCode) - {ErrorCode.REPLAY_NO_OP}

    assert set(SCENES) == errors
    assert set(STATUS_OF_CODE) == errors


async def test_defect_leaks_no_internals(caller: Caller, world: World) -> None:
    """The answer to a defect reveals no internals."""
    answer = await defect(caller, world)

    assert answer.message == "internal server error"
