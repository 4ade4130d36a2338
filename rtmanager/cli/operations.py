"""`ops`: the operation log, and one operation with its steps."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import operation_view, screen
from rtmanager.cli.choices import KindChoice, SourceChoice
from rtmanager.cli.completion import game_ids
from rtmanager.cli.faults import ExitCode
from rtmanager.cli.progress import POLL_SECONDS, Follower
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, ask
from rtmanager.cli.text import age, precise
from rtmanager.cli.times import point_in_time

if TYPE_CHECKING:
    from rtmanager.client import Operation, OperationFilter, RuntimeManagerClient

HEADINGS = ("ID", "GAME", "KIND", "OUTCOME", "AGE", "TOOK", "BY", "ABOUT")
LONGEST_POLL = 2.0
_LARGEST_ID = 2**63 - 1


def ops(
    what: Annotated[
        list[str] | None,
        typer.Argument(metavar="GAME | show ID", autocompletion=game_ids),
    ] = None,
    *,
    is_open: Annotated[bool, typer.Option("--open", help="Only those that run.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Only those that failed.")] = False,
    kind: Annotated[KindChoice | None, typer.Option(help="Only of this kind.")] = None,
    source: Annotated[SourceChoice | None, typer.Option(help="Only asked for by this.")] = None,
    request: Annotated[
        str | None, typer.Option(help="Only of this request id or job entry.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=point_in_time, metavar="TIME", help="Began since, such as 1h."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=point_in_time, metavar="TIME", help="Began before.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500)] = 20,
    wait: Annotated[
        bool, typer.Option("--wait", help="With `show`: follow it until it has finished.")
    ] = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Search the operation log; `ops show ID` shows one whole."""
    words = what or []
    if len(words) == 2 and words[0] == "show":  # noqa: PLR2004 - the word and the id
        show(_id(words[1]), url, token_file, wait=wait, as_json=as_json)
        return
    if len(words) > 1:
        raise typer.BadParameter("expected `ops`, `ops GAME` or `ops show ID`")
    if is_open and failed:
        raise typer.BadParameter("--open and --failed exclude each other")
    from rtmanager.client import (  # noqa: PLC0415 - slow
        OperationFilter,
        OperationKind,
        OperationSource,
        Outcome,
    )

    outcome = Outcome.OPEN if is_open else Outcome.FAILURE if failed else None
    matching = OperationFilter(
        game_id=words[0] if words else None,
        kind=OperationKind(kind) if kind else None,
        source=OperationSource(source) if source else None,
        outcome=outcome,
        source_ref=request,
        since=since,
        until=until,
    )
    listed(matching, limit, url, token_file, as_json=as_json)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _LARGEST_ID):
        raise typer.BadParameter(f"{text!r} is no id of an operation: a whole number from 1")
    return int(text)


def listed(
    matching: "OperationFilter", limit: int, url: str, token_file: Path | None, *, as_json: bool
) -> None:
    """Print a page of operations."""
    page = ask(url, token_file, lambda service: service.operations(matching, limit=limit))
    if as_json:
        screen.print_json(page.json)
    elif not page.items:
        typer.echo("No such operation.", err=True)
    else:
        screen.show(operations_table(page.items, datetime.now(UTC)))
        if page.next_cursor is not None:
            typer.echo(f"There are more; --limit {min(limit * 5, 500)} shows more.", err=True)


def operations_table(operations: "tuple[Operation, ...]", now: datetime) -> object:
    """Return the table of these operations."""
    rows = (
        (
            each.operation_id,
            each.game_id,
            each.kind,
            screen.cell(operation_view.brief(each), screen.STYLES.get(each.outcome, "")),
            age(each.started_at, now),
            precise(each.duration_ms),
            operation_view.who(each),
            each.error_message if each.outcome == "failure" else each.image_ref or each.reason,
        )
        for each in operations
    )
    return screen.table(HEADINGS, rows)


def show(
    operation_id: int, url: str, token_file: Path | None, *, wait: bool, as_json: bool
) -> None:
    """Print one operation; one that was waited for and failed is exit code 1."""
    follower = Follower(is_quiet=as_json)

    async def work(service: "RuntimeManagerClient") -> "Operation":
        operation = await service.operation(operation_id)
        if not wait or operation.outcome != "open":
            return operation
        with follower:
            follower.show(operation)
            return await _followed(service, operation, follower)

    operation = ask(url, token_file, work, interrupted=lambda: follower.goes_on)
    if as_json:
        screen.print_json(operation.json)
    else:
        screen.show(operation_view.whole(operation))
    if wait and operation.outcome == "failure":
        raise typer.Exit(ExitCode.FAILED)


async def _followed(
    service: "RuntimeManagerClient", operation: "Operation", follower: Follower
) -> "Operation":
    """Ask again and again, as the steps are shown while they run."""
    tries = 0
    while operation.outcome == "open":
        tries += 1
        seconds = min(POLL_SECONDS * math.log2(1 + tries), LONGEST_POLL)
        operation = await service.operation(operation.operation_id, wait=seconds)
        follower.show(operation)
    return operation
