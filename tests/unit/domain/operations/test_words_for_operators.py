"""What operators read: why something failed, what runs now, and what keeps a request waiting."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from rtmanager.domain.errors import Conflict, ErrorCode, RuntimeManagerError, ServiceUnavailable
from rtmanager.domain.operation import OperationKind, OpSource, Outcome
from rtmanager.domain.operations.container_spec import PullPolicy
from tests.unit.domain.world import (
    BROKEN,
    GAME,
    IMAGE,
    OTHER,
    PATCHED,
    POLICY,
    Hang,
    Process,
    World,
)

ABSENT = "galaxy/game:1.4.77"
SILENT = "galaxy/game:1.4.5"
STUBBORN = "galaxy/game:1.4.6"
UNREACHABLE = "connect: connection refused"


async def refusal_of(work: Awaitable[object]) -> str:
    """Return the message with which the work is refused or fails."""
    with pytest.raises(RuntimeManagerError) as caught:
        await work
    return caught.value.message


def lines_of(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, Any]]:
    """Return the fields of the log lines of this event."""
    return [vars(each) for each in caplog.records if each.message == event]


@pytest.mark.parametrize(
    ("source", "begin", "words"),
    [
        (OpSource.GM_REST, Process.patch, f"patch to {PATCHED} by gm"),
        (OpSource.ADMIN_REST, Process.restart, "restart by admin"),
        (OpSource.LOBBY_STREAM, Process.stop, "stop by the Lobby"),
        (OpSource.AUTO_TTL, Process.stop, "stop by the retention of containers"),
    ],
)
async def test_a_request_that_waited_learns_for_what(
    running: World, source: OpSource, begin: Callable[[Process], Awaitable[Any]], words: str
) -> None:
    """The refusal and its row say which operation runs, for whom, and since when."""
    running.source = source
    hang = Hang()
    running.manager.on("host.stop", hang)
    other = asyncio.ensure_future(begin(running.manager))
    await hang.reached.wait()
    running.clock.advance(7)

    message = await refusal_of(running.process().cleanup())

    assert message == (f"another operation runs: {words} for 12 s; try again when it has finished")
    assert running.last.error_message == message
    hang.release()
    await other


async def test_a_request_that_waited_for_the_start_of_a_new_game_learns_its_image(
    world: World,
) -> None:
    """Of a start the image is named as well."""
    hang = Hang()
    world.manager.on("host.create", hang)
    starting = asyncio.ensure_future(world.manager.start())
    await hang.reached.wait()

    message = await refusal_of(world.process().start(OTHER))

    assert message.startswith(f"another operation runs: start of {IMAGE} by gm for 5 s")
    hang.release()
    await starting


async def test_a_request_that_waited_for_nothing_known_is_told_so(running: World) -> None:
    """While the lease is held and no row is there yet, an operation is about to begin."""
    async with running.process().leases.hold(GAME, wait=0.0):
        message = await refusal_of(running.manager.stop())

    assert "about to begin" in message
    assert running.last.error_message == message


async def test_a_request_that_waited_is_refused_without_the_store_too(running: World) -> None:
    """If the log cannot be read, the refusal says what is known."""
    running.manager.on("store.open_operation", ServiceUnavailable())
    async with running.process().leases.hold(GAME, wait=0.0):
        with pytest.raises(Conflict, match="about to begin"):
            await running.manager.stop()


@pytest.mark.parametrize(
    ("policy", "on_host", "words"),
    [
        (PullPolicy.IF_MISSING, False, " (not on this host): the registry cannot be reached"),
        (PullPolicy.ALWAYS, False, " (not on this host): the registry cannot be reached"),
        (PullPolicy.ALWAYS, True, ": the registry cannot be reached"),
        (PullPolicy.NEVER, False, " (not on this host): the pull policy is never"),
    ],
)
async def test_a_failed_pull_names_the_image(
    policy: PullPolicy, words: str, *, on_host: bool
) -> None:
    """It also says that the image is not on the host, where that is so."""
    world = World(policy=replace(POLICY, pull_policy=policy))
    world.docker.registry_fault = UNREACHABLE
    if on_host:
        world.docker.add_image(ABSENT)

    message = await refusal_of(world.manager.start(ABSENT))

    assert message.startswith(f"cannot pull {ABSENT}{words}")


@pytest.mark.parametrize("image", [ABSENT, BROKEN, OTHER, "No Such Image"])
async def test_a_failed_patch_ends_with_what_runs(running: World, image: str) -> None:
    """Whether it was refused, could not pull or was rolled back: the old engine runs."""
    running.docker.registry_fault = UNREACHABLE

    message = await refusal_of(running.manager.patch(image))

    assert message.endswith(f"; {IMAGE} runs as before")
    assert running.last.error_message == message
    assert running.engine.is_running


async def test_a_failed_patch_without_docker_ends_with_what_is_known(running: World) -> None:
    """Nobody knows what runs, but nothing was changed."""
    running.docker.reachable = False

    message = await refusal_of(running.manager.patch(PATCHED))

    assert message.endswith("; nothing was changed")


async def test_a_refused_patch_of_a_dead_engine_says_that_it_does_not_run(running: World) -> None:
    """An engine that has exited does not run, whatever its record says."""
    running.docker.kill(running.engine.id)

    message = await refusal_of(running.manager.patch(OTHER))

    assert message.endswith("; nothing was changed, and its engine does not run")


async def test_a_failed_restart_ends_with_what_runs(running: World) -> None:
    """An image that has left the host cannot be had again: what runs goes on."""
    running.docker.images.clear()
    running.docker.registry_fault = UNREACHABLE

    message = await refusal_of(running.manager.restart())

    assert message.endswith(f"; {IMAGE} runs as before")


async def test_a_missing_network_is_the_same_for_start_and_restart(running: World) -> None:
    """The contract allows a restart no 400, so the codes differ; the words do not."""
    await running.manager.stop()
    running.docker.networks.clear()

    of_start = await refusal_of(running.manager.start())
    code_of_start = running.last.error_code
    of_restart = await refusal_of(running.manager.restart())

    assert of_start == of_restart
    assert "docker network create" in of_start
    assert (code_of_start, running.last.error_code) == (
        ErrorCode.START_CONFIG_INVALID,
        ErrorCode.CONTAINER_START_FAILED,
    )


async def test_log_lines_name_the_image_and_the_reason(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The image that was asked for, or else the one that runs; and why a game is stopped."""
    caplog.set_level(logging.INFO)

    await running.manager.patch()
    await running.manager.restart()
    await running.manager.stop()

    lines = lines_of(caplog, "operation_finished")
    assert [each["image_ref"] for each in lines] == [PATCHED] * 3
    assert lines[2]["reason"] == "finished"
    assert "reason" not in lines[0]


