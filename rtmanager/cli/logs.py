"""`logs`: an engine's output."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.choices import Game
from rtmanager.cli.remote import DEFAULT_URL, TokenFile, Url, ask
from rtmanager.cli.text import clock, plain
from rtmanager.cli.times import point_in_time

if TYPE_CHECKING:
    from rtmanager.client import LogLine, RuntimeManagerClient

PAUSE_SECONDS = 1.0
ALL_LINES = 10_000


def logs(
    game: Game,
    *,
    tail: Annotated[
        int, typer.Option("--tail", "-n", min=0, max=ALL_LINES, help="How many last lines.")
    ] = 100,
    since: Annotated[
        datetime | None,
        typer.Option(parser=point_in_time, metavar="TIME", help="Only since, such as 10m."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Wait for new lines until the engine ends.")
    ] = False,
    times: Annotated[bool, typer.Option(help="Begin each line with its time.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print NDJSON, for scripts.")] = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Print an engine's output, of a running or a dead one.

    The output is there as long as the container; `explain` has the last lines even then.
    """
    printer = _Printer(as_json=as_json, times=times)

    async def work(service: "RuntimeManagerClient") -> None:
        if follow:
            await _follow(service, game, _From(tail, since), printer)
            return
        async for line in service.logs(game, tail=tail, since=since):
            printer.print(line)

    ask(url, token_file, work)


@dataclass
class _From:
    """Where to continue: the service ends a followed log after some minutes."""

    tail: int
    since: datetime | None
    last: datetime | None = None


async def _follow(
    service: "RuntimeManagerClient", game: str, begin: _From, printer: "_Printer"
) -> None:
    """Follow until the engine has ended, over as many requests as that takes."""
    from rtmanager.client import NotFound  # noqa: PLC0415 - quick commands need none

    container = (await service.get(game)).current_container_id
    await _follow_once(service, game, begin, printer)
    while True:
        record = await service.get(game)
        if record.status != "running" or record.current_container_id != container:
            return
        await asyncio.sleep(PAUSE_SECONDS)
        try:
            await _follow_once(service, game, begin, printer)
        except NotFound:  # the container was removed meanwhile
            return


async def _follow_once(
    service: "RuntimeManagerClient", game: str, begin: _From, printer: "_Printer"
) -> None:
    before = begin.last
    tail, since = (begin.tail, begin.since) if before is None else (ALL_LINES, before)
    async for line in service.logs(game, tail=tail, since=since, follow=True):
        if before is None or line.at is None or line.at > before:
            begin.last = line.at or begin.last
            printer.print(line)


@dataclass(frozen=True)
class _Printer:
    as_json: bool
    times: bool

    def print(self, line: "LogLine") -> None:
        """Print one line; what the service remarks is no output of the engine."""
        if self.as_json:
            screen.print_json_line(line.json)
            return
        if line.stream == "service":
            typer.echo(f"-- {plain(line.text)}", err=True)
            return
        time = f"{clock(line.at)}  " if self.times else ""
        typer.echo(f"{time}{plain(line.text)}")
