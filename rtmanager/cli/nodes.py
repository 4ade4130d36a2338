"""`node`: the hosts of a Swarm, what runs on them, and what operators say of them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.actions import confirm, is_asked
from rtmanager.cli.completion import node_names
from rtmanager.cli.faults import ExitCode, refuse
from rtmanager.cli.node_progress import Departure
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, Yes, ask
from rtmanager.cli.text import age, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtmanager.client import Node, RuntimeManagerClient

NO_NODES = "There are no nodes: all games run on a single Docker host."
HEADINGS = ("NODE", "STATE", "ROLE", "GAMES", "CPUS", "MEMORY", "SAID OF IT")
_GIB = 1 << 30

NodeName = Annotated[
    str,
    typer.Argument(metavar="NODE", help="Its name or its id.", autocompletion=node_names),
]
Reason = Annotated[str | None, typer.Option(help="Why; it is in the service's log.")]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Show the progress until no game is left.")
]
Word = Callable[["RuntimeManagerClient"], Awaitable["Node"]]

node = typer.Typer(
    help="Show nodes of a Swarm, drain them, vouch for lost ones.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@node.command("list")
def list_nodes(
    *, as_json: AsJson = False, url: Url = DEFAULT_URL, token_file: TokenFile = None
) -> None:
    """List all nodes with their games, and what to do about them."""
    found = ask(url, token_file, lambda service: service.nodes())
    if as_json:
        screen.print_json({"items": [each.json for each in found]})
        return
    if not found:
        typer.echo(NO_NODES, err=True)
        return
    screen.show(screen.table(HEADINGS, _rows(found, datetime.now(UTC))))
    for each in found:
        if each.advice is not None:
            screen.show("")
            screen.show(screen.cell(f"{each.name}: {each.advice}", "yellow"))


@node.command()
def lost(
    name: NodeName,
    *,
    reason: Reason = None,
    follow: Follow = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Vouch that a machine is off; its games start elsewhere.

    Off, not only out of reach: an engine that still runs there goes on writing the state of its
    game, beside the new one. A script says so with --yes.
    """
    if not yes and not is_asked():
        refuse(
            f"to vouch that the machine {name} is off, and not only out of reach, pass --yes",
            ExitCode.USAGE,
        )
    confirm(
        f"Is the machine {name} surely off, and not only out of reach? Its games start elsewhere; "
        "an engine that still runs there would write beside the new one.",
        yes=yes,
    )
    _say(
        lambda service: service.node_lost(name, reason=reason),
        Departure(name, "lost", is_quiet=as_json) if follow else None,
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


@node.command()
def drain(
    name: NodeName,
    *,
    reason: Reason = None,
    follow: Follow = False,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Move a node's games elsewhere, a few at a time.

    The service does it in the background, whether it is followed or not; each game is restarted,
    and no new one is placed on the node until `activate`.
    """
    confirm(f"Move all games of {name} to other nodes? Each is restarted.", yes=yes)
    _say(
        lambda service: service.drain_node(name, reason=reason),
        Departure(name, "drain", is_quiet=as_json) if follow else None,
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


@node.command()
def activate(
    name: NodeName,
    *,
    reason: Reason = None,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Let games be placed on a node again; ends its drain."""
    _say(
        lambda service: service.activate_node(name, reason=reason),
        None,
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def _say(
    word: Word, departure: Departure | None, *, as_json: bool, url: str, token_file: Path | None
) -> None:
    """Say something of a node, follow what comes of it, and print the node."""

    async def work(service: "RuntimeManagerClient") -> "Node":
        marked = await word(service)
        return marked if departure is None else await departure.followed(service, marked)

    found = ask(url, token_file, work, interrupted=lambda: departure.goes_on if departure else "")
    if as_json:
        screen.print_json(found.json)
    else:
        typer.echo(plain(f"{found.name}: {found.advice or 'Games are placed on it.'}"))


def _rows(nodes: "tuple[Node, ...]", now: datetime) -> "Iterator[tuple[object, ...]]":
    for each in nodes:
        yield (
            each.name,
            each.state,
            each.role,
            len(each.games),
            f"{each.reserved_cpus:g} of {each.cpus:g}",
            f"{each.reserved_memory_bytes / _GIB:.1f} of {each.memory_bytes / _GIB:.1f} GiB",
            ", ".join(_said(each, now)),
        )


def _said(each: "Node", now: datetime) -> "Iterator[str]":
    if each.off_at is not None:
        yield f"lost for {age(each.off_at, now)}"
    elif each.interrupted_at is not None:
        yield f"interrupted {age(each.interrupted_at, now)} ago"
    if each.drain_at is not None:
        yield f"drained for {age(each.drain_at, now)}"
    if each.games_left:
        yield f"{each.games_left} left"
    if each.availability != "active":
        yield f"{each.availability} in Swarm"
