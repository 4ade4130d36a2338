"""The command line: one function per command.

Commands import what they need when they run, so that quick commands stay quick.
"""

import asyncio
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, NoReturn

import typer

from rtmanager import __version__
from rtmanager.config import Address, ConfigError, Settings, ShownSetting
from rtmanager.telemetry.escaping import escaped

app = typer.Typer(
    name="rtmanager",
    help="The Galaxy Runtime Manager: runs every game as one Docker container.",
    no_args_is_help=True,
    add_completion=False,
    # Human-readable tracebacks show local variables, and those hold passwords.
    pretty_exceptions_enable=False,
)


class TokenSource(StrEnum):
    """What a token's operations are logged with: `gm_rest` or `admin_rest`."""

    GM = "gm"
    ADMIN = "admin"


def main() -> None:
    """Run the command line."""
    app()


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer passes it by position
    if wanted:
        typer.echo(f"rtmanager {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Handle the options before the command."""


@app.command()
def serve() -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Everything is set by RTMANAGER_* variables: `rtmanager check-config` shows them all. A second
    signal ends the process immediately.
    """
    run_service(os.environ)


def run_service(
    environment: Mapping[str, str],
    announce: Callable[[Address], None] = lambda _address: None,
) -> None:
    """Run the service with these variables; a startup error ends the process with one line.

    Calls `announce` with the address once requests are accepted.
    """
    settings = _settings(environment)
    with _start_up_faults_in_plain_words():
        from rtmanager.server.process import run  # noqa: PLC0415 - see the module's docstring

        run(settings, announce)


def refuse(reason: str) -> NoReturn:
    """End the process with exit code 1 and one line on stderr."""
    typer.echo(f"rtmanager: {reason}", err=True)
    raise typer.Exit(1)


@app.command()
def migrate() -> None:
    """Bring the database schema up to date.

    `serve` does this when it starts; use this command to do it beforehand. Several processes may
    migrate at the same time.
    """
    settings = _settings(os.environ)
    with _start_up_faults_in_plain_words():
        from rtmanager.bootstrap.composition import (  # noqa: PLC0415 - see the module's docstring
            migrate as migrate_schema,
        )

        report = asyncio.run(migrate_schema(settings))
    if report.from_version == report.to_version:
        typer.echo(f"Schema {report.schema} is up to date: version {report.to_version}.")
    else:
        versions = f"version {report.from_version} to {report.to_version}"
        typer.echo(f"Schema {report.schema} went from {versions}.")


@app.command()
def token(
    name: Annotated[str, typer.Argument(help="The caller's name, for the log.")],
    *,
    source: Annotated[
        TokenSource, typer.Option(help="The source that its operations are logged with.")
    ],
) -> None:
    """Make a token for a caller, and the line of RTMANAGER_API_TOKENS_FILE that admits it.

    Only the line goes to standard output, for `>> FILE`; run `umask 077` before, or everybody may
    read a new file. The token itself is shown once and is stored nowhere.
    """
    from rtmanager.handlers.api_tokens import (  # noqa: PLC0415 - see the module's docstring
        TokensFileError,
        line_of,
        new_token,
    )

    made = new_token()
    try:
        line = line_of(name, source, made)
    except TokensFileError as error:
        refuse(str(error))
    typer.echo(f"The token of {name}, sent as `Authorization: Bearer TOKEN`:\n{made}", err=True)
    typer.echo(line)


@app.command()
def check_config(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")] = False,
) -> None:
    """Show every setting, its value and where it comes from; secrets are masked.

    If settings are wrong, names every fault and exits with 1. Files that settings name are read
    too: secrets, tokens and certificates. Servers, the Docker network and the state root are only
    checked when the service starts.
    """
    try:
        settings = _settings_with_their_files()
    except ConfigError as error:
        if as_json:
            _print_json({"settings": [], "faults": [asdict(fault) for fault in error.faults]})
        refuse(_in_plain_words(error))
    shown = list(settings.shown())
    if as_json:
        _print_json({"settings": [asdict(setting) for setting in shown], "faults": []})
    else:
        _print_table(shown)


def _settings_with_their_files() -> Settings:
    from rtmanager.bootstrap.named_files import (  # noqa: PLC0415 - see the module's docstring
        file_faults,
    )

    settings = Settings.from_environment(os.environ)
    faults = tuple(file_faults(settings))
    if faults:
        raise ConfigError(faults)
    return settings


def _settings(environment: Mapping[str, str]) -> Settings:
    try:
        return Settings.from_environment(environment)
    except ConfigError as error:
        refuse(_in_plain_words(error))


@contextmanager
def _start_up_faults_in_plain_words() -> Iterator[None]:
    from rtmanager.bootstrap.service import (  # noqa: PLC0415 - see the module's docstring
        StartupError,
    )

    try:
        yield
    except StartupError as error:
        refuse(escaped(str(error)))


def _in_plain_words(error: ConfigError) -> str:
    if len(error.faults) == 1:
        return escaped(str(error.faults[0]))
    faults = "\n".join(f"  {escaped(str(fault))}" for fault in error.faults)
    return f"{len(error.faults)} settings are wrong:\n{faults}"


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, indent=2))


def _print_table(settings: list[ShownSetting]) -> None:
    width = max(len(setting.variable) for setting in settings)
    for setting in settings:
        typer.echo(
            f"{setting.variable:<{width}}  {setting.source:<11}  {escaped(setting.value) or '-'}"
        )
