"""`watch`: all games, or one, as things happen."""

import asyncio
import sys
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.completion import game_ids
from rtmanager.cli.event_lines import event_line
from rtmanager.cli.games import games_table
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, ask
from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from rtmanager.client import (
        ClientError,
        RuntimeManagerClient,
        RuntimeOverview,
        StreamedEvent,
    )

EVENTS_SHOWN = 8
REFRESH_SECONDS = 1.0
"""The list is read again at most so often, however much happens."""
_FRAME_LINES = 5


def watch(
    game: Annotated[str | None, typer.Argument(metavar="[GAME]", autocompletion=game_ids)] = None,
    *,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Show all games, or one, live; Ctrl-C ends it.

    Without a terminal each event is a line, with --json one of NDJSON.
    """
    is_live = sys.stdout.isatty() and not as_json

    async def work(service: "RuntimeManagerClient") -> None:
        if is_live:
            await _screen(service, game)
        else:
            await _lines(service, game, as_json=as_json)

    ask(url, token_file, work)


async def _lines(service: "RuntimeManagerClient", game: str | None, *, as_json: bool) -> None:
    async with aclosing(service.events(game, on_lost=_say_lost)) as events:
        async for each in events:
            if as_json and each.event is not None:
                screen.print_json_line({"id": each.id, **each.event.json})
            elif not as_json:
                typer.echo(plain(event_line(each)))


def _say_lost(why: "ClientError", seconds: float) -> None:
    typer.echo(f"{plain(why.message)}; trying again in {seconds:.1f} s", err=True)


@dataclass
class _State:
    """What the screen shows."""

    game: str | None
    games: "tuple[RuntimeOverview, ...]" = ()
    events: deque[str] = field(default_factory=lambda: deque(maxlen=EVENTS_SHOWN))
    lost: str = ""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, streamed: "StreamedEvent") -> None:
        """Note an event."""
        self.lost = ""
        self.events.append(event_line(streamed))
        self.changed.set()

    def lose(self, why: "ClientError", seconds: float) -> None:
        """Note that the connection is lost."""
        self.lost = f"{why.message}; trying again in {seconds:.1f} s"
        self.changed.set()

    def render(self, height: int) -> "RenderableType":
        """Return the screen; games that need attention come first, if not all have room."""
        from rich.console import Group  # noqa: PLC0415 - quick commands need none

        room = max(height - EVENTS_SHOWN - _FRAME_LINES, 3)
        shown = sorted(self.games, key=_urgency)[:room]
        shown.sort(key=lambda each: each.game_id)
        now = datetime.now(UTC)
        parts: list[RenderableType] = [games_table(shown, now)]  # type: ignore[list-item]
        if len(shown) < len(self.games):
            parts.append(screen.cell(f"and {len(self.games) - len(shown)} more games", "dim"))
        parts += ["", *(screen.cell(line) for line in self.events)]
        foot = self.lost or f"{now:%H:%M:%S} UTC; Ctrl-C ends"
        parts.append(screen.cell(foot, "red" if self.lost else "dim"))
        return Group(*parts)


def _urgency(game: "RuntimeOverview") -> tuple[bool, bool, float]:
    last = game.last_operation
    needs = game.health == "unhealthy" or (last is not None and last.outcome == "failure")
    is_open = last is not None and last.outcome == "open"
    return not is_open, not needs, -game.last_op_at.timestamp()


async def _screen(service: "RuntimeManagerClient", game: str | None) -> None:
    from rich.live import Live  # noqa: PLC0415 - as above

    from rtmanager.client import ClientError  # noqa: PLC0415 - as above

    state = _State(game)
    if game is not None:
        await service.get(game)  # one that was never started is an error, not an empty screen
    console = screen.console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_receive(service, state), name="events")
                tasks.create_task(_draw(service, state, live), name="screen")
        except* ClientError as errors:
            raise errors.exceptions[0] from None


async def _receive(service: "RuntimeManagerClient", state: _State) -> None:
    async with aclosing(service.events(state.game, on_lost=state.lose)) as events:
        async for each in events:
            state.add(each)


async def _draw(service: "RuntimeManagerClient", state: _State, live: "Live") -> None:
    while True:
        state.changed.clear()
        if not state.lost:
            found = await service.overview()
            state.games = tuple(each for each in found if state.game in {None, each.game_id})
        live.update(state.render(live.console.height), refresh=True)
        await asyncio.sleep(REFRESH_SECONDS)