async def test_the_begin_of_an_operation_is_logged(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Before its first effect, with its id; a replay or a refusal begins nothing."""
    caplog.set_level(logging.INFO)
    hang = Hang()
    running.manager.on("host.stop", hang)

    await running.manager.start()
    await refusal_of(running.manager.patch(OTHER))
    stopping = asyncio.ensure_future(running.manager.stop())
    await hang.reached.wait()
    (line,) = lines_of(caplog, "operation_started")
    hang.release()
    await stopping

    assert line["operation_id"] == running.last.id
    fields = (line["kind"], line["game_id"], line["image_ref"], line["source"])
    assert fields == (OperationKind.STOP, GAME, IMAGE, OpSource.GM_REST)


async def test_the_wait_for_a_lease_counts_in_the_duration(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An operation took as long as its caller waited."""
    caplog.set_level(logging.INFO)
    hang = Hang()
    running.manager.on("host.stop", hang)
    stopping = asyncio.ensure_future(running.manager.stop())
    await hang.reached.wait()

    await refusal_of(running.process().restart())
    hang.release()
    await stopping

    refused, stopped = lines_of(caplog, "operation_finished")
    assert (refused["duration_ms"], stopped["duration_ms"]) == (5000.0, 5000.0)


async def test_an_engine_that_has_not_answered_is_no_success_like_any_other(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The line of its start is a warning, with what it answered; that of a healthy one is not."""
    caplog.set_level(logging.INFO)
    await world.manager.start()
    world.image(SILENT, healthy_after=None)
    await world.manager.stop()
    await world.manager.start(SILENT)

    healthy, _, silent = lines_of(caplog, "operation_finished")
    assert (healthy["levelno"], healthy["healthy"]) == (logging.INFO, True)
    assert (silent["levelno"], silent["healthy"]) == (logging.WARNING, False)
    assert (silent["outcome"], silent["health_error"]) == (Outcome.SUCCESS, "/healthz answered 503")


async def test_the_line_of_a_stop_has_the_exit_code(
    running: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an engine that had to be killed it says so; a restart says how long the game was down."""
    caplog.set_level(logging.INFO)
    await running.manager.restart()
    await running.manager.stop()
    running.image(STUBBORN, stops_in=10.0 * POLICY.stop_timeout)
    await running.manager.start(STUBBORN)
    await running.manager.stop()

    restarted, stopped, _, killed = lines_of(caplog, "operation_finished")
    assert "downtime_ms" in restarted
    assert (stopped["exit_code"], "killed_after_grace" in stopped) == (143, False)
    assert (killed["exit_code"], killed["killed_after_grace"]) == (137, True)
