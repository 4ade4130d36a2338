"""`doctor`: everything that the service needs, one line each, with the remedy."""

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from rtmanager.cli import screen
from rtmanager.cli.env_file import EnvFile, hint, variables
from rtmanager.cli.faults import ExitCode
from rtmanager.cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtmanager.bootstrap.doctor import Finding


def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
    env_file: EnvFile = None,
) -> None:
    """Check everything that the service needs, with remedies.

    Settings, Postgres, Redis, Docker, its network, the state root, permissions, pulls, clocks,
    names, and the service itself if it runs. It takes the service's RTMANAGER_* variables, and
    changes nothing. Faults exit with 1, warnings do not.
    """
    found = asyncio.run(_found(variables(env_file)))
    if as_json:
        screen.print_json({"findings": [asdict(each) for each in found]})
    else:
        for each in found:
            _print(each)
    if any(each.severity == "fault" for each in found):
        if more := hint(env_file):
            typer.echo(plain(more.strip()), err=True)
        raise typer.Exit(ExitCode.FAILED)


async def _found(environment: "Mapping[str, str]") -> "list[Finding]":
    from rtmanager.bootstrap.doctor import examine  # noqa: PLC0415 - slow

    return [each async for each in examine(environment)]


def _print(finding: "Finding") -> None:
    text = finding.text + (f"; {finding.remedy}" if finding.remedy else "")
    row = (finding.severity, finding.check, plain(text))
    screen.show(screen.columns(row, (8, 12)))
