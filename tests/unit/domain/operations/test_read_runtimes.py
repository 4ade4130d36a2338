import pytest

from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from tests.unit.domain.world import GAME, World


async def test_get_returns_the_record_without_docker(running: World) -> None:
    """Reading uses only the store, so it works without Docker."""
    running.docker.reachable = False

    assert await running.manager.cases.read.get(GAME) == running.record


async def test_get_of_a_game_never_started_is_not_found(world: World) -> None:
    """A game without a record is not found."""
    with pytest.raises(NotFound):
        await world.manager.cases.read.get(GAME)


async def test_list_is_ordered_by_game_id_with_every_status(world: World) -> None:
    """All records are listed, whatever their status, by game id."""
    for game in ("b", "a", "C"):
        await world.manager.start(game=GameId(game))
    await world.manager.stop(GameId("a"))
    world.docker.reachable = False

    async with world.manager.cases.read.pages() as pages:
        (page,) = [page async for page in pages]

    assert [(each.game_id, each.status) for each in page] == [
        ("C", "running"),
        ("a", "stopped"),
        ("b", "running"),
    ]
