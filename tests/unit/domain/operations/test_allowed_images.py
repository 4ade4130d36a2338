"""Only images that the operator allows are started; what runs already goes on."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from rtmanager.domain.allowed_images import SETTING, AllowedImages
from rtmanager.domain.errors import (
    Conflict,
    DockerUnavailable,
    ErrorCode,
    RuntimeManagerError,
    StartConfigInvalid,
)
from rtmanager.domain.game_id import GameId
from rtmanager.domain.messages import OutboxStream
from rtmanager.domain.operation import OperationKind, Outcome
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.messaging.job_desk import JobDesk
from tests.unit.domain.world import IMAGE, OTHER, PATCHED, POLICY, Killed, Process, World

ELSEWHERE = "127.0.0.1:6379/x:1"
_INTENTS = OutboxStream.NOTIFICATION_INTENTS

Request = Callable[[Process], Awaitable[object]]


def allowing(world: World, *patterns: str) -> Process:
    """Return a process of an operator who allows only these images."""
    world.policy = replace(POLICY, allowed_images=AllowedImages.parse(patterns))
    return world.process()


def calls_to_docker(process: Process) -> list[str]:
    """Return the process's calls to the Docker host."""
    hosts = (each for each in process.calls if each.startswith("host."))
    return [each for each in hosts if not each.endswith(":done")]


async def test_start_of_an_allowed_image_runs_it(world: World) -> None:
    """A reference is compared in its normal form."""
    record = await allowing(world, "docker.io/galaxy/*").start(IMAGE)

    assert record.status is RuntimeStatus.RUNNING


@pytest.mark.parametrize("reference", [ELSEWHERE, OTHER, f"sha256:{'a' * 12}", "a1b2c3d4e5f6"])
async def test_start_of_another_image_is_refused_before_docker_is_called(
    world: World, reference: str
) -> None:
    """It is start_config_invalid: no image is inspected, no registry and no credentials asked."""
    process = allowing(world, "galaxy/game:1.4.*")

    with pytest.raises(StartConfigInvalid):
        await process.start(reference)

    assert calls_to_docker(process) == []
    assert world.record is None
    assert (world.last.outcome, world.last.error_code) == (
        Outcome.FAILURE,
        ErrorCode.START_CONFIG_INVALID,
    )


async def test_start_of_another_image_is_refused_while_docker_is_away(stopped: World) -> None:
    """For a game that does not run, the refusal needs no answer of Docker."""
    process = allowing(stopped, "galaxy/*")
    stopped.docker.reachable = False

    with pytest.raises(StartConfigInvalid, match=SETTING):
        await process.start(ELSEWHERE)


async def patch_of_another_game(process: Process) -> object:
    """Patch a game that was never started."""
    return await process.patch(ELSEWHERE, GameId("g2"))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda process: process.patch("Not//a:reference"), ErrorCode.IMAGE_REF_NOT_SEMVER),
        (lambda process: process.patch("reg.test/x:new"), ErrorCode.IMAGE_REF_NOT_SEMVER),
        (lambda process: process.patch("reg.test/x:2.0.0"), ErrorCode.SEMVER_PATCH_ONLY),
        (patch_of_another_game, ErrorCode.NOT_FOUND),
        (lambda process: process.start(ELSEWHERE), ErrorCode.CONFLICT),
        (lambda process: process.start("Not//a:reference"), ErrorCode.START_CONFIG_INVALID),
    ],
    ids=["malformed", "no version", "other minor", "never started", "runs", "malformed start"],
)
async def test_what_is_refused_anyway_has_the_same_code_with_any_list(
    running: World, request_: Request, code: ErrorCode
) -> None:
    """A caller cannot tell from these whether the operator has a list."""
    for process in (running.manager, allowing(running, "galaxy/*")):
        with pytest.raises(RuntimeManagerError) as refusal:
            await request_(process)

        assert refusal.value.code is code
        assert SETTING not in refusal.value.message


@pytest.mark.parametrize("kind", [OperationKind.START, OperationKind.PATCH])
async def test_request_for_what_runs_is_a_replay_after_the_list_was_tightened(
    running: World, kind: OperationKind
) -> None:
    """Nothing is started by it, so that a repeated request is answered as the first one was."""
    process, engine = allowing(running, "reg.test/*"), running.engine

    record = await process.ask(kind, image_ref=IMAGE)

    assert record.current_container_id == engine.id
    assert running.last.error_code is ErrorCode.REPLAY_NO_OP
    assert calls_to_docker(process) == ["host.inspect"]


async def test_job_for_another_image_has_the_same_result(world: World) -> None:
    """The result and the notification have the code of the refusal."""
    desk = JobDesk(world)
    process = allowing(world, "galaxy/*")

    await desk.handler(process).run([await desk.start(image=ELSEWHERE)])

    assert desk.outcomes == [("1-0", "failure", "start_config_invalid")]
    intents = [each for each in world.store.outbox if each.stream is _INTENTS]
    assert [each.fields["error_code"] for each in intents] == ["start_config_invalid"]
    assert list(desk.pending) == []
    assert "host.pull" not in calls_to_docker(process)


