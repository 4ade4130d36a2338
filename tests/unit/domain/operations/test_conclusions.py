"""Requests that change nothing are answered without the lease, if the record alone shows that."""

import asyncio

import pytest

from rtmanager.domain.errors import Conflict, NotFound, SemverPatchOnly, ServiceUnavailable
from rtmanager.domain.operation import OperationKind
from rtmanager.domain.ports.game_lease import LeaseBusy
from rtmanager.domain.runtime import RuntimeStatus
from tests.unit.domain.world import GAME, OTHER, Hang, Process, World


def called(process: Process, before: int = 0) -> list[str]:
    """Return the calls to ports that were made since then."""
    return [each for each in process.calls[before:] if not each.endswith(":done")]


async def test_refusal_costs_one_read_and_one_write(removed: World) -> None:
    """Neither Redis nor Docker is asked."""
    manager = removed.process()

    with pytest.raises(Conflict):
        await manager.ask(OperationKind.PATCH, image_ref=OTHER)

    assert called(manager) == ["records.get", "store.conclude"]
    assert removed.last.error_code == "conflict"


async def test_replay_costs_the_same(stopped: World) -> None:
    """A stop of what is stopped is answered with the record."""
    manager = stopped.process()

    record = await manager.stop()

    assert record == stopped.record
    assert called(manager) == ["records.get", "store.conclude"]
    assert stopped.last.error_code == "replay_no_op"


async def test_refusal_that_says_what_runs_asks_docker(running: World) -> None:
    """The record alone refuses it too, but does not show whether the engine runs."""
    with pytest.raises(SemverPatchOnly, match="runs as before"):
        await running.manager.ask(OperationKind.PATCH, image_ref="galaxy/game:2.0.0")


async def test_lease_of_another_process_does_not_keep_it_waiting(removed: World) -> None:
    """Nothing has begun yet: the request comes before whatever the holder will do."""
    async with removed.process().leases.hold(GAME, wait=0.0):
        with pytest.raises(Conflict, match="removed"):
            await removed.manager.ask(OperationKind.PATCH, image_ref=OTHER, wait=0.0)


async def test_open_operation_keeps_it_waiting(removed: World) -> None:
    """Its end may change what the request is decided from."""
    hang = Hang()
    removed.manager.on("host.create", hang)
    starting = asyncio.create_task(removed.manager.start())
    await hang.reached.wait()

    with pytest.raises(LeaseBusy):
        await removed.manager.ask(OperationKind.CLEANUP_CONTAINER, wait=0.0)
    hang.release()
    await starting

    assert removed.faults() == []


async def test_record_that_changes_meanwhile_is_read_again(removed: World) -> None:
    """The request is decided anew, under the lease: it is no replay any more."""

    async def start() -> None:
        await removed.process().start()

    removed.manager.on("store.conclude", start)

    record = await removed.manager.stop()

    assert record.status is RuntimeStatus.STOPPED
    assert [each.error_code for each in removed.operations[-2:]] == [None, None]
    assert removed.faults() == []


async def test_flood_on_unknown_games_leaves_no_lease(world: World) -> None:
    """A game that never ran is not found, without a trace in Redis."""
    with pytest.raises(NotFound):
        await world.manager.stop()

    assert called(world.manager) == ["records.get", "store.conclude"]


@pytest.mark.parametrize("call", ["records.get", "store.conclude", "store.conclude:done"])
async def test_store_that_is_away_is_no_refusal(
    removed: World, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The request is answered at once, in one log line."""
    removed.manager.on(call, ServiceUnavailable())
    caplog.clear()

    with pytest.raises(ServiceUnavailable):
        await removed.manager.stop()

    lines = [vars(each) for each in caplog.records if each.message == "operation_finished"]
    assert [each["error_code"] for each in lines] == ["service_unavailable"]
