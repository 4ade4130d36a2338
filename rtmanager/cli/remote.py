"""How commands reach a running service: its address, the caller's token, and what errors mean."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from rtmanager.cli.faults import ExitCode, refuse

if TYPE_CHECKING:
    from rtmanager.client import ClientError, RuntimeManagerClient

DEFAULT_URL = "http://127.0.0.1:8096"

Url = Annotated[str, typer.Option("--url", envvar="RTM_URL", help="Where the service answers.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="RTM_TOKEN_FILE",
        help="File with the caller's token; RTM_TOKEN may contain the token itself.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for a confirmation.")]

T = TypeVar("T")
Work = Callable[["RuntimeManagerClient"], Awaitable[T]]


def ask(
    url: str, token_file: Path | None, work: Work[T], *, interrupted: Callable[[], str] = str
) -> T:
    """Call the service and return the answer; end the process with what an error means.

    `interrupted` returns what is said after Ctrl-C.
    """
    from rtmanager.client import ClientError  # noqa: PLC0415 - quick commands need none

    try:
        return asyncio.run(_asked(url, token_of(token_file), work))
    except ClientError as error:
        refuse(said(error), code_of(error))
    except KeyboardInterrupt:
        typer.echo(interrupted(), err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


async def _asked(url: str, token: str | None, work: Work[T]) -> T:
    async with client(url, token) as service:
        return await work(service)


def client(url: str, token: str | None) -> "RuntimeManagerClient":
    """Return a client of the service; end the process if the address is none."""
    import httpx  # noqa: PLC0415 - as above

    from rtmanager.client import RuntimeManagerClient  # noqa: PLC0415 - as above

    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        address = httpx.URL()
    if address.scheme not in {"http", "https"} or not address.host:
        refuse(f"{url!r} is no address; --url and RTM_URL accept http://host:port", ExitCode.USAGE)
    return RuntimeManagerClient(url, token=token, caller="admin")


def token_of(file: Path | None) -> str | None:
    """Return the caller's token from its file or from RTM_TOKEN; None if there is none."""
    if file is None:
        return os.environ.get("RTM_TOKEN", "").strip() or None
    try:
        token = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        refuse(f"cannot read the token from {file}: {reason}", ExitCode.USAGE)
    if not token.isascii() or not token.isprintable() or not token or " " in token:
        refuse(f"{file} contains no token: expected one line of printable ASCII", ExitCode.USAGE)
    return token


def code_of(error: "ClientError") -> ExitCode:
    """Return the exit code that an error means."""
    from rtmanager import client as errors  # noqa: PLC0415 - as above

    codes = {
        (errors.Unauthorized, errors.Forbidden): ExitCode.NOT_ALLOWED,
        (errors.InvalidRequest, errors.StartConfigInvalid, errors.ImageRefNotSemver): (
            ExitCode.USAGE
        ),
        (errors.NotFound,): ExitCode.NOT_FOUND,
        (errors.Conflict, errors.SemverPatchOnly): ExitCode.CONFLICT,
        (
            errors.Unreachable,
            errors.UnexpectedAnswer,
            errors.ServiceUnavailable,
            errors.DockerUnavailable,
        ): ExitCode.UNAVAILABLE,
    }
    found = (code for kinds, code in codes.items() if isinstance(error, kinds))
    return next(found, ExitCode.FAILED)


def said(error: "ClientError") -> str:
    """Return an error's message with what to do in the command line."""
    from rtmanager import client as errors  # noqa: PLC0415 - as above

    more = ""
    if isinstance(error, errors.Unauthorized):
        more = (
            "; pass --token-file or set RTM_TOKEN_FILE or RTM_TOKEN (`rtmanager token` makes one)"
        )
    elif isinstance(error, errors.Forbidden):
        more = "; use an IP address in --url, or let the service accept the name"
    elif isinstance(error, errors.Unreachable) and not error.was_sent:
        more = " (--url or RTM_URL)"
    elif isinstance(error, errors.NotFound) and error.message.endswith("not found"):
        more = "; `rtmanager list` shows the games, `rtmanager ops` the operations"
    elif isinstance(error, errors.NotFound) and "no node" in error.message:
        more = "; `rtmanager node list` shows the nodes"
    elif isinstance(error, errors.InternalError):
        more = f" (request id {error.request_id})"
    return f"{error.message}{more}"
