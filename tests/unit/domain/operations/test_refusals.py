"""Callers can make up any number of games: their refusals do not fill the store."""

import logging

import pytest

from rtmanager.domain.errors import ErrorCode, NotFound, RuntimeManagerError, StartConfigInvalid
from rtmanager.domain.game_id import GameId
from rtmanager.domain.operation import OperationKind, OpSource
from rtmanager.domain.operations.refusal_rate import BURST
from rtmanager.domain.ports.game_lease import LeaseBusy
from tests.unit.domain.world import IMAGE, World

FLOOD = BURST + 50
WITHOUT_A_RECORD = [each for each in OperationKind if not each.startswith("reconcile")]


async def flood(world: World, kind: OperationKind, count: int = FLOOD) -> list[RuntimeManagerError]:
    """Request an operation that is refused on this many games that never ran."""
    refusals: list[RuntimeManagerError] = []
    for number in range(count):
        with pytest.raises(RuntimeManagerError) as caught:
            await world.manager.ask(kind, GameId(f"new-{number}"), image_ref="No Such Image")
        refusals.append(caught.value)
    return refusals


@pytest.mark.parametrize("kind", WITHOUT_A_RECORD)
async def test_flood_on_new_games_writes_only_a_burst(world: World, kind: OperationKind) -> None:
    """Every caller gets the same answer, but the later ones no row, and no intent."""
    refusals = await flood(world, kind)

    expected = StartConfigInvalid if kind is OperationKind.START else NotFound
    assert {type(each) for each in refusals} == {expected}
    assert len({each.message for each in refusals}) == 1
    assert len(world.operations) == BURST
    assert len(world.store.outbox) <= BURST
    assert len(world.store.leases) == (BURST if kind is OperationKind.START else 0)


async def test_rows_are_written_again_at_a_steady_rate(world: World) -> None:
    """After a flood one refusal a second is written."""
    await flood(world, OperationKind.STOP)

    world.clock.advance(10)
    await flood(world, OperationKind.STOP, 20)

    assert len(world.operations) == BURST + 10


async def test_refusal_without_a_row_is_logged_and_counted(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has every refusal, and how many of them have no row."""
    with caplog.at_level(logging.INFO):
        await flood(world, OperationKind.STOP, BURST + 2)

    lines = [each for each in caplog.records if each.message == "operation_finished"]
    assert len(lines) == BURST + 2
    assert {vars(each)["error_code"] for each in lines} == {ErrorCode.NOT_FOUND}
    assert [vars(each).get("unrecorded") for each in lines[-3:]] == [None, 1, 2]


async def test_refusal_of_a_game_with_a_record_always_has_a_row(world: World) -> None:
    """A flood on made-up games hides nothing of a real one."""
    await world.manager.start()
    await flood(world, OperationKind.STOP)
    before = len(world.operations)

    with pytest.raises(StartConfigInvalid):
        await world.manager.start("No Such Image")

    assert len(world.operations) == before + 1
    assert world.last.error_code is ErrorCode.START_CONFIG_INVALID


async def test_operation_that_begins_always_has_a_row(world: World) -> None:
    """A row that is an intent is never left out, not even of a new game."""
    await flood(world, OperationKind.STOP)
    before = len(world.operations)

    await world.manager.start(IMAGE, GameId("wanted"))

    assert len(world.operations) == before + 1


async def test_job_always_has_a_row_and_a_result(world: World) -> None:
    """A job has exactly one result, which is written with its row."""
    await flood(world, OperationKind.STOP)
    before = len(world.operations)
    world.source = OpSource.LOBBY_STREAM

    await flood(world, OperationKind.STOP, 20)

    assert len(world.operations) == before + 20
    results = [each for each in world.store.outbox if "job_id" in each.fields]
    assert len(results) == 20


async def test_busy_game_that_never_ran_is_refused_at_a_rate_too(world: World) -> None:
    """Callers can keep a made-up game busy; one with a record keeps its rows."""
    game = GameId("new-0")
    async with world.process().leases.hold(game, wait=0.0):
        for _ in range(FLOOD):
            with pytest.raises(LeaseBusy):
                await world.manager.ask(OperationKind.START, game, wait=0.0)

    assert len(world.operations) == BURST
