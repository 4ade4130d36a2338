"""`start`, `stop`, `restart`, `patch`, `cleanup`: the actions, and their steps as they happen."""

import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rtmanager.cli import screen
from rtmanager.cli.choices import Game, Image, ReasonChoice
from rtmanager.cli.faults import ExitCode, refuse
from rtmanager.cli.progress import Follower, followed
from rtmanager.cli.remote import DEFAULT_URL, AsJson, TokenFile, Url, Yes, ask
from rtmanager.cli.text import plain, precise, short

if TYPE_CHECKING:
    from rtmanager.client import Operation, RuntimeManagerClient, RuntimeRecord

Call = Callable[["RuntimeManagerClient", str], "Coroutine[Any, Any, RuntimeRecord]"]
"""Sends the action under a request id."""


def start(
    game: Game,
    image: Image,
    *,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Start a game's engine; pulls the image if need be."""
    act(
        lambda service, request_id: service.start(game, image, request_id=request_id),
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def stop(
    game: Game,
    *,
    reason: Annotated[
        ReasonChoice, typer.Option(help="Why; recorded in the operation log.")
    ] = ReasonChoice.ADMIN_REQUEST,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Stop a game's engine; its container and state stay."""
    confirm(f"Stop {game}?", yes=yes)
    act(
        lambda service, request_id: service.stop(game, reason.value, request_id=request_id),
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def restart(
    game: Game,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Run the same image in a new container."""
    confirm(f"Restart {game}?", yes=yes)
    act(
        lambda service, request_id: service.restart(game, request_id=request_id),
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def patch(
    game: Game,
    image: Image,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Move a game to another patch level.

    If the new engine does not start, or does not become healthy though the old one was, the old one
    runs again.
    """
    confirm(f"Patch {game} to {image}?", yes=yes)
    act(
        lambda service, request_id: service.patch(game, image, request_id=request_id),
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def cleanup(
    game: Game,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
    url: Url = DEFAULT_URL,
    token_file: TokenFile = None,
) -> None:
    """Remove the container of a stopped game; its state stays."""
    confirm(f"Remove the container of {game}?", yes=yes)
    act(
        lambda service, request_id: service.cleanup(game, request_id=request_id),
        as_json=as_json,
        url=url,
        token_file=token_file,
    )


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; a script has decided already."""
    if yes or not is_asked():
        return
    if not typer.confirm(plain(question), err=True):
        refuse("nothing was done", ExitCode.FAILED)


def is_asked() -> bool:
    """Say whether there is a person to ask."""
    return sys.stdin.isatty()


def act(call: Call, *, as_json: bool, url: str, token_file: Path | None) -> None:
    """Send an action, show its steps, and print what it led to."""
    follower = Follower(is_quiet=as_json)

    async def work(service: "RuntimeManagerClient") -> "RuntimeRecord":
        with follower:
            return await followed(service, call(service, follower.request_id), follower)

    record = ask(url, token_file, work, interrupted=lambda: follower.goes_on)
    if as_json:
        screen.print_json(record.json)
    else:
        typer.echo(plain(_result(record, follower.operation)))


def _result(record: "RuntimeRecord", operation: "Operation | None") -> str:
    states = {
        "running": f"runs {record.current_image_ref} in {short(record.current_container_id)}",
        "stopped": "is stopped; its container and state stay",
        "removed": f"has no container; its state stays in {record.state_path}",
    }
    said = f"{record.game_id} {states.get(record.status, record.status)}"
    if operation is None:
        return f"{said}."
    if operation.error_code == "replay_no_op":
        return f"Nothing to do: {said}."
    if operation.healthy is False:
        said += ", but has not answered /healthz yet"
    return f"{said} (operation {operation.operation_id}, {precise(operation.duration_ms)})."
