"""Reading an engine's output: which container, how much of it, and why it ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from rtmanager.adapters.in_memory.clock import ManualClock
from rtmanager.domain.container import ContainerId
from rtmanager.domain.container_output import OutputBatch, OutputLine, OutputRequest, OutputStream
from rtmanager.domain.errors import NotFound
from rtmanager.domain.game_id import GameId
from rtmanager.domain.insight.read_logs import MAX_SECONDS, MAX_SIZE, ReadLogs
from tests.unit.domain.world import BROKEN, GAME, World

ALL = OutputRequest(tail=100)
FOLLOWED = replace(ALL, follow=True)


@pytest.fixture
async def world() -> World:
    """Return a world with a game that has said something."""
    world = World()
    await world.manager.start()
    world.engine.output.extend(["one", "two"])
    return world


async def lines(world: World, wanted: OutputRequest, game: GameId = GAME) -> list[OutputLine]:
    """Read the output of the game to its end."""
    async with asyncio.timeout(5), world.manager.cases.read_logs.open(game, wanted) as output:
        return [line async for part in output.parts for line in part]


async def test_lines_of_the_running_engine_are_read(world: World) -> None:
    """The oldest comes first."""
    assert [each.text for each in await lines(world, ALL)] == ["one", "two"]


async def test_lines_of_the_last_dead_engine_are_read(world: World) -> None:
    """They are there while its container exists."""
    await world.manager.stop()

    assert [each.text for each in await lines(world, ALL)] == ["one", "two"]


@pytest.mark.parametrize("game", [GAME, GameId("nobody-knows")])
async def test_game_without_a_container_has_no_output(world: World, game: GameId) -> None:
    """The error says where the last lines are."""
    await world.manager.stop()
    await world.manager.cleanup()

    with pytest.raises(NotFound, match="explanation"):
        await lines(world, ALL, game)


async def test_followed_engine_that_ends_is_said_to_have_ended(world: World) -> None:
    """The last line is ours, and says how."""
    reading = asyncio.create_task(lines(world, FOLLOWED))
    await asyncio.sleep(0)
    world.docker.crash(world.engine.id, exit_code=3)

    last = (await reading)[-1]

    assert (last.stream, last.text) == (OutputStream.SERVICE, "the engine exited with code 3")


async def test_nobody_follows_for_ever(world: World) -> None:
    """After five minutes the caller has to ask again."""
    began = world.clock.monotonic()

    last = (await lines(world, FOLLOWED))[-1]

    assert last.text.startswith("5 minutes are over")
    assert world.clock.monotonic() - began == pytest.approx(MAX_SECONDS, abs=1)


async def test_service_that_stops_ends_its_streams(world: World) -> None:
    """A follower does not keep the process from ending."""
    world.manager.cases.release()

    assert (await lines(world, FOLLOWED))[-1].text.startswith("the service stops")


async def test_lines_are_whole_while_the_service_drains(world: World) -> None:
    """It still answers, so what was asked for is neither cut nor ended."""

    async def batches() -> AsyncIterator[OutputBatch]:
        for text in ("one", "two", "three"):
            yield OutputBatch([OutputLine(None, OutputStream.STDOUT, text)], 3)

    world.manager.cases.readiness.withdraw()
    read_logs = world.manager.cases.read_logs
    newest = await _all(read_logs._newest(ContainerId("c"), batches()))  # noqa: SLF001
    followed = await _all(read_logs._followed(ContainerId("c"), batches()))  # noqa: SLF001

    assert [each.text for each in newest] == ["one", "two", "three"]
    assert [each.text for each in followed][:-1] == ["one", "two", "three"]


@dataclass
class _Endless:
    """Output without end; `size` is what is read for each batch of one line."""

    text: str
    size: int
    read: int = field(default=0, init=False)

    def __aiter__(self) -> "_Endless":
        return self

    async def __anext__(self) -> OutputBatch:
        self.read += 1
        return OutputBatch([OutputLine(None, OutputStream.STDOUT, self.text)], self.size)


async def _all(parts: AsyncIterator[Sequence[OutputLine]]) -> list[OutputLine]:
    return [line async for part in parts for line in part]


def _reader(world: World) -> ReadLogs:
    return replace(world.manager.cases.read_logs, clock=ManualClock(auto=False))


async def test_engine_that_writes_without_end_is_cut_off(world: World) -> None:
    """No answer is larger than 4 MiB, by much."""
    endless = _Endless("x" * 4000, 4000)
    found = await _all(_reader(world)._followed(ContainerId("c"), endless))  # noqa: SLF001

    assert found[-1].text.startswith("4 MiB were sent")
    assert MAX_SIZE * 0.9 < sum(len(each.text) for each in found) <= MAX_SIZE * 1.01


async def test_endless_line_is_cut_off_by_what_is_read(world: World) -> None:
    """Most of what is read for it is never sent."""
    endless = _Endless("x", 1 << 20)
    found = await _all(_reader(world)._followed(ContainerId("c"), endless))  # noqa: SLF001

    assert found[-1].text.startswith("the engine writes too much")
    assert endless.read < 70


async def test_of_too_much_the_newest_is_read(world: World) -> None:
    """Without following, the end is worth more than the beginning."""

    async def batches() -> AsyncIterator[OutputBatch]:
        for number in range(2_000):
            text = f"{number} ".ljust(4000, "x")
            yield OutputBatch([OutputLine(None, OutputStream.STDOUT, text)], 4000)

    found = await _all(_reader(world)._newest(ContainerId("c"), batches()))  # noqa: SLF001

    assert found[-1].text.startswith("1999 ")
    assert sum(len(each.text) for each in found) <= MAX_SIZE


async def test_engine_that_could_not_be_started_has_no_container(world: World) -> None:
    """What it said is in the operation."""
    game = GameId("new-game")
    with pytest.raises(Exception, match="exited with code 3"):
        await world.manager.start(BROKEN, game)

    with pytest.raises(NotFound):
        await lines(world, ALL, game)