async def test_patch_to_another_image_is_refused_and_the_engine_runs_on(running: World) -> None:
    """The old engine is observed, but not even probed."""
    process, before = allowing(running, "galaxy/game:1.4.7"), running.record

    with pytest.raises(StartConfigInvalid, match=SETTING):
        await process.patch(PATCHED)

    assert running.record == before
    assert [each for each in process.calls if "image" in each or each.startswith("probe.")] == []
    assert calls_to_docker(process) == ["host.inspect"]
    assert running.faults() == []


async def test_restart_of_an_image_that_is_no_longer_allowed_is_a_conflict(running: World) -> None:
    """It would start the image anew; the engine that runs is not touched, and can be stopped."""
    process, engine = allowing(running, "galaxy/game:1.4.8"), running.engine

    with pytest.raises(Conflict, match=f"{SETTING}.*patch the game, or stop it"):
        await process.restart()

    assert running.engine is engine
    assert running.engine.is_running
    assert (await process.patch(PATCHED)).current_image_ref == PATCHED
    assert (await process.stop()).status is RuntimeStatus.STOPPED
    assert running.faults() == []


async def test_restart_of_an_unknown_image_is_a_conflict_if_not_all_are_allowed(
    running: World,
) -> None:
    """An engine that was adopted without its label may be any image."""
    assert running.record is not None
    running.store.runtime_records[running.record.game_id] = replace(
        running.record, current_image_ref=None
    )

    with pytest.raises(Conflict, match="the image is unknown"):
        await allowing(running, "galaxy/*").restart()

    assert (await running.manager.restart()).status is RuntimeStatus.RUNNING


async def test_restart_of_a_removed_game_is_refused_as_before(removed: World) -> None:
    """Without a container there is no image to judge."""
    with pytest.raises(Conflict, match="start the game with an image"):
        await allowing(removed, "reg.test/*").restart()


async def _begun_and_killed(world: World, request: Request, call: str) -> Process:
    """Kill a process that allows everything at this call, and return one that does not."""
    first = world.process()
    first.on(call, first.die)
    with pytest.raises(Killed):
        await request(first)
    world.after_the_lease()
    return allowing(world, "reg.test/*")


@pytest.mark.parametrize("call", ["store.begin:done", "directories.prepare", "host.create"])
async def test_start_that_is_resumed_under_a_tighter_list_fails(world: World, call: str) -> None:
    """The image is not even looked up, and the operation ends with the refusal."""
    heir = await _begun_and_killed(world, lambda process: process.start(), call)

    await heir.resume()

    assert "host.image" not in heir.calls
    assert world.docker.starts == []
    assert (world.last.outcome, world.last.error_code) == (
        Outcome.FAILURE,
        ErrorCode.START_CONFIG_INVALID,
    )
    assert world.faults() == []


@pytest.mark.parametrize("call", ["host.create", "host.start"])
async def test_created_container_is_not_started_under_a_tighter_list(
    world: World, call: str
) -> None:
    """The container that the first process has created is removed again."""
    await world.manager.start(game=GameId("g2"))
    world.docker.vanish(next(iter(world.docker.containers)))
    first, after = world.process(), {"host.create": 1, "host.start": 0}[call]
    first.kill_at(world.manager.calls.index(call) + after)
    with pytest.raises(Killed):
        await first.start()
    world.after_the_lease()
    world.docker.starts.clear()
    heir = allowing(world, "reg.test/*")
    assert world.containers

    await heir.resume()

    assert world.docker.starts == []
    assert not world.containers
    assert world.last.error_code is ErrorCode.START_CONFIG_INVALID
    assert world.faults() == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda process: process.restart(), ErrorCode.CONTAINER_START_FAILED),
        (lambda process: process.patch(), ErrorCode.START_CONFIG_INVALID),
    ],
    ids=["restart", "patch"],
)
async def test_rollback_under_a_tighter_list_brings_back_what_ran(
    running: World, request_: Request, code: ErrorCode
) -> None:
    """The engine that ran before runs again, allowed or not: the operation changed nothing."""
    before = running.record
    heir = await _begun_and_killed(running, request_, "host.create")
    assert not any(each.is_running for each in running.containers.values())

    await heir.resume()

    assert running.engine.is_running
    assert running.last.error_code is code
    assert before is not None
    assert running.record is not None
    assert running.record.current_container_id == before.current_container_id
    assert running.faults() == []


async def test_engine_that_runs_is_kept_when_its_start_is_resumed(world: World) -> None:
    """It was started while it was allowed, like every game that runs when the list is changed."""
    heir = await _begun_and_killed(world, lambda process: process.start(), "probe.check")

    await heir.resume()

    assert world.engine.is_running
    assert world.last.outcome is Outcome.SUCCESS
    assert world.faults() == []


async def test_refusal_while_docker_is_away_is_told_apart(running: World) -> None:
    """With everything allowed, the same request learns that Docker is away."""
    running.docker.reachable = False

    with pytest.raises(DockerUnavailable):
        await running.manager.ask(OperationKind.START, image_ref=ELSEWHERE)
